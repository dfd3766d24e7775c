"""Decodes JSON of any size piece by piece. orjson decodes a text in one call: 16 MiB of ``{}`` block the
interpreter for seconds. So a large text is split at the commas of its outer arrays and objects into
pieces of about 64 KiB, with a pause between them. orjson parses and validates the text between the
commas.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from app.core.pauses import paced, pause

PIECE_BYTES = 64 * 1024
"""Maximum bytes decoded in one step: 1 ms, or 3 ms for a text of ``{}``."""
MAX_TEXT_BYTES = 2 * 1024 * 1024
"""Maximum bytes of one string, which is decoded in one step: 8 ms if it is all escapes. An API server refuses
objects of this size.
"""
MAX_KEYS = 100_000
"""Maximum number of keys of one object: a dictionary that grows moves all its keys in one step, 15 ms for a
million. No Kubernetes object has as many.
"""
_PAUSE_TOKENS = 256

_STRUCTURE = re.compile(rb'["\[\]{},]')
_KEY = re.compile(rb'"(?:[^"\\]|\\.){0,4096}"')
_SPACES = b" \t\n\r"
_SPACE = re.compile(rb"[ \t\n\r]*")
_CLOSING = {ord("["): ord("]"), ord("{"): ord("}")}
_COMMA, _COLON, _QUOTE = ord(","), ord(":"), ord('"')


class JSONPieceError(ValueError):
    """The text is not valid JSON; ``pos`` is at or before the error."""

    def __init__(self, message: str, pos: int) -> None:
        super().__init__(message)
        self.pos = pos


class _Span(NamedTuple):
    start: int
    end: int


def documents_in_pieces(text: bytes, max_depth: int) -> Iterator[Any]:
    """The values of a text that may contain several, one after the other, each as of ``orjson.loads``.

    Raises:
        JSONPieceError: a value is not valid JSON, or nested deeper than ``max_depth``.
    Cost: O(length): twice orjson's time, for a text of ``{}`` alone five times.
    """
    end = len(text)
    start, _ = _stripped(text, _Span(0, end))
    while True:
        if end - start <= PIECE_BYTES:
            try:
                yield orjson.loads(text[start:])
            except orjson.JSONDecodeError as error:
                if not error.msg.startswith("unexpected content after document"):
                    raise JSONPieceError(error.msg, start + error.pos) from None
            else:
                return
        after = _end_of_value(text, _Span(start, end), max_depth)
        yield _value(text, _Span(start, after))
        start, _ = _stripped(text, _Span(after, end))
        if start == end:
            return


def occurrences(text: bytes, signs: bytes) -> int:
    """How often these bytes occur in a text, with pauses. Cost: 0.4 ms for each megabyte and sign."""
    starts = paced(range(0, len(text), PIECE_BYTES), 1)
    return sum(text.count(sign, at, at + PIECE_BYTES) for at in starts for sign in signs)


def _end_of_value(text: bytes, span: _Span, max_depth: int) -> int:
    """The position after the array or object that begins the span; other values end with the text."""
    if span.start == span.end or text[span.start] not in _CLOSING:
        return span.end
    depth = 0
    for token, at in _tokens(text, span):
        if token in _CLOSING:
            depth += 1
            if depth > max_depth:
                raise JSONPieceError(f"nested deeper than {max_depth} levels", at - 1)
        elif token in _CLOSING.values():
            depth -= 1
            if not depth:
                return at
    raise JSONPieceError("unexpected end of data", span.end)


def _value(text: bytes, span: _Span) -> Any:
    start, end = _stripped(text, span)
    if end - start <= PIECE_BYTES or text[start] not in _CLOSING:
        pause()
        if end - start > MAX_TEXT_BYTES:
            raise _too_long(start)
        return _decoded(text[start:end], start)
    members = _members(text, _Span(start, end))
    if text[start] == ord("["):
        return _array(text, members)
    return _object(text, members)


def _array(text: bytes, members: Iterator[_Span]) -> list[Any]:
    found: list[Any] = []
    for piece, is_one in _pieces(members):
        if is_one:
            found.append(_value(text, piece))
        else:
            pause()
            found += _decoded(b"[" + text[piece.start : piece.end] + b"]", piece.start - 1)
    return found


def _object(text: bytes, members: Iterator[_Span]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for piece, is_one in _pieces(members):
        if len(found) > MAX_KEYS:
            raise JSONPieceError(f"an object has more than {MAX_KEYS} keys", piece.start)
        if not is_one:
            pause()
            found |= _decoded(b"{" + text[piece.start : piece.end] + b"}", piece.start - 1)
            continue
        key = _KEY.match(text, after_spaces(text, piece.start, piece.end), piece.end)
        if key is None:
            raise JSONPieceError("a key must be text of a reasonable length", piece.start)
        colon = after_spaces(text, key.end(), piece.end)
        if text[colon] != _COLON:
            raise JSONPieceError("a colon is missing", colon)
        found[_decoded(key[0], key.start())] = _value(text, _Span(colon + 1, piece.end))
    return found


def _pieces(members: Iterator[_Span]) -> Iterator[tuple[_Span, bool]]:
    """Consecutive members of one array or object, as one piece; a large member is a separate piece."""
    together: _Span | None = None
    for member in members:
        if together is not None and member.end - together.start > PIECE_BYTES:
            yield together, False
            together = None
        if member.end - member.start > PIECE_BYTES:
            yield member, True
        else:
            together = member if together is None else _Span(together.start, member.end)
    if together is not None:
        yield together, False


def _members(text: bytes, span: _Span) -> Iterator[_Span]:
    """The texts between the commas of a non-empty array or object."""
    start, closing = span.start + 1, list[int]()
    for token, at in _tokens(text, span):
        if token in _CLOSING:
            closing.append(_CLOSING[token])
        elif token == _COMMA:
            if len(closing) == 1:
                yield _member(text, _Span(start, at - 1))
                start = at
        elif token != closing.pop():
            raise JSONPieceError("a bracket is closed by one of another kind", at - 1)
        elif not closing:
            if at != span.end:
                raise JSONPieceError("unexpected content after document", at)
            yield _member(text, _Span(start, at - 1))
            return
    raise JSONPieceError("unexpected end of data", span.end)


def _tokens(text: bytes, span: _Span) -> Iterator[tuple[int, int]]:
    """Brackets and commas outside of strings, each with the position after it."""
    at, tokens = span.start, 0
    while at < span.end:
        tokens += 1
        if tokens % _PAUSE_TOKENS == 0:
            pause()
        match = _STRUCTURE.search(text, at, min(at + PIECE_BYTES, span.end))
        if match is None:
            at += PIECE_BYTES
            pause()
            continue
        at, token = match.end(), text[match.start()]
        if token == _QUOTE:
            at = _end_of_string(text, at, span.end)
        else:
            yield token, at


def _member(text: bytes, span: _Span) -> _Span:
    if _stripped(text, span) == (span.end, span.end):
        raise JSONPieceError("a value is missing", span.start)
    return span


def _end_of_string(text: bytes, at: int, end: int) -> int:
    """The position after the closing quote of the string that begins at ``at``."""
    start, limit = at, min(end, at + MAX_TEXT_BYTES)
    while True:
        quote = text.find(b'"', at, limit)
        if quote < 0:
            raise JSONPieceError("unexpected end of data", end) if limit == end else _too_long(start)
        before = text[at:quote]
        at = quote + 1
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return at
        pause()


def after_spaces(text: bytes, start: int, end: int) -> int:
    """The position of the first byte of a part of the text that is not a space, or its end. With pauses."""
    while start < end:
        match = _SPACE.match(text, start, min(start + PIECE_BYTES, end))
        if match is None or match.end() < start + PIECE_BYTES:
            return match.end() if match is not None else start
        start = match.end()
        pause()
    return start


def _too_long(start: int) -> JSONPieceError:
    return JSONPieceError(f"a string is longer than {MAX_TEXT_BYTES // 1024 // 1024} MiB", start)


def _stripped(text: bytes, span: _Span) -> _Span:
    start, end = after_spaces(text, span.start, span.end), span.end
    while start < end and text[end - 1] in _SPACES:
        before = max(start, end - PIECE_BYTES)
        end = before + len(text[before:end].rstrip(_SPACES))
        pause()
    return _Span(start, end)


def _decoded(piece: bytes, at: int) -> Any:
    """``at``: where the piece begins in the text."""
    try:
        return orjson.loads(piece)
    except orjson.JSONDecodeError as error:
        raise JSONPieceError(error.msg, at + error.pos) from None
