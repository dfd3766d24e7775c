"""A place in the tokens of an expression."""

from app.core.cel import literals
from app.core.cel.errors import CelCompileError
from app.core.cel.lexer import Token
from app.core.cel.syntax import Literal

_LITERALS = frozenset({"int", "uint", "float", "string", "bytes", "true", "false", "null"})


class Cursor:
    """Looks at tokens, and takes them one after another."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self, ahead: int = 0) -> str:
        """The kind of a token that comes; the last one is "end"."""
        return self._tokens[self._at + ahead].kind

    def take(self) -> Token:
        """The next token."""
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
        return self.take() if self._tokens[self._at].kind == kind else None

    def expect(self, kind: str) -> Token:
        """Takes a token of this kind, or raises."""
        token = self._tokens[self._at]
        if token.kind != kind:
            raise self.unexpected(kind)
        return self.take()

    def unexpected(self, wanted: str) -> CelCompileError:
        """The error of the next token."""
        token = self._tokens[self._at]
        names = {"end": "the end of the expression", "name": "a name"}
        found = names.get(token.kind, repr(token.text)) if token.kind == "end" else repr(token.text)
        return CelCompileError(
            f"syntax error: found {found}, expected {names.get(wanted, repr(wanted))}", token.pos
        )

    def literal(self) -> Literal:
        """A literal, with its sign.

        Raises:
            CelCompileError: something else comes, or its value is out of range.
        """
        sign = self.accept("-")
        token = self._tokens[self._at]
        if token.kind not in _LITERALS or (sign and token.kind not in ("int", "float")):
            raise self.unexpected("an expression")
        self.take()
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
