"""A place in the tokens of an expression."""

from collections.abc import Iterator
from itertools import islice

from app.core.cel.common.ast import Literal
from app.core.cel.common.errors import CelCompileError
from app.core.cel.parser import literals
from app.core.cel.parser.lexer import Token

_OPERATORS = {"and": "&&", "or": "||", "not": "!"}
"""Words of other languages."""
_LITERALS = frozenset({"int", "uint", "float", "string", "bytes", "true", "false", "null"})
_AHEAD = 256


class Cursor:
    """Peeks at tokens, and takes them one after another. They are read as they are needed."""

    def __init__(self, tokens: Iterator[Token]) -> None:
        self._left = tokens
        self._tokens = list(islice(tokens, _AHEAD))
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        """The kind of a token that comes; the last one is "end"."""
        at = self._at + ahead
        if at >= len(self._tokens):
            self._tokens += islice(self._left, at + _AHEAD - len(self._tokens))
        return self._tokens[at].kind

    def take(self) -> Token:
        """The next token."""
        if self._at >= len(self._tokens):
            self.peek()
        token = self._tokens[self._at]
        self._at += 1
        return token

    def skip(self, count: int) -> list[Token]:
        """The next ``count`` tokens."""
        taken = self._tokens[self._at : self._at + count]
        self._at += count
        return taken

    def accept(self, kind: str) -> Token | None:
        """The next token, if it is of this kind."""
        return self.take() if self.peek() == kind else None

    def expect(self, kind: str) -> Token:
        """Takes a token of this kind, or raises."""
        if self.peek() != kind:
            raise self.unexpected(kind)
        return self.take()

    def unexpected(self, expected: str) -> CelCompileError:
        """The error of the next token."""
        self.peek()
        token = self._tokens[self._at]
        if token.kind == "end":
            return CelCompileError("syntax error: unexpected end of the expression", token.pos)
        names = {"end": "the end of the expression", "name": "a name"}
        word = _OPERATORS.get(token.text)
        hint = f"; write {word} for the logical operator" if word else ""
        return CelCompileError(
            f"syntax error: found {token.text!r}, expected {names.get(expected, repr(expected))}{hint}",
            token.pos,
        )

    def literal(self) -> Literal:
        """A literal, with its sign.

        Raises:
            CelCompileError: something else comes, or its value is out of range.
        """
        sign = self.accept("-")
        kind = self.peek()
        if kind not in _LITERALS or (sign and kind not in ("int", "float")):
            raise self.unexpected("an expression")
        token = self.take()
        pos = (sign or token).pos
        match token.kind:
            case "int":
                return Literal(pos, literals.read_int(token, "-" if sign else ""))
            case "uint":
                return Literal(pos, literals.read_uint(token))
            case "float":
                return Literal(pos, literals.read_double(token, "-" if sign else ""))
            case "string":
                return Literal(pos, literals.read_string(token))
            case "bytes":
                return Literal(pos, literals.read_bytes(token))
            case _:
                return Literal(pos, {"true": True, "false": False, "null": None}[token.kind])
