"""Messages of google.protobuf that an expression can make: they become plain CEL values.

cel-go v0.29 knows them by themselves (common/types/provider.go, NewValue and msgSetField). Any, Struct,
Value and ListValue are not among these: an expression that makes one is refused. So is, when it runs,
a StringValue of a quantity, version or URL.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.core.cel import types
from app.core.cel.arithmetic import TIME_MAX, TIME_MIN
from app.core.cel.errors import EvalError
from app.core.cel.kinds import each, is_list, type_name
from app.core.cel.objects import Cidr, Ip, Message
from app.core.cel.types import Type
from app.core.cel.values import INT_MAX, INT_MIN, Duration, Optional, Timestamp, UInt

_SECOND = 1_000_000_000
_INT32, _UINT32 = 2**31, 2**32


def _int64(value: Any) -> Any:
    return value if value.__class__ is int else None


def _int32(value: Any) -> Any:
    if value.__class__ is int and not -_INT32 <= value < _INT32:
        raise EvalError("integer overflow")
    return _int64(value)


def _uint64(value: Any) -> Any:
    return value if value.__class__ is UInt else None


def _uint32(value: Any) -> Any:
    if value.__class__ is UInt and value.value >= _UINT32:
        raise EvalError("unsigned integer overflow")
    return _uint64(value)


def _double(value: Any) -> Any:
    return value if value.__class__ is float else None


def _float(value: Any) -> Any:
    if value.__class__ is not float:
        return None
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def _bool(value: Any) -> Any:
    return value if value.__class__ is bool else None


def _string(value: Any) -> Any:
    if value.__class__ is Ip or value.__class__ is Cidr:
        return str(value)
    return value if value.__class__ is str else None


def _bytes(value: Any) -> Any:
    if is_list(value):
        return bytes(_byte(item) for item in each(value))
    return value if value.__class__ is bytes else None


def _byte(value: Any) -> int:
    if value.__class__ is Optional and value.present:
        return _byte(value.value)
    if value.__class__ is not UInt or value.value > 0xFF:
        raise EvalError(f"unsupported type conversion from '{type_name(value)}' to uint8")
    return int(value.value)


@dataclass(frozen=True, slots=True)
class _Field:
    """Its type for the checker, what it is when not set, and what it makes of a value (None: nothing)."""

    type: Type
    unset: Any
    convert: Callable[[Any], Any]

    def hold(self, value: Any) -> Any:
        if value.__class__ is Optional:
            if not value.present:
                raise EvalError("optional.none() dereference")
            return self.hold(value.value)
        held = self.convert(value)
        if held is None:
            raise EvalError(f"unsupported type conversion from '{type_name(value)}' to {self.type}")
        return held


def _duration(seconds: int, nanos: int) -> Duration:
    """Whatever does not fit is the longest duration there is (durationpb, AsDuration)."""
    whole = seconds * _SECOND
    if INT_MIN <= whole <= INT_MAX:
        whole += nanos
    return Duration(max(INT_MIN, min(INT_MAX, whole)))


def _timestamp(seconds: int, nanos: int) -> Timestamp:
    """Refuses what is not a date of the years 1 to 9999, which cel-go lets be."""
    total = seconds * _SECOND + nanos
    if not TIME_MIN <= total < TIME_MAX:
        raise EvalError("timestamp overflow")
    return Timestamp(total)


def _value(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class _Kind:
    """A message: its type for the checker, its fields, and the value that their values make."""

    type: Type
    fields: dict[str, _Field]
    make: Callable[..., Any]


def _timed(term: Type, make: Callable[..., Any]) -> _Kind:
    return _Kind(term, {"seconds": _Field(types.INT, 0, _int64), "nanos": _Field(types.INT, 0, _int32)}, make)


def _wrapper(term: Type, unset: Any, convert: Callable[[Any], Any]) -> _Kind:
    return _Kind(Type(types.WRAPPER, term.name), {"value": _Field(term, unset, convert)}, _value)


_KINDS: dict[str, _Kind] = {
    types.DURATION.name: _timed(types.DURATION, _duration),
    types.TIMESTAMP.name: _timed(types.TIMESTAMP, _timestamp),
    types.EMPTY.name: _Kind(types.EMPTY, {}, lambda: Message(types.EMPTY.name, {})),
    "google.protobuf.BoolValue": _wrapper(types.BOOL, False, _bool),  # noqa: FBT003  # a value among values
    "google.protobuf.BytesValue": _wrapper(types.BYTES, b"", _bytes),
    "google.protobuf.DoubleValue": _wrapper(types.DOUBLE, 0.0, _double),
    "google.protobuf.FloatValue": _wrapper(types.DOUBLE, 0.0, _float),
    "google.protobuf.Int32Value": _wrapper(types.INT, 0, _int32),
    "google.protobuf.Int64Value": _wrapper(types.INT, 0, _int64),
    "google.protobuf.StringValue": _wrapper(types.STRING, "", _string),
    "google.protobuf.UInt32Value": _wrapper(types.UINT, UInt(0), _uint32),
    "google.protobuf.UInt64Value": _wrapper(types.UINT, UInt(0), _uint64),
}


def message_type(name: str) -> Type | None:
    """The type of ``name{...}``; None if no message has this name."""
    found = _KINDS.get(name)
    return None if found is None else found.type


def field_types(name: str) -> dict[str, Type]:
    """The fields that can be set in ``name{...}``, with their types."""
    return {field: declared.type for field, declared in _KINDS[name].fields.items()}


def construct(name: str, fields: dict[str, Any]) -> Any:
    """The value of ``name{fields}``.

    Raises:
        EvalError: a value that the field cannot hold.
    """
    kind = _KINDS[name]
    held = [
        declared.hold(fields[field]) if field in fields else declared.unset
        for field, declared in kind.fields.items()
    ]
    return kind.make(*held)
