"""Large JSON is decoded in pieces, to exactly what orjson makes of it in one."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.manifests import json_pieces
from app.manifests.json_pieces import JSONPieceError, documents_in_pieces, occurrences
from tests.pausing import Meter

CALLS = 20_000
"""Between two pauses: some 10 ms."""

texts = st.text(alphabet='ab"\\[]{},: é', max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9**9) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pieces, "PIECE_BYTES", 16)


def loads(text: bytes) -> Any:
    values = list(documents_in_pieces(text, 200))
    if len(values) != 1:
        raise JSONPieceError("several documents", 0)
    return values[0]


def outcome(loads: Any, text: bytes) -> Any:
    try:
        return loads(text)
    except (JSONPieceError, orjson.JSONDecodeError):
        return "not valid"


@given(values, st.sampled_from([None, 1]))
def test_the_value_is_what_orjson_gives(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent).encode()
    assert loads(text) == value


@given(values, st.integers(0, 10_000), st.sampled_from([*',[]{}":\\ x1', ""]), st.integers(0, 1))
def test_what_is_wrong_is_wrong_in_pieces_too(value: Any, place: int, put: str, drop: int) -> None:
    text = json.dumps(value)
    place %= len(text) + 1
    changed = (text[:place] + put + text[place + drop :]).encode()
    assert outcome(loads, changed) == outcome(orjson.loads, changed)


@given(st.lists(st.lists(values, max_size=3) | st.dictionaries(texts, values), min_size=1, max_size=5))
def test_documents_follow_each_other(documents: list[Any]) -> None:
    text = " ".join(map(json.dumps, documents)).encode()
    assert list(documents_in_pieces(text, 200)) == documents


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"{}," * 300_000 + b"{}]",
        b"[" + b'"",' * 300_000 + b'""]',
        b"[" * 100 + b"{}" + b",{}" * 300_000 + b"]" * 100,
        b'["' + b'\\"' * 300_000 + b'"]',
        b'{"a":{"b":{"c":[' + b"[0]," * 300_000 + b"[0]]}}}",
        b"[" + b" " * 900_000 + b"1]",
        b'{"' + b"k" * 3_000 + b'": [' + b"1," * 300_000 + b"1]}",
        b"{}" * 300_000,
        b" " * 900_000 + b"[1]",
        b"{" + b" " * 900_000 + b'"k":1}',
        b'{"k"' + b" " * 900_000 + b":1}",
        b'{"k":' + b" " * 900_000 + b"1}",
    ],
    ids=[
        *("maps", "texts", "deep", "escapes", "lists in maps", "space", "key", "documents"),
        *("space first", "space before a key", "space before a colon", "space before a value"),
    ],
)
def test_there_is_a_pause_every_few_milliseconds(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    meter = Meter(2_000)
    meter.measure(lambda: list(documents_in_pieces(text, 200)))
    assert meter.pauses > 5
    assert meter.most < CALLS, meter.where


def test_what_is_too_deep_is_refused_before_it_is_read() -> None:
    with pytest.raises(JSONPieceError, match="deeper than 200"):
        list(documents_in_pieces(b"[" * 5_000 + b"]" * 5_000, 200))


def test_a_string_that_is_too_long_to_decode_in_one_step_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_pieces, "MAX_TEXT_BYTES", 100)
    assert loads(json.dumps(["x" * 98]).encode()) == ["x" * 98]
    with pytest.raises(JSONPieceError, match="a string is longer than"):
        loads(json.dumps({"a": ["x" * 99]}).encode())


def test_an_object_with_more_keys_than_can_be_moved_in_one_step_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_pieces, "MAX_KEYS", 100)
    few = {f"k{index}": index for index in range(90)}
    assert loads(json.dumps(few).encode()) == few
    with pytest.raises(JSONPieceError, match="more than 100 keys"):
        loads(json.dumps({f"k{index}": index for index in range(200)}).encode())


@given(st.binary(max_size=60), st.integers(1, 9))
def test_occurrences_are_counted_over_all_pieces(text: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pieces, "PIECE_BYTES", size)
        assert occurrences(text, b"\x00,[") == sum(map(text.count, (b"\x00", b",", b"[")))
