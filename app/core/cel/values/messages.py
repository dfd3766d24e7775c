"""Messages of google.protobuf that an expression can make: they become plain CEL values.

cel-go v0.29 knows them by themselves (common/types/provider.go, NewValue and msgSetField). What an Any
packs is not read: its evaluation fails.
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.core.cel.common import types
from app.core.cel.common.errors import EvalError
from app.core.cel.common.types import Type
from app.core.cel.values.containers import NativeMap
from app.core.cel.values.json_values import as_text, held, inconvertible, json_inner_list, json_list, json_map
from app.core.cel.values.kinds import each, is_list, type_name
from app.core.cel.values.objects import Message
from app.core.cel.values.values import INT_MAX, INT_MIN, Duration, Optional, Timestamp, UInt

_SECOND = 1_000_000_000
_YEAR_1 = 62_135_596_800  # seconds from then to 1970
NULL, UNSET = object(), object()
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
    """Its type for the checker, what it is when not set, and what it makes of a value (None: nothing).

    ``opens``: it takes what an optional holds.
    """

    type: Type
    unset: Any
    convert: Callable[[Any], Any]
    opens: bool = True

    def hold(self, value: Any) -> Any:
        found = self.convert(held(value) if self.opens else value)
        if found is None:
            raise inconvertible(value, str(self.type))
        return found


def _duration(seconds: int, nanos: int) -> Duration:
    """Whatever does not fit is the longest duration there is (durationpb, AsDuration)."""
    whole = seconds * _SECOND
    if INT_MIN <= whole <= INT_MAX:
        whole += nanos
    return Duration(max(INT_MIN, min(INT_MAX, whole)))


def _timestamp(seconds: int, nanos: int) -> Timestamp:
    """Any time, whatever the year. Go counts seconds from year 1, in 64 bits that wrap around."""
    more, rest = divmod(nanos, _SECOND)
    since = (seconds + more + _YEAR_1 - INT_MIN) % 2**64 + INT_MIN
    return Timestamp((since - _YEAR_1) * _SECOND + rest)


def _value(value: Any) -> Any:
    return value


def _null(value: Any) -> Any:
    return None if _int32(value) is None else NULL


def _one_of(*values: Any) -> Any:
    """The one field that is set, or null."""
    found = next((value for value in values if value is not UNSET), None)
    return None if found is NULL else found


def _packed(_type_url: str, _value: bytes) -> Any:
    raise EvalError("what a google.protobuf.Any packs is not read")


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


_JSON_MAP, _JSON_LIST = types.map_of(types.STRING, types.DYNAMIC), types.list_of(types.DYNAMIC)
_KINDS: dict[str, _Kind] = {
    types.DURATION.name: _timed(types.DURATION, _duration),
    types.TIMESTAMP.name: _timed(types.TIMESTAMP, _timestamp),
    types.EMPTY.name: _Kind(types.EMPTY, {}, lambda: Message(types.EMPTY.name, {})),
    "google.protobuf.BoolValue": _wrapper(types.BOOL, False, _bool),  # noqa: FBT003 - a value among values
    "google.protobuf.BytesValue": _wrapper(types.BYTES, b"", _bytes),
    "google.protobuf.DoubleValue": _wrapper(types.DOUBLE, 0.0, _double),
    "google.protobuf.FloatValue": _wrapper(types.DOUBLE, 0.0, _float),
    "google.protobuf.Int32Value": _wrapper(types.INT, 0, _int32),
    "google.protobuf.Int64Value": _wrapper(types.INT, 0, _int64),
    "google.protobuf.StringValue": _wrapper(types.STRING, "", as_text),
    "google.protobuf.UInt32Value": _wrapper(types.UINT, UInt(0), _uint32),
    "google.protobuf.UInt64Value": _wrapper(types.UINT, UInt(0), _uint64),
}
_KINDS |= {
    "google.protobuf.Any": _Kind(
        types.ANYTHING,
        {"type_url": _Field(types.STRING, "", as_text), "value": _Field(types.BYTES, b"", _bytes)},
        _packed,
    ),
    "google.protobuf.Struct": _Kind(
        _JSON_MAP, {"fields": _Field(_JSON_MAP, NativeMap({}), json_map, opens=False)}, _value
    ),
    "google.protobuf.ListValue": _Kind(
        _JSON_LIST, {"values": _Field(_JSON_LIST, (), json_list, opens=False)}, _value
    ),
    "google.protobuf.Value": _Kind(
        types.DYNAMIC,
        {
            "null_value": _Field(types.INT, UNSET, _null),
            "number_value": _Field(types.DOUBLE, UNSET, _double),
            "string_value": _Field(types.STRING, UNSET, as_text),
            "bool_value": _Field(types.BOOL, UNSET, _bool),
            "struct_value": _Field(_JSON_MAP, UNSET, json_map),
            "list_value": _Field(_JSON_LIST, UNSET, json_inner_list),
        },
        _one_of,
    ),
}


# What else is a message to the checker (DRADevice aside); nothing can make one of them.
_UNMADE = {"list": _JSON_LIST, "null_type": types.NULL_TYPE}


def message_type(name: str) -> Type | None:
    """The type of ``name{...}``; None if no message has this name."""
    found = _KINDS.get(name)
    return _UNMADE.get(name) if found is None else found.type


def field_types(name: str) -> dict[str, Type]:
    """The fields that can be set in ``name{...}``, with their types."""
    found = _KINDS.get(name)
    return {} if found is None else {field: declared.type for field, declared in found.fields.items()}


def construct(name: str, fields: dict[str, Any]) -> Any:
    """The value of ``name{fields}``.

    Raises:
        EvalError: a value that the field cannot hold, or a message that nothing can make.
    """
    kind = _KINDS.get(name)
    if kind is None:
        raise EvalError(f"unknown type '{name}'")
    held = [
        declared.hold(fields[field]) if field in fields else declared.unset
        for field, declared in kind.fields.items()
    ]
    return kind.make(*held)
