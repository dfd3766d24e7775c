"""JSONPath templates in kubectl's dialect (k8s.io/client-go/util/jsonpath).

A template is text with actions in braces: ``{range .items[*]}{.name}{"\\t"}{.free}{"\\n"}{end}``. This is
not RFC 9535, and no library for Python has ``range``, quoted text and kubectl's way to print.
"""

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.cli.output.path_nodes import (
    DescendNode,
    FieldNode,
    FilterNode,
    JsonPathError,
    LiteralNode,
    Part,
    Path,
    PathNode,
    RangeNode,
    SliceNode,
    UnionNode,
)
from app.cli.output.path_reader import read_template

_RELAXED = re.compile(r"\{\.?([^{}]+)\}\Z|\.?([^{}]+)\Z")


@dataclass(frozen=True, slots=True)
class Template:
    """A template that is ready to be filled in."""

    parts: tuple[Part, ...]

    def render(self, data: Any) -> str:
        """The text for this data. A missing field prints nothing. Raises: JsonPathError."""
        return "".join(_rendered(self.parts, data))

    def values(self, data: Any) -> list[Any]:
        """The values that the paths of the template find, without its text. Raises: JsonPathError."""
        return [value for part in self.parts if isinstance(part, tuple) for value in _walk([data], part)]


def parse(text: str) -> Template:
    """Raises: JsonPathError, naming what is wrong."""
    return Template(read_template(text))


def parse_relaxed(text: str) -> Template:
    """A path as --sort-by and custom-columns accept it: ``{.a.b}``, ``.a.b`` or ``a.b``.

    Raises: JsonPathError.
    """
    found = _RELAXED.match(text.strip())
    if found is None:
        raise JsonPathError(f"{text!r} is not a path such as .name or {{.name}}")
    inner = found[1] or found[2]
    return parse(f"{{{inner}}}" if inner.startswith(("[", "@", "$")) else f"{{.{inner}}}")


def shown(value: Any) -> str:
    """One value as kubectl prints it: JSON for mappings and lists."""
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return "null" if value is None else str(value)


def _rendered(parts: Sequence[Part], data: Any) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, RangeNode):
            for value in _walk([data], part.path):
                yield from _rendered(part.body, value)
        else:
            yield " ".join(map(shown, _walk([data], part)))


def _walk(values: list[Any], path: Path) -> list[Any]:
    for step in path:
        values = _apply(values, step)
    return values


def _apply(values: list[Any], step: PathNode) -> list[Any]:
    if isinstance(step, UnionNode):
        return [item for path in step.paths for item in _walk(values, path)]
    return [item for value in values for item in _found(value, step)]


def _found(value: Any, step: PathNode) -> Iterable[Any]:
    """What a step finds in one value."""
    match step:
        case LiteralNode():
            return [step.value]
        case FieldNode():
            return [value[step.name]] if isinstance(value, dict) and step.name in value else []
        case SliceNode():
            return [] if value is None else _sliced(value, step)
        case FilterNode():
            return _filtered(value, step)
        case _:
            return _containers(value) if isinstance(step, DescendNode) else _children(value)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return value if isinstance(value, list) else []


def _containers(value: Any) -> Iterator[Any]:
    children = _children(value)
    if children:
        yield value
        for child in children:
            yield from _containers(child)


def _sliced(value: Any, step: SliceNode) -> list[Any]:
    items = _listed(value)
    size = len(items)
    if step.step is not None and step.step <= 0:
        raise JsonPathError("the step of a slice must be more than 0")
    start = step.start or 0
    first = start + size if start < 0 else start
    if step.single:
        if not 0 <= first < size:
            raise JsonPathError(f"index {start} is out of bounds: there are {size} items")
        return [items[first]]
    end = size if step.end is None else step.end + size if step.end < 0 else step.end
    if first == end:
        return []
    if not (0 <= first < size and 0 <= end <= size and first <= end):
        raise JsonPathError(f"slice {step.start}:{step.end} is out of bounds: there are {size} items")
    return items[first : end : step.step or 1]


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise JsonPathError(f"{shown(value)} is not a list")
    return value


def _filtered(value: Any, step: FilterNode) -> Iterator[Any]:
    for item in _listed(value):
        left = _walk([item], step.left)
        if not step.operator:
            if left:
                yield item
            continue
        right = _walk([item], step.right)
        if len(left) > 1 or len(right) > 1:
            raise JsonPathError("a filter compares one value with one")
        if left and right and _holds(left[0], step.operator, right[0]):
            yield item


def _holds(left: Any, sign: str, right: Any) -> bool:
    kinds = {_kind(left), _kind(right)}
    ordered = sign not in ("==", "!=")
    if len(kinds) > 1 or "other" in kinds or (ordered and "boolean" in kinds):
        raise JsonPathError(f"cannot compare {shown(left)} {sign} {shown(right)}")
    return bool(_OPERATORS[sign](left, right))


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
