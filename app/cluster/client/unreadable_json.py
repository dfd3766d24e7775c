"""JSON that an API server passes on, and that orjson does not read.

An API server does not look into the configuration of a claim for its driver, nor into the data of its status.
It stores the bytes, and sends them in each list and watch, together with the claims of all others. Go reads
10,000 levels, and replaces what is not Unicode. orjson reads 1,024 levels, and nothing that is not Unicode.
"""

import math
import re
from collections.abc import Iterator

from app.core.pauses import paced

DEEPEST = 1_000
"""Levels that are read."""

_TOKENS = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|-?\d+(?:\.\d+)?[eE]\+?\d{3,}|-?\d{300,}(?:\.\d+)?(?:[eE][+-]?\d+)?',
    re.DOTALL,
)
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.",
    re.DOTALL,
)
_QUOTE = ord('"')
_MAX_NUMBER = 2_000
"""Characters of a number: to read more of them takes time that grows with their square."""
_SURROGATE, _REPLACEMENT = 6, b"\\ufffd"
"""Bytes of the escape of one half of a character, and what Go reads where the other half is missing."""


def readable(text: bytes) -> bytes:
    """Valid JSON as orjson reads it, from JSON that is valid to Go.

    ``null`` stands for each array and object below ``DEEPEST`` levels and for each number beyond a double,
    U+FFFD for what is not Unicode. Cost: O(length), with pauses.
    """
    return b"".join(_pieces(text.decode("utf-8", "replace").encode()))


def _pieces(text: bytes) -> Iterator[bytes]:
    last, depth = 0, 0
    for match in paced(_TOKENS.finditer(text)):
        sign = text[match.start()]
        if sign in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                yield text[last : match.start()]
        elif sign in b"]}":
            if depth == DEEPEST + 1:
                yield b"null"
                last = match.end()
            depth -= 1
        elif depth <= DEEPEST and (sign != _QUOTE or b"\\u" in match[0]):
            yield text[last : match.start()]
            yield from _of_string(match[0]) if sign == _QUOTE else (_of_number(match[0]),)
            last = match.end()
    yield text[last:]


def _of_string(token: bytes) -> Iterator[bytes]:
    last = 0
    for match in paced(_ESCAPES.finditer(token)):
        if len(match[0]) == _SURROGATE:
            yield token[last : match.start()]
            yield _REPLACEMENT
            last = match.end()
    yield token[last:]


def _of_number(token: bytes) -> bytes:
    return token if len(token) <= _MAX_NUMBER and math.isfinite(float(token)) else b"null"
