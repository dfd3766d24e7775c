"""Values as google.protobuf.Value holds them: null, bool, double, text, list or map of texts.

cel-go v0.29 converts whatever is put into Struct, Value and ListValue (ConvertToNative in common/types):
numbers become doubles, or texts where a double is not exact; bytes become base64, times their texts.
"""

from base64 import b64encode
from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.values import times
from app.core.cel.values.containers import NativeMap
from app.core.cel.values.kinds import each, is_list, type_name
from app.core.cel.values.objects import Cidr, Ip, Message, QuantityValue, Semver, Url
from app.core.cel.values.quantity_text import quantity_text
from app.core.cel.values.values import CelMap, ConcatList, Duration, Optional, Timestamp, TypeValue, UInt

_EXACT = 2**53 - 1


def json_value(value: Any) -> Any:
    """The value as JSON knows it. O(size).

    Raises:
        EvalError: there is no such value in JSON: of a type, an IP, a quantity and the like.
    """
    kind = value.__class__
    if value is None or kind is bool or kind is float or kind is str:
        return value
    if kind is int:
        return float(value) if -_EXACT <= value <= _EXACT else str(value)
    if is_list(value):
        return json_inner_list(value)
    if isinstance(value, CelMap):
        return json_map(value)
    return _converted(value)


def _converted(value: Any) -> Any:
    kind = value.__class__
    if kind is UInt:
        return float(value.value) if value.value <= _EXACT else str(value.value)
    if kind is bytes:
        return b64encode(value).decode()
    if kind is Duration:
        return times.duration_text(value)
    if kind is Timestamp:
        return times.timestamp_text(value)
    if kind is Optional:
        return json_value(held(value))
    if kind is Message:
        return NativeMap({})  # google.protobuf.Empty is the only one
    raise inconvertible(value, "google.protobuf.Value")


def json_list(value: Any) -> tuple[Any, ...] | None:
    """The list as a ListValue holds it; None if it is not a list."""
    return tuple([json_value(item) for item in each(value)]) if is_list(value) else None


def json_inner_list(value: Any) -> tuple[Any, ...] | None:
    """As ``json_list``, for a list in a message: of types in a sum of lists, the names are held there."""
    if value.__class__ is ConcatList:
        value = tuple([item.name if item.__class__ is TypeValue else item for item in each(value)])
    return json_list(value)


def json_map(value: Any) -> NativeMap | None:
    """The map as a Struct holds it; None if it is not a map."""
    if not isinstance(value, CelMap):
        return None
    return NativeMap({_key(key): json_value(item) for key, item in value.pairs()})


def _key(key: Any) -> str:
    text = as_text(held(key))
    if text is None:
        raise inconvertible(key, "string")
    return text


def held(value: Any) -> Any:
    """The value in an optional, however deep; of others, the value itself.

    Raises:
        EvalError: nothing is in it.
    """
    while value.__class__ is Optional:
        if not value.present:
            raise EvalError("optional.none() dereference")
        value = value.value
    return value


def as_text(value: Any) -> str | None:
    """The value as a field for texts holds it; None if it cannot."""
    kind = value.__class__
    if kind is str:
        return str(value)
    if kind is Ip or kind is Cidr:
        return str(value)
    if kind is Semver:
        return str(value.text)
    if kind is QuantityValue:
        return quantity_text(value)
    return str(value.text().decode("utf-8", "surrogateescape")) if kind is Url else None


def inconvertible(value: Any, target: str) -> EvalError:
    """The error of a value that a field cannot hold."""
    return EvalError(f"unsupported type conversion from '{type_name(value)}' to {target}")
