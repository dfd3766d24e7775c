"""-o custom-columns and --sort-by: paths that select what to print, and in which order."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.cli.output.jsonpath import Template, parse_relaxed, shown
from app.cli.output.path_nodes import JsonPathError

NONE = "<none>"
_COMMA_OUTSIDE = re.compile(r",(?![^\[(]*[\])])")
_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?)(m|[kMGTPE]i?)?\Z")
_SCALE = {"": 1.0, "m": 1e-3, "k": 1e3} | {
    f"{unit}{binary}": (1024.0 if binary else 1000.0) ** power
    for power, unit in enumerate("MGTPE", 2)
    for binary in ("", "i")
}


@dataclass(frozen=True, slots=True)
class CustomColumn:
    """A head and the path of its values."""

    head: str
    path: Template

    def cell(self, item: Any) -> str:
        """The values, separated by commas; ``<none>`` if there are none. Raises: JsonPathError."""
        values = [value for value in self.path.values(item) if value is not None]
        return ",".join(map(shown, values)) or NONE


def custom_columns(spec: str) -> list[CustomColumn]:
    """Reads ``HEAD:PATH,HEAD:PATH``. Raises: JsonPathError."""
    return [_column(part) for part in _COMMA_OUTSIDE.split(spec)]


def columns_of_file(text: str) -> list[CustomColumn]:
    """Reads a file of two lines: the heads, and below them the paths. Raises: JsonPathError."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if len(lines) != 2 or len(lines[0]) != len(lines[1]):
        raise JsonPathError("a file of columns has a line of heads, and below it as many paths")
    return [CustomColumn(head, parse_relaxed(path)) for head, path in zip(*lines, strict=True)]


def sorted_by(items: Sequence[Any], path: str) -> list[Any]:
    """The items in the order of a path: numbers, quantities and texts each by their own order.

    Items without a value come first. The sort is stable.

    Raises: JsonPathError: the path is not valid, or no item has a value there.
    """
    template = parse_relaxed(path)
    found = [template.values(item) for item in items]
    if items and not any(found):
        raise JsonPathError(f"no item has a value at {path!r}")
    keys = [_key(values) for values in found]
    return [items[index] for index in sorted(range(len(items)), key=keys.__getitem__)]


def _column(text: str) -> CustomColumn:
    head, colon, path = text.partition(":")
    if not head.strip() or not colon or not path.strip():
        raise JsonPathError(f"{text!r} is not HEAD:PATH, such as NODE:.node")
    return CustomColumn(head.strip(), parse_relaxed(path))


def _key(values: Iterable[Any]) -> tuple[int, float, str]:
    value = next(iter(values), None)
    if value is None:
        return (0, 0.0, "")
    if isinstance(value, int | float):
        return (1, float(value), "")
    text = shown(value)
    amount = _AMOUNT.match(text)
    if amount is not None:
        return (1, float(amount[1]) * _SCALE[amount[2] or ""], text)
    return (2, 0.0, text)
