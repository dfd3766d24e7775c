"""Operators on values whose types are known at run time only, as cel-go's common/types do them.

Each raises EvalError where cel-go's value would be an error; ``EvalAbortError`` where cel-go panics.
"""

from collections.abc import Callable, Iterable
from typing import Any

from app.core.cel.errors import EvalAbortError, EvalError
from app.core.cel.objects import COMPARED_OBJECTS, Message, Quantity
from app.core.cel.values import (
    INT_MAX,
    INT_MIN,
    NONE,
    UINT_MAX,
    CelMap,
    ConcatList,
    Duration,
    GrowingList,
    NamedFormat,
    Optional,
    Timestamp,
    TypeValue,
    UInt,
    UnhashableKeyError,
)

NO_OVERLOAD = "no such overload"
_SECOND = 10**9
_TIME_MIN, _TIME_MAX = -62135596800 * _SECOND, 253402300800 * _SECOND
LISTS = frozenset({tuple, ConcatList, GrowingList})
_NUMBERS = frozenset({int, UInt, float})


def no_overload() -> EvalError:
    """The error of a function that is not defined for the types at hand."""
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


def is_list(value: Any) -> bool:
    """Whether the value is a list."""
    return value.__class__ in LISTS


# Equality


def equal(left: Any, right: Any) -> bool:
    """``==``; values of different types are different, but for numbers."""
    if left is None or right is None:
        return left is right
    return equal_values(left, right)


def equal_values(left: Any, right: Any) -> bool:  # noqa: C901, PLR0911  # one case for a kind of value
    """The equality of the left value's type."""
    kind = left.__class__
    if kind is str or kind is bool or kind is bytes:
        return right.__class__ is kind and left == right
    if kind in _NUMBERS:
        return right.__class__ in _NUMBERS and _equal_numbers(left, right)
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
    return value.__class__ is Quantity and value.pointer


def not_equal(left: Any, right: Any) -> bool:
    """``!=``: in cel-go an equality that fails counts as different, without an error."""
    try:
        return not equal(left, right)
    except EvalError:
        return True


def _equal_numbers(left: Any, right: Any) -> bool:
    if left.__class__ is right.__class__:
        return bool(left == right)
    if left != left or right != right:  # noqa: PLR0124  # NaN
        return False
    return compare(left, right) == 0


def _equal_lists(left: Any, right: Any) -> bool:
    if right.__class__ not in LISTS:
        return False
    if length(left) != length(right):
        return False
    ours, theirs = items(left), items(right)
    failed: EvalError | None = None
    for one, other in zip(ours, theirs, strict=True):
        try:
            if not equal(one, other):
                return False
        except EvalError as error:
            # A plain list takes elements that cannot be compared for equal; a sum of lists does not.
            failed = failed or error
    if failed is not None and left.__class__ is ConcatList:
        raise failed
    return True


def _equal_maps(left: CelMap, right: Any) -> bool:
    if not isinstance(right, CelMap) or len(left) != len(right):
        return False
    for key, value in left.pairs():
        other, found = right.find(key)
        if not found:
            return False
        try:
            if not equal(value, other):
                return False
        except EvalError:
            continue  # as in plain lists
    return True


def contains(container: Any, value: Any) -> bool:
    """``value in container``."""
    if container.__class__ in LISTS:
        return any(matches_element(value, item) for item in each(container))
    if isinstance(container, CelMap):
        return has_key(container, value)
    raise no_overload()


def matches_element(value: Any, item: Any) -> bool:
    """Whether ``value`` is this element; one that it cannot be compared with it is not."""
    try:
        return _equal_directly(value, item)
    except EvalError:
        return False


def has_key(container: CelMap, key: Any) -> bool:
    """Whether the map really has the key, default values aside."""
    try:
        return CelMap.find(container, key)[1]
    except UnhashableKeyError:
        if not container.native and len(container):
            raise EvalAbortError("a value of this type cannot be a key of a map") from None
        return False


# Order


