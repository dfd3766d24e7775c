"""What kind a value has at run time, and lists, whatever they are made of."""

from collections.abc import Iterable, Sequence
from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.values.values import (
    ConcatList,
    Duration,
    GrowingList,
    NamedFormat,
    Optional,
    Timestamp,
    TypeValue,
    UInt,
)
from app.core.pauses import paced

NO_OVERLOAD = "no such overload"
LISTS = frozenset({tuple, ConcatList, GrowingList})
NUMBERS = frozenset({int, UInt, float})
_AT_ONCE = 65_536
"""Elements read in one step, of a millisecond."""


def no_overload() -> EvalError:
    """The error of a function that is not defined for the given types."""
    return EvalError(NO_OVERLOAD)


def type_name(value: Any) -> str:
    """The name of the value's runtime type."""
    kind = value.__class__
    name = _TYPE_NAMES.get(kind)
    if name is not None:
        return name
    return str(value.type_name)


_TYPE_NAMES: dict[type, str] = {
    type(None): "null_type", bool: "bool", int: "int", UInt: "uint", float: "double", str: "string",
    bytes: "bytes", tuple: "list", ConcatList: "list", GrowingList: "list", Optional: "optional_type",
    Duration: "google.protobuf.Duration", Timestamp: "google.protobuf.Timestamp", TypeValue: "type",
    NamedFormat: "kubernetes.NamedFormat",
}  # fmt: skip


def items(value: Any) -> tuple[Any, ...]:
    """The elements of a list."""
    if value.__class__ is GrowingList:
        return tuple(value.items)
    if value.__class__ is ConcatList:
        return value.flat()
    return value  # type: ignore[no-any-return]  # the callers have looked at the class


def each(value: Any) -> Iterable[Any]:
    """The elements of a list, without making one of a sum."""
    if value.__class__ is ConcatList:
        return value
    return items(value)


def length(value: Any) -> int:
    """The number of elements. O(1)."""
    if value.__class__ is ConcatList:
        return int(value.size)
    return len(value.items) if value.__class__ is GrowingList else len(value)


def part_of(value: Any, start: int, end: int) -> tuple[Any, ...]:
    """The elements from ``start`` up to ``end``, where 0 <= start <= end <= length."""
    if value.__class__ is ConcatList:
        return value.part(start, end)
    return tuple(items(value)[start:end])


def are_all(elements: Sequence[Any], kinds: frozenset[type]) -> bool:
    """Whether each element is of one of the kinds. O(length), with pauses."""
    if len(elements) <= _AT_ONCE:
        return kinds.issuperset(map(type, elements))
    starts = paced(range(0, len(elements), _AT_ONCE), 1)
    return all(kinds.issuperset(map(type, elements[start : start + _AT_ONCE])) for start in starts)


def is_list(value: Any) -> bool:
    """Whether the value is a list."""
    return value.__class__ in LISTS
