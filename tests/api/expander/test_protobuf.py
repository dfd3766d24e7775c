"""The wire format of Protocol Buffers: what is read, and what is refused with which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.expander.objects import read_raw
from app.api.expander.protobuf import (
    FieldBudget,
    MessageField,
    MessageOf,
    boolean,
    fields,
    integer,
    text,
    written,
)
from app.core.model.errors import FieldError, path_text
from app.core.pauses import on_pause

INNER = MessageOf(
    {1: MessageField("name", text), 2: MessageField("count", integer), 3: MessageField("on", boolean)}
)
READ = MessageOf(
    {
        1: MessageField("one", INNER),
        2: MessageField("many", INNER, "list"),
        3: MessageField("labels", text, "map"),
        4: MessageField("text", text),
    }
)


def read(data: bytes, most: int = 1000) -> dict:
    return READ(memoryview(data), FieldBudget(most))


READS = {
    "nothing": (b"", {}),
    "a message": (written(1, written(1, "a") + written(2, 5) + written(3, 1)),
                  {"one": {"name": "a", "count": 5, "on": True}}),
    "a negative number": (written(1, written(2, -7)), {"one": {"count": -7}}),
    "the most negative number": (written(1, written(2, -(1 << 63))), {"one": {"count": -(1 << 63)}}),
    "messages": (written(2, written(1, "a")) + written(2, b""), {"many": [{"name": "a"}, {}]}),
    "a map": (written(3, written(1, "k") + written(2, "v")), {"labels": {"k": "v"}}),
    "empty keys and values": (written(3, written(1, "k")) + written(3, b""), {"labels": {"k": "", "": ""}}),
    "the last one counts": (written(4, "a") + written(4, "b"), {"text": "b"}),
    "the last one counts, if it is empty too": (written(4, "a") + b"\x22\x00", {}),
    "unknown fields of each type": (
        written(90, 1) + written(91, "x") + b"\xe1\x05" + bytes(8) + b"\xe5\x05" + bytes(4) + written(4, "t"),
        {"text": "t"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), READS.values(), ids=READS)
def test_messages_are_read(data: bytes, expected: dict) -> None:
    assert read(data) == expected


REFUSED = {
    "half a number": (b"\x08\x80", "", "ends within a number"),
    "a number without end": (b"\xff" * 11, "", "has a number of more than 64 bits"),
    "less than its length": (b"\x22\x05ab", "", "ends within a value of 5 bytes"),
    "more than memory": (b"\x22\xff\xff\xff\xff\x0f", "", "ends within a value of 4294967295 bytes"),
    "field 0": (b"\x00\x00", "", "is not a Protocol Buffers message: a field has number 0"),
    "a group": (b"\x0b", "", "is not a Protocol Buffers message: field 1 has wire type 3"),
    "a number for text": (written(4, 5), "text", "must be a string, not a number"),
    "a number for a message": (written(2, b"") + written(2, 5), "many[1]", "must be a message, not a number"),
    "a number for an entry": (written(3, 5), "labels", "must be a message, not a number"),
    "text for a number": (
        written(1, written(2, "5")), "one.count", "must be a number, not a string or message",
    ),
    "no UTF-8": (written(2, written(1, b"\xff")), "many[0].name", "is not valid UTF-8"),
    "half a message in another": (written(1, b"\x0a"), "one", "ends within a number"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "path", "reason"), REFUSED.values(), ids=REFUSED)
def test_broken_ones_are_refused(data: bytes, path: str, reason: str) -> None:
    with pytest.raises(FieldError) as refusal:
        read(data)
    assert (path_text(refusal.value.path), refusal.value.reason) == (path, reason)


def test_the_number_of_fields_is_limited() -> None:
    assert read(written(2, b"") * 10, 10)["many"] == [{}] * 10
    with pytest.raises(FieldError, match="has too many fields"):
        read(written(2, b"") * 11, 10)


def test_long_messages_pause() -> None:
    pauses = []
    with on_pause(pauses.append):
        read(written(2, written(1, "a")) * 5000, 100_000)
    assert len(pauses) >= 10_000 // 256


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    def outcome(kind: str) -> str:
        try:
            return read_raw(kind, memoryview(data), FieldBudget())["kind"]
        except FieldError as error:
            return error.reason

    assert all(map(outcome, ("Pod", "Node")))


@given(st.integers(1, 500), st.integers(-(1 << 63), (1 << 63) - 1), st.binary())
def test_what_is_written_is_read(number: int, value: int, data: bytes) -> None:
    found = list(fields(memoryview(written(number, value) + written(number, data)), FieldBudget()))
    expected = [(number, value & (1 << 64) - 1)] if value else []
    assert [(key, item if isinstance(item, int) else bytes(item)) for key, item in found] == [
        *expected,
        (number, data),
    ]
