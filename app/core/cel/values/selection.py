"""Selections and indexes: the value of a key in a map, a list or a message."""

from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.values.kinds import LISTS, NUMBERS, length, part_of, type_name
from app.core.cel.values.objects import Message
from app.core.cel.values.values import INT_MAX, INT_MIN, CelMap, UInt

_KEYS = frozenset({str, int, UInt, bool, float})


def list_index(index: Any) -> int:
    """The position that an index means; doubles and uints that are whole will do."""
    kind = index.__class__
    if kind is int:
        return int(index)
    if kind is float and index.is_integer() and INT_MIN <= index < 2.0**63:
        return int(index)
    if kind is UInt and index.value <= INT_MAX:
        return int(index.value)
    if kind in NUMBERS:
        raise EvalError(f"unsupported index value {index} in list")
    raise EvalError(f"unsupported index type '{type_name(index)}' in list")


def find(value: Any, key: Any) -> tuple[Any, bool]:
    """The result of a selection or index in a value, and whether it exists."""
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
    if value.__class__ is tuple and key.__class__ is int and 0 <= key < len(value):
        return value[key]
    found, present = find(value, key)
    if present:
        return found
    if value.__class__ in LISTS:
        raise EvalError(f"index out of bounds: {key}")
    raise EvalError(f"no such key: {key.value if key.__class__ is UInt else key}")
