"""The parts of a JSONPath template."""

from dataclasses import dataclass
from typing import Any


class JsonPathError(ValueError):
    """A template that is not valid, or that does not suit the data."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Text, a number, true or false."""

    value: Any


@dataclass(frozen=True, slots=True)
class Field:
    """``.name``"""

    name: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """``.*``: all values of a mapping or a list."""


@dataclass(frozen=True, slots=True)
class Descend:
    """``..``: the value and everything in it that contains values."""


@dataclass(frozen=True, slots=True)
class Slice:
    """``[start:end:step]``. ``single``: one index, whose absence is an error."""

    start: int | None
    end: int | None
    step: int | None
    single: bool


@dataclass(frozen=True, slots=True)
class Union:
    """``['a','b']`` or ``[0,2]``."""

    paths: tuple["Path", ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """``[?(@.a=="b")]``; without an operator: items that have the field."""

    left: "Path"
    operator: str
    right: "Path"


Step = Literal | Field | Wildcard | Descend | Slice | Union | Filter
Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """``{range PATH}...{end}``"""

    path: Path
    body: tuple["Part", ...]


@dataclass(frozen=True, slots=True)
class Keyword:
    """``range`` or ``end``, before the template is nested."""

    word: str
    path: Path


Part = str | Path | Range
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
