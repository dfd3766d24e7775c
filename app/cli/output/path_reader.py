"""Reads JSONPath templates in kubectl's dialect (k8s.io/client-go/util/jsonpath, the parser)."""

import re
from collections.abc import Iterator, Sequence

from app.cli.output.path_nodes import (
    COMPARISONS,
    DescendNode,
    FieldNode,
    FilterNode,
    JsonPathError,
    KeywordNode,
    LiteralNode,
    Part,
    Path,
    PathNode,
    RangeNode,
    SliceNode,
    UnionNode,
    WildcardNode,
)

_NUMBER = re.compile(r"[+-]?[\d.]+")
_SLICE = re.compile(r"(-?\d*)(?::(-?\d*))?(?::(-?\d*))?\Z")
_KEY = re.compile(r"'([^']*)'\Z")
_COMPARISON = re.compile(r"([^!<>=]+)([!<>=]+)(.+)\Z", re.DOTALL)
_ENDS_NAME = frozenset(" \t\r\n.,[]$@{}")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
_Flat = str | Path | KeywordNode


def read_template(text: str) -> tuple[Part, ...]:
    """Raises: JsonPathError, naming what is wrong."""
    parts, rest = _nested(list(_flat(text)), 0, inside=False)
    assert not rest  # noqa: S101 - all is read, or an error is raised
    return tuple(parts)


def _nested(flat: list[_Flat], at: int, *, inside: bool) -> tuple[list[Part], list[_Flat]]:
    parts: list[Part] = []
    while at < len(flat):
        part = flat[at]
        at += 1
        if not isinstance(part, KeywordNode):
            parts.append(part)
        elif part.word == "range":
            body, rest = _nested(flat[at:], 0, inside=True)
            parts.append(RangeNode(part.path, tuple(body)))
            flat, at = rest, 0
        elif inside:
            return parts, flat[at:]
        else:
            raise JsonPathError("{end} without {range}")
    if inside:
        raise JsonPathError("{range} without {end}")
    return parts, []


def _flat(text: str) -> Iterator[_Flat]:
    at = 0
    while (start := text.find("{", at)) >= 0:
        if start > at:
            yield text[at:start]
        reader = _Reader(text, start + 1)
        yield reader.action()
        at = reader.at
    if at < len(text):
        yield text[at:]


class _Reader:
    """Reads one action, from behind its opening brace to behind its closing one."""

    def __init__(self, text: str, at: int) -> None:
        self.at = at
        self._text = text

    def action(self) -> Path | KeywordNode:
        steps: list[PathNode] = []
        word = ""
        while True:
            sign = self._peek()
            if sign in ("", "\n", "\r"):
                raise JsonPathError(f"{self._text!r}: an action has no closing brace")
            if sign == "}":
                self.at += 1
                return KeywordNode(word, tuple(steps)) if word else tuple(steps)
            if sign in " \t@$":
                self.at += 1
            elif sign.isalpha() or sign == "_":
                found = self._identifier()
                if isinstance(found, str):
                    word = found
                else:
                    steps.append(found)
            else:
                steps += self._step(sign)

    def _step(self, sign: str) -> Sequence[PathNode]:
        if self._text.startswith("[?(", self.at):
            return (self._filter(),)
        if self._text.startswith("..", self.at):
            return self._descent()
        if sign == "[":
            return self._brackets()
        if sign in "\"'":
            return (LiteralNode(self._quoted(sign)),)
        if sign == ".":
            self.at += 1
            return (self._name(),)
        if sign in "+-" or sign.isdigit():
            return (LiteralNode(self._number()),)
        raise JsonPathError(f"{self._text!r}: {sign!r} is not expected in an action")

    def _peek(self) -> str:
        return self._text[self.at : self.at + 1]

    def _identifier(self) -> LiteralNode | str:
        start = self.at
        while self._peek() and self._peek() not in _ENDS_NAME:
            self.at += 1
        word = self._text[start : self.at]
        if word in ("true", "false"):
            return LiteralNode(word == "true")
        if word in ("range", "end"):
            return word
        raise JsonPathError(f"{self._text!r}: {word!r} is not known; a field begins with a dot")

    def _descent(self) -> tuple[PathNode, ...]:
        self.at += 2
        following = self._peek()
        if self._text.startswith("..", self.at):
            raise JsonPathError(f"{self._text!r}: '..' is repeated")
        named = following.isalnum() or following == "_"
        return (DescendNode(), self._name()) if named else (DescendNode(),)

    def _name(self) -> FieldNode | WildcardNode:
        name = ""
        while self._peek() and self._peek() not in _ENDS_NAME:
            if self._peek() == "\\":
                self.at += 1
            name += self._peek()
            self.at += 1
        return WildcardNode() if name == "*" else FieldNode(name)

    def _number(self) -> int | float:
        found = _NUMBER.match(self._text, self.at)
        text = found[0] if found is not None else self._peek()
        self.at += len(text)
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            raise JsonPathError(f"{text!r} is not a number") from None

    def _quoted(self, quote: str) -> str:
        text = ""
        self.at += 1
        while (sign := self._peek()) != quote:
            if sign in ("", "\n"):
                raise JsonPathError(f"{self._text!r}: quoted text has no end")
            if sign == "\\":
                self.at += 1
                sign = _ESCAPED.get(self._peek(), f"\\{self._peek()}")
            text += sign
            self.at += 1
        self.at += 1
        return text

    def _brackets(self) -> Sequence[PathNode]:
        end = self._text.find("]", self.at)
        if end < 0:
            raise JsonPathError(f"{self._text!r}: '[' has no ']'")
        inner, self.at = self._text[self.at + 1 : end], end + 1
        parts = inner.split(",")
        if len(parts) > 1:
            return (UnionNode(tuple(tuple(_bracket(part.strip())) for part in parts)),)
        return _bracket(inner)

    def _filter(self) -> FilterNode:
        start = self.at = self.at + 3
        quote = ""
        while (sign := self._peek()) != ")" or quote:
            if sign in ("", "\n"):
                raise JsonPathError(f"{self._text!r}: a filter has no ')]'")
            if quote:
                quote = "" if sign == quote and self._text[self.at - 1] != "\\" else quote
            elif sign in "\"'":
                quote = sign
            self.at += 1
        text = self._text[start : self.at]
        if not self._text.startswith(")]", self.at):
            raise JsonPathError(f"{self._text!r}: a filter has no ')]'")
        self.at += 2
        found = _COMPARISON.match(text)
        if found is None:
            return FilterNode(_path(text), "", ())
        if found[2] not in COMPARISONS:
            raise JsonPathError(f"{found[2]!r} is not a comparison")
        return FilterNode(_path(found[1]), found[2], _path(found[3]))


def _path(text: str) -> Path:
    found = _Reader(f"{text}}}", 0).action()
    if isinstance(found, KeywordNode):
        raise JsonPathError(f"{found.word!r} is not expected in a filter")
    return found


def _bracket(text: str) -> Sequence[PathNode]:
    if text == "*":
        return (SliceNode(None, None, None, single=False),)
    if found := _KEY.match(text):
        return _path(f".{found[1]}")
    found = _SLICE.match(text)
    if found is None or not text:
        raise JsonPathError(f"{text!r} is not an index, a slice or a quoted key")
    start, end, step = (int(part) if part and part != "-" else None for part in found.groups())
    return (SliceNode(start, end, step, single=found[2] is None),)
