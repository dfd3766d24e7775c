"""Arithmetic on values whose types are known at run time only, with cel-go's overflows."""

from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.values.kinds import LISTS, items, length, no_overload
from app.core.cel.values.values import (
    INT_MAX,
    INT_MIN,
    UINT_MAX,
    ConcatList,
    Duration,
    GrowingList,
    Timestamp,
    UInt,
)

_SECOND = 10**9
TIME_MIN, TIME_MAX = -62135596800 * _SECOND, 253402300800 * _SECOND


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
    if TIME_MIN <= nanos < TIME_MAX:
        return Timestamp(nanos, offset)
    raise EvalError("timestamp overflow")


def add(left: Any, right: Any) -> Any:  # noqa: PLR0911 - one case for a kind of value
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
            return Duration(in_int(_since_1970(left) - _since_1970(right)))
    if kind is Timestamp and right.__class__ is Duration:
        return in_time(left.nanos + in_int(-right.nanos), left.offset)
    raise no_overload()


def _since_1970(time: Timestamp) -> int:
    """Nanoseconds, of seconds that wrap around in 64 bits."""
    seconds = unix_seconds(time)
    return time.nanos if seconds == time.nanos // _SECOND else seconds * _SECOND + time.nanos % _SECOND


def unix_seconds(time: Timestamp) -> int:
    """Whole seconds since 1970, in 64 bits: far from there they wrap around, as in Go."""
    return (time.nanos // _SECOND - INT_MIN) % 2**64 + INT_MIN


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
    if left == 0.0 or left != left:  # noqa: PLR0124 - NaN
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
