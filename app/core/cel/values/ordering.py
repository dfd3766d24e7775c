"""The order of values whose types are known at run time only, as cel-go's common/types do it."""

from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.values.kinds import NUMBERS, no_overload
from app.core.cel.values.values import INT_MIN, Duration, Timestamp, UInt


def compare(left: Any, right: Any) -> int:  # noqa: PLR0911 - one case for a kind of value
    """-1, 0 or 1 for values that have an order."""
    kind, other = left.__class__, right.__class__
    if kind is other:
        if kind is float and (left != left or right != right):  # noqa: PLR0124 - NaN
            raise EvalError("NaN values cannot be ordered")
        if kind is str or kind is int or kind is float or kind is bool or kind is bytes:
            return -1 if left < right else int(left > right)
        if kind is UInt:
            return -1 if left.value < right.value else int(left.value > right.value)
        if kind is Timestamp or kind is Duration:
            return -1 if left.nanos < right.nanos else int(left.nanos > right.nanos)
        raise no_overload()
    if kind is float and other in NUMBERS:
        return _compare_float(left, right)
    if other is float and kind in NUMBERS:
        return -_compare_float(right, left)
    if kind is int and other is UInt:
        return -1 if left < right.value else int(left > right.value)
    if kind is UInt and other is int:
        return -1 if left.value < right else int(left.value > right)
    raise no_overload()


def _compare_float(number: float, whole: Any) -> int:
    if number != number:  # noqa: PLR0124 - NaN
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
