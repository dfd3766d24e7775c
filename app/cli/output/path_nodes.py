"""The parts of a JSONPath template."""

from dataclasses import dataclass
from typing import Any


class JsonPathError(ValueError):
    """A template that is not valid, or that does not suit the data."""


@dataclass(frozen=True, slots=True)
class LiteralNode:
    """Text, a number, true or false."""

    value: Any


@dataclass(frozen=True, slots=True)
class FieldNode:
    """``.name``"""

    name: str


@dataclass(frozen=True, slots=True)
class WildcardNode:
    """``.*``: all values of a mapping or a list."""


@dataclass(frozen=True, slots=True)
class DescendNode:
    """``..``: the value and everything in it that contains values."""


@dataclass(frozen=True, slots=True)
class SliceNode:
    """``[start:end:step]``. ``single``: one index, whose absence is an error."""

    start: int | None
    end: int | None
    step: int | None
    single: bool


@dataclass(frozen=True, slots=True)
class UnionNode:
    """``['a','b']`` or ``[0,2]``."""

    paths: tuple["Path", ...]


@dataclass(frozen=True, slots=True)
class FilterNode:
    """``[?(@.a=="b")]``; without an operator: items that have the field."""

    left: "Path"
    operator: str
    right: "Path"


PathNode = LiteralNode | FieldNode | WildcardNode | DescendNode | SliceNode | UnionNode | FilterNode
Path = tuple[PathNode, ...]


@dataclass(frozen=True, slots=True)
class RangeNode:
    """``{range PATH}...{end}``"""

    path: Path
    body: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class KeywordNode:
    """``range`` or ``end``, before the template is nested."""

    word: str
    path: Path


Part = str | Path | RangeNode
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
