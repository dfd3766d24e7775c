"""The values of literal tokens."""

import re

from app.core.cel.common.errors import CelCompileError
from app.core.cel.parser.lexer import Token
from app.core.cel.values.values import INT_MAX, INT_MIN, UINT_MAX, UInt

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SEQUENCE = re.compile(r"\\([xX][0-9a-fA-F]{2}|u.{4}|U.{8}|[0-3][0-7]{2}|.)", re.DOTALL)
_SURROGATES = range(0xD800, 0xE000)
_LARGEST = 0x10FFFF


def read_int(token: Token, sign: str) -> int:
    """An int literal, within 64 bits."""
    text = token.text
    value = int(text, 0) if text.startswith("0x") else _decimal(text)
    value = -value if sign else value
    if not INT_MIN <= value <= INT_MAX:
        raise CelCompileError("invalid int literal: it needs more than 64 bits", token.pos)
    return value


def read_uint(token: Token) -> UInt:
    """A uint literal, within 64 bits."""
    text = token.text[:-1]
    value = int(text, 0) if text.startswith("0x") else _decimal(text)
    if value > UINT_MAX:
        raise CelCompileError("invalid uint literal: it needs more than 64 bits", token.pos)
    return UInt(value)


def _decimal(text: str) -> int:
    # Python refuses to read numbers of thousands of digits; nothing over 64 bits is valid anyway.
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) <= 20 else UINT_MAX + 1


def read_double(token: Token, sign: str) -> float:
    """A double literal; one that overflows is an error, as in strconv.ParseFloat."""
    value = float(sign + token.text)
    if value in (float("inf"), float("-inf")):
        raise CelCompileError("invalid double literal: out of range", token.pos)
    return value


def read_string(token: Token) -> str:
    """A string literal: quotes and escapes undone."""
    body, raw = _body(token.text)
    if raw or "\\" not in body:
        return body
    return _SEQUENCE.sub(lambda match: _character(match[1], token.pos), body)


def read_bytes(token: Token) -> bytes:
    """A bytes literal: characters as UTF-8, ``\\x`` and octal escapes as single bytes."""
    body, raw = _body(token.text[1:])
    if raw or "\\" not in body:
        return body.encode()
    out = bytearray()
    end = 0
    for match in _SEQUENCE.finditer(body):
        out += body[end : match.start()].encode()
        out.append(_byte(match[1], token.pos))
        end = match.end()
    out += body[end:].encode()
    return bytes(out)


def _body(text: str) -> tuple[str, bool]:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    raw = text[0] in "rR"
    if raw:
        text = text[1:]
    quotes = 3 if len(text) >= 6 and text[:3] in ('"""', "'''") else 1
    return text[quotes:-quotes], raw


def _character(sequence: str, pos: int) -> str:
    head = sequence[0]
    if head in _ESCAPES:
        return _ESCAPES[head]
    if head in "xXuU":
        code = int(sequence[1:], 16)
    elif head in "0123":
        code = int(sequence, 8)
    else:
        return sequence
    if code in _SURROGATES or code > _LARGEST:
        raise CelCompileError("invalid unicode code point", pos)
    return chr(code)


def _byte(sequence: str, pos: int) -> int:
    head = sequence[0]
    if head in _ESCAPES:
        return ord(_ESCAPES[head])
    if head in "xX":
        return int(sequence[1:], 16)
    if head in "uU":
        raise CelCompileError("bytes cannot hold \\u escapes: unable to unescape string", pos)
    # \377 is the largest byte: the lexer takes three octal digits up to that.
    return int(sequence, 8) if head in "0123" else ord(sequence)
