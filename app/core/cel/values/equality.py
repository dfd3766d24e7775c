"""Equality of values, as cel-go's common/types do it; and what rests on it.

Each raises EvalError where cel-go's value would be an error; ``EvalAbortError`` where cel-go panics.
"""

from typing import Any

from app.core.cel.common.errors import EvalAbortError, EvalError
from app.core.cel.values.kinds import LISTS, NUMBERS, items, length, no_overload
from app.core.cel.values.objects import COMPARED_OBJECTS, Message, QuantityValue
from app.core.cel.values.ordering import compare
from app.core.cel.values.values import (
    CelMap,
    ConcatList,
    Duration,
    NamedFormat,
    Optional,
    Timestamp,
    TypeValue,
    UnhashableKeyError,
)
from app.core.kept_error import kept
from app.core.pauses import paced, pause

_LIST_COST = 10
"""What comparing a list is worth in units: a microsecond or two."""


def equal(left: Any, right: Any) -> bool:
    """``==``; values of different types are different, but for numbers."""
    if left is None or right is None:
        return left is right
    return equal_values(left, right)


def equal_values(left: Any, right: Any) -> bool:  # noqa: C901, PLR0911 - one case for a kind of value
    """The equality of the left value's type."""
    kind = left.__class__
    if kind is str or kind is bool or kind is bytes:
        return right.__class__ is kind and left == right
    if kind in NUMBERS:
        return right.__class__ in NUMBERS and _equal_numbers(left, right)
    if kind in LISTS:
        return _equal_lists(left, right)
    if isinstance(left, CelMap):
        return _equal_maps(left, right)
    if kind is Optional:
        if right.__class__ is not Optional or left.present != right.present:
            return False
        return not left.present or _equal_directly(left.value, right.value)
    if kind is Timestamp:
        return right.__class__ is Timestamp and left.nanos == right.nanos
    if kind is Duration or kind is TypeValue:
        return right.__class__ is kind and left == right
    if kind is Message:
        return bool(left.equals(right))
    if kind is NamedFormat:
        if right.__class__ is not NamedFormat:
            raise no_overload()
        return bool(left.name == right.name)
    # Quantities, versions, URLs and addresses are defined for their own kind alone.
    if kind not in COMPARED_OBJECTS or right.__class__ is not kind or _is_pointer(right):
        raise no_overload()
    return bool(left.equals(right))


def _equal_directly(left: Any, right: Any) -> bool:
    if left is None:
        return right is None
    if right is None and (left.__class__ in COMPARED_OBJECTS or left.__class__ is NamedFormat):
        raise no_overload()
    return right is not None and equal_values(left, right)


def _is_pointer(value: Any) -> bool:
    # add() and sub() return a *Quantity in Go, which the type's own Equal does not take on the right.
    return value.__class__ is QuantityValue and value.pointer


def not_equal(left: Any, right: Any) -> bool:
    """``!=``: in cel-go an equality that fails counts as different, without an error."""
    try:
        return not equal(left, right)
    except EvalError:
        return True


def _equal_numbers(left: Any, right: Any) -> bool:
    if left.__class__ is right.__class__:
        return bool(left == right)
    if left != left or right != right:  # noqa: PLR0124 - NaN
        return False
    return compare(left, right) == 0


def _equal_lists(left: Any, right: Any) -> bool:
    if right.__class__ not in LISTS:
        return False
    if length(left) != length(right):
        return False
    # Lists of lists that are one object are gone through as often as they occur, whatever cel-go charges.
    pause(_LIST_COST)
    ours, theirs = items(left), items(right)
    failed: EvalError | None = None
    for one, other in paced(zip(ours, theirs, strict=True)):
        try:
            if not equal(one, other):
                return False
        except EvalError as error:
            # A plain list takes elements that cannot be compared for equal; a sum of lists does not.
            failed = failed or kept(error)
    if failed is not None and left.__class__ is ConcatList:
        raise failed.again()
    return True


def _equal_maps(left: CelMap, right: Any) -> bool:
    if not isinstance(right, CelMap) or len(left) != len(right):
        return False
    pause(_LIST_COST)
    for key, value in paced(left.pairs()):
        other, found = right.find(key)
        if not found:
            return False
        try:
            if not equal(value, other):
                return False
        except EvalError:
            continue  # as in plain lists
    return True


def matches_element(value: Any, item: Any) -> bool:
    """Whether ``value`` is this element; one that it cannot be compared with it is not."""
    try:
        return _equal_directly(value, item)
    except EvalError:
        return False


def has_key(container: CelMap, key: Any) -> bool:
    """Whether the map really has the key, default values aside."""
    try:
        return container.has(key)
    except UnhashableKeyError:
        if not container.native and len(container):
            raise EvalAbortError("a value of this type cannot be a key of a map") from None
        return False
