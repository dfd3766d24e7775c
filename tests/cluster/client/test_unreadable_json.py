"""What an API server passes on of a tenant's bytes is read, with everything around it unchanged."""

import asyncio
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cluster.client.errors import ConnectionFailedError
from app.cluster.client.responses import event_of, object_of
from app.cluster.client.unreadable_json import DEEPEST, readable
from app.core.pauses import on_pause

HOSTILE: dict[str, tuple[bytes, Any]] = {
    "a high surrogate alone": (rb'"x\ud800"', "x\ufffd"),
    "a low surrogate alone": (rb'"\udc00x"', "\ufffdx"),
    "two high ones and a low one": (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
    "a pair the wrong way round": (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
    "capitals": (rb'"\uD800\uDFFF\uDBFF"', "\U000103ff\ufffd"),
    "an escaped backslash before it": (rb'"\\ud800\ud800"', "\\ud800\ufffd"),
    "a quote before it": (rb'"\"\ud800"', '"\ufffd'),
    "a key": (rb'{"\ud800": 1}', {"\ufffd": 1}),
    "bytes that are not UTF-8": (b'"\xff\xfea"', "\ufffd\ufffda"),
    "a surrogate in bytes": (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
    "a number beyond a double": (b"1e400", None),
    "a negative one": (b"[-1E+400, 2]", [None, 2]),
    "a long one": (b"1" * 400, None),
    "a long one that is small": (b"1" * 300 + b"e-290", 1.1111111111111111e9),
    "one in a text": (b'"1e400"', "1e400"),
    "brackets in a text": (rb'["[[[{{{\"]]", 1e400]', ['[[[{{{"]]', None]),
}


def claim(value: bytes) -> bytes:
    return b'{"type": "ADDED", "object": {"before": [1, {"a": "b"}], "x": %b, "after": "\xc3\xa9"}}' % value


@pytest.mark.parametrize("name", HOSTILE)
def test_a_watch_event_is_read_with_everything_else_as_it_is(name: str) -> None:
    text, expected = HOSTILE[name]
    event = asyncio.run(event_of("WATCH /x", claim(text)))
    assert event["object"] == {"before": [1, {"a": "b"}], "x": expected, "after": "\u00e9"}


@pytest.mark.parametrize("levels", [DEEPEST, 1_021, 1_022, 1_100, 9_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_what_nests_deeper_is_left_out(levels: int, opening: bytes, closing: bytes) -> None:
    text = opening * levels + b"1" + closing * levels
    found = asyncio.run(object_of("GET /x", b'{"deep": [%b, "]"], "after": {"b": [2]}}' % text))
    assert found["after"] == {"b": [2]}
    assert found["deep"][1] == "]"


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a": 1', b'{"a": \xff}', b"<html>", b'{"a": "\t"}', b'"\\ud800']
)
def test_what_is_not_json_is_an_error_as_before(text: bytes) -> None:
    with pytest.raises(ConnectionFailedError, match="not valid JSON"):
        asyncio.run(object_of("GET /x", text))


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_what_is_readable_stays_what_it_is(value: Any) -> None:
    escaped = json.dumps(value, default=str).encode("ascii")
    try:
        before = orjson.loads(escaped)
    except orjson.JSONDecodeError:  # a half of a character alone
        orjson.loads(readable(escaped))
        return
    assert orjson.loads(readable(escaped)) == before


def test_a_long_text_is_read_with_pauses() -> None:
    pauses: list[int] = []
    text = b"[" + b",".join([rb'"\u003c\ud800"'] * 100_000) + b"]"
    with on_pause(pauses.append):
        assert orjson.loads(readable(text)) == ["<\ufffd"] * 100_000
    assert len(pauses) > 300
    pauses.clear()
    with on_pause(pauses.append):
        readable(b'"' + rb"\ud800" * 100_000 + b'"')
    assert len(pauses) > 300