def compare(left: Any, right: Any) -> int:  # noqa: PLR0911  # one case for a kind of value
    """-1, 0 or 1 for values that have an order."""
    kind, other = left.__class__, right.__class__
    if kind is other:
        if kind is float and (left != left or right != right):  # noqa: PLR0124  # NaN
            raise EvalError("NaN values cannot be ordered")
        if kind is str or kind is int or kind is float or kind is bool or kind is bytes:
            return -1 if left < right else int(left > right)
        if kind is UInt:
            return -1 if left.value < right.value else int(left.value > right.value)
        if kind is Timestamp or kind is Duration:
            return -1 if left.nanos < right.nanos else int(left.nanos > right.nanos)
        raise no_overload()
    if kind is float and other in _NUMBERS:
        return _compare_float(left, right)
    if other is float and kind in _NUMBERS:
        return -_compare_float(right, left)
    if kind is int and other is UInt:
        return -1 if left < right.value else int(left > right.value)
    if kind is UInt and other is int:
        return -1 if left.value < right else int(left.value > right)
    raise no_overload()


def _compare_float(number: float, whole: Any) -> int:
    if number != number:  # noqa: PLR0124  # NaN
        raise EvalError("NaN values cannot be ordered")
    if whole.__class__ is UInt:
        if number < 0:
            return -1
        whole = whole.value
        limit = 2.0**64
    else:
        if number < INT_MIN:
            return -1
        limit = 2.0**63
    if number > limit:
        return 1
    # The whole number is rounded to a double, as in Go.
    rounded = float(whole)
    return -1 if number < rounded else int(number > rounded)


def less(left: Any, right: Any) -> bool:
    """``<``."""
    return compare(left, right) < 0


def less_equal(left: Any, right: Any) -> bool:
    """``<=``."""
    return compare(left, right) <= 0


def greater(left: Any, right: Any) -> bool:
    """``>``."""
    return compare(left, right) > 0


def greater_equal(left: Any, right: Any) -> bool:
    """``>=``."""
    return compare(left, right) >= 0


# Arithmetic


