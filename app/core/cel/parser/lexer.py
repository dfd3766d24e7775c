"""Tokens of CEL (grammar of cel-go v0.29, parser/gen/CEL.g4)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.core.cel.common.errors import CelCompileError
from app.core.pauses import pause

_ESCAPE = r"""\\(?:[abfnrtv"'\\?`]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})"""
# A three-quoted string ends at the first three quotes; a one-quoted one holds no line break. Each
# alternative reads every character once, so that no input takes more than linear time.
_STRING = (
    rf'"""(?:{_ESCAPE}|[^\\"]|"(?!""))*"""'
    rf"|'''(?:{_ESCAPE}|[^\\']|'(?!''))*'''"
    rf'|"(?:{_ESCAPE}|[^\\"\n\r])*"'
    rf"|'(?:{_ESCAPE}|[^\\'\n\r])*'"
)
_RAW = r'''[rR]"""(?:[^"]|"(?!""))*"""|[rR]\'\'\'(?:[^']|'(?!''))*\'\'\'|[rR]"[^"\n\r]*"|[rR]'[^'\n\r]*\''''
_TOKEN = re.compile(
    rf"""
    (?P<space>[\t\ \r\n\f]+ | //[^\n]*)
  | (?P<bytes>[bB](?:{_RAW}|{_STRING}))
  | (?P<string>{_RAW}|{_STRING})
  | (?P<float>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)? | [0-9]+[eE][+-]?[0-9]+ | \.[0-9]+(?:[eE][+-]?[0-9]+)?)
  | (?P<uint>(?:0x[0-9a-fA-F]+ | [0-9]+)[uU])
  | (?P<int>0x[0-9a-fA-F]+ | [0-9]+)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<quoted>`[A-Za-z0-9_.\-/\ ]+`)
  | (?P<op>==|!=|<=|>=|&&|\|\||[<>\[\]{{}}().,\-!?:+*/%])
    """,
    re.VERBOSE,
)
_KEYWORDS = frozenset({"in", "true", "false", "null"})


@dataclass(frozen=True, slots=True)
class Token:
    """``kind`` is a group of the pattern, or the text itself for operators and keywords, or "end"."""

    kind: str
    text: str
    pos: int


def tokenize(text: str) -> list[Token]:
    """Splits the text; the last token is "end". O(length).

    Raises:
        CelCompileError: at a character that no token starts with.
    """
    return list(scan(text))


def scan(text: str) -> Iterator[Token]:
    """As ``tokenize``, one token after the other."""
    pos = 0
    while pos < len(text):
        pause()  # 10,000 tokens may come before the parser has a node
        match = _TOKEN.match(text, pos)
        if match is None:
            raise CelCompileError(_unknown(text, pos), pos)
        kind = match.lastgroup or ""
        found = match.group()
        if kind == "op" or (kind == "name" and found in _KEYWORDS):
            kind = found
        if kind != "space":
            yield Token(kind, found, pos)
        pos = match.end()
    yield Token("end", "<end>", len(text))


def _unknown(text: str, pos: int) -> str:
    found = text[pos]
    if found in "\"'":
        return (
            "a string that does not end, or has an escape that CEL does not know (write \\\\ for a backslash)"
        )
    if found in "&|":
        return f"{found!r} alone: write {found * 2} for the logical operator"
    if found == "=":
        return "'=' alone: write == to compare"
    return f"unexpected character {found!r}"
