"""The operators by their names in calls, and the rest of the standard library."""

from collections.abc import Callable
from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.values.arithmetic import TIME_MIN, add, divide, modulo, multiply, subtract
from app.core.cel.values.equality import equal, has_key, not_equal
from app.core.cel.values.kinds import LISTS, length, no_overload
from app.core.cel.values.membership import has_element
from app.core.cel.values.objects import Message
from app.core.cel.values.ordering import greater, greater_equal, less, less_equal
from app.core.cel.values.values import NONE, CelMap, Duration, Timestamp, UInt


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


def is_zero(value: Any) -> bool:  # noqa: PLR0911 - one case for a kind of value
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
        return bool(value.nanos == TIME_MIN)
    if isinstance(value, CelMap):
        return len(value) == 0
    return kind is Message and bool(value.is_zero())


def unwrap(value: Any) -> Any:
    """The value of an optional that has one."""
    if value is NONE or not value.present:
        raise EvalError("optional.none() dereference")
    return value.value


def contains(container: Any, value: Any) -> bool:
    """``value in container``."""
    if container.__class__ in LISTS:
        return has_element(container, value)
    if isinstance(container, CelMap):
        return has_key(container, value)
    raise no_overload()


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "_==_": equal, "_!=_": not_equal, "_<_": less, "_<=_": less_equal, "_>_": greater, "_>=_": greater_equal,
    "_+_": add, "_-_": subtract, "_*_": multiply, "_/_": divide, "_%_": modulo,
}  # fmt: skip