def in_int(value: int) -> int:
    """The value, if it fits an int."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvalError("integer overflow")


def in_uint(value: int) -> UInt:
    """The value, if it fits a uint."""
    if 0 <= value <= UINT_MAX:
        return UInt(value)
    raise EvalError("unsigned integer overflow")


def in_time(nanos: int, offset: int) -> Timestamp:
    """A timestamp, if its year has four digits."""
    if _TIME_MIN <= nanos < _TIME_MAX:
        return Timestamp(nanos, offset)
    raise EvalError("timestamp overflow")


def add(left: Any, right: Any) -> Any:  # noqa: PLR0911  # one case for a kind of value
    """``+``."""
    kind = left.__class__
    if kind is right.__class__:
        if kind is int:
            return in_int(left + right)
        if kind is str or kind is float or kind is bytes:
            return left + right
        if kind is UInt:
            return in_uint(left.value + right.value)
        if kind is Duration:
            return Duration(in_int(left.nanos + right.nanos))
    if kind in LISTS:
        return add_lists(left, right)
    if kind is Timestamp and right.__class__ is Duration:
        return in_time(left.nanos + right.nanos, left.offset)
    if kind is Duration and right.__class__ is Timestamp:
        return in_time(right.nanos + left.nanos, right.offset)
    raise no_overload()


def add_lists(left: Any, right: Any) -> Any:
    """``+`` of two lists."""
    if right.__class__ not in LISTS:
        raise no_overload()
    if left.__class__ is GrowingList:
        left.items.extend(items(right))
        return left
    before, after = length(left), length(right)
    if not before:
        return right
    if not after:
        return left
    return ConcatList(left, items(right) if right.__class__ is GrowingList else right, before + after)


def subtract(left: Any, right: Any) -> Any:  # one case for a kind of value
    """``-``."""
    kind = left.__class__
    if kind is right.__class__:
        if kind is int:
            return in_int(left - right)
        if kind is float:
            return left - right
        if kind is UInt:
            return in_uint(left.value - right.value)
        if kind is Duration:
            return Duration(in_int(left.nanos - right.nanos))
        if kind is Timestamp:
            return Duration(in_int(left.nanos - right.nanos))
    if kind is Timestamp and right.__class__ is Duration:
        return in_time(left.nanos + in_int(-right.nanos), left.offset)
    raise no_overload()


def multiply(left: Any, right: Any) -> Any:
    """``*``."""
    kind = left.__class__
    if kind is right.__class__:
        if kind is int:
            return in_int(left * right)
        if kind is float:
            return left * right
        if kind is UInt:
            return in_uint(left.value * right.value)
    raise no_overload()


def divide(left: Any, right: Any) -> Any:
    """``/``, towards zero."""
    kind = left.__class__
    if kind is right.__class__:
        if kind is int:
            return in_int(_quotient(left, right, "division by zero"))
        if kind is UInt:
            return UInt(_quotient(left.value, right.value, "division by zero"))
        if kind is float:
            return _divide_floats(left, right)
    raise no_overload()


def _quotient(left: int, right: int, message: str) -> int:
    if right == 0:
        raise EvalError(message)
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


def _divide_floats(left: float, right: float) -> float:
    if right != 0.0:
        return left / right
    if left == 0.0 or left != left:  # noqa: PLR0124  # NaN
        return float("nan")
    negative = (left < 0) != (str(right)[0] == "-")
    return float("-inf") if negative else float("inf")


def modulo(left: Any, right: Any) -> Any:
    """``%``, with the sign of the dividend."""
    kind = left.__class__
    if kind is right.__class__:
        if kind is int:
            if left == INT_MIN and right == -1:
                raise EvalError("integer overflow")
            return left - right * _quotient(left, right, "modulus by zero")
        if kind is UInt:
            return UInt(left.value - right.value * _quotient(left.value, right.value, "modulus by zero"))
    raise no_overload()


def negate(value: Any) -> Any:
    """Unary ``-``."""
    kind = value.__class__
    if kind is int:
        return in_int(-value)
    if kind is float:
        return -value
    if kind is Duration:
        return Duration(in_int(-value.nanos))
    raise no_overload()


def logical_not(value: Any) -> bool:
    """``!``."""
    if value is True:
        return False
    if value is False:
        return True
    raise no_overload()


def size(value: Any) -> int:
    """size() of strings (in code points), bytes, lists and maps."""
    kind = value.__class__
    if kind is str or kind is bytes:
        return len(value)
    if kind in LISTS:
        return length(value)
    if isinstance(value, CelMap):
        return len(value)
    raise no_overload()


# Selection


def list_index(index: Any) -> int:
    """The position that an index means; doubles and uints that are whole will do."""
    kind = index.__class__
    if kind is int:
        return int(index)
    if kind is float and index.is_integer() and INT_MIN <= index < 2.0**63:
        return int(index)
    if kind is UInt and index.value <= INT_MAX:
        return int(index.value)
    if kind in _NUMBERS:
        raise EvalError(f"unsupported index value {index} in list")
    raise EvalError(f"unsupported index type '{type_name(index)}' in list")


_KEYS = frozenset({str, int, UInt, bool, float})


def find(value: Any, key: Any) -> tuple[Any, bool]:
    """What a selection or index finds in a value, and whether it is there."""
    if key.__class__ not in _KEYS:
        raise EvalError(f"invalid qualifier type: {type_name(key)}")
    if isinstance(value, CelMap):
        return value.find(key)
    if value.__class__ in LISTS:
        at = list_index(key)
        return (part_of(value, at, at + 1)[0], True) if 0 <= at < length(value) else (None, False)
    if value.__class__ is Message:
        return value.find(key)
    return None, False


def select(value: Any, key: Any) -> Any:
    """``value[key]`` or ``value.key``."""
    found, present = find(value, key)
    if present:
        return found
    if value.__class__ in LISTS:
        raise EvalError(f"index out of bounds: {key}")
    raise EvalError(f"no such key: {key.value if key.__class__ is UInt else key}")


def is_zero(value: Any) -> bool:  # noqa: PLR0911  # one case for a kind of value
    """Whether optional.ofNonZeroValue() takes the value for empty."""
    kind = value.__class__
    if value is None or value is False:
        return True
    if kind is str or kind is bytes or kind in LISTS:
        return (length(value) if kind in LISTS else len(value)) == 0
    if kind is int or kind is float:
        return bool(value == 0)
    if kind is UInt:
        return bool(value.value == 0)
    if kind is Duration:
        return bool(value.nanos == 0)
    if kind is Timestamp:
        return bool(value.nanos == _TIME_MIN)
    if isinstance(value, CelMap):
        return len(value) == 0
    return kind is Message and bool(value.is_zero())


def unwrap(value: Any) -> Any:
    """The value of an optional that has one."""
    if value is NONE or not value.present:
        raise EvalError("optional.none() dereference")
    return value.value


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "_==_": equal, "_!=_": not_equal, "_<_": less, "_<=_": less_equal, "_>_": greater, "_>=_": greater_equal,
    "_+_": add, "_-_": subtract, "_*_": multiply, "_/_": divide, "_%_": modulo,
}  # fmt: skip
