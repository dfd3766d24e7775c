"""Conversions, time, optionals and maps."""

from collections.abc import Callable
from typing import Any

from app.core.cel.common.errors import EvalError
from app.core.cel.library.operators import is_zero, unwrap
from app.core.cel.library.registry import implements
from app.core.cel.values import numbers, times
from app.core.cel.values.arithmetic import unix_seconds
from app.core.cel.values.kinds import items, length, part_of, type_name
from app.core.cel.values.values import (
    INT_MAX,
    NONE,
    CelMap,
    GrowingMap,
    Optional,
    Timestamp,
    TypeValue,
    UInt,
    entry_key,
)
from app.core.pauses import paced

_SECOND = 10**9
_MINUTE = 60 * _SECOND


@implements(
    "bool_to_bool", "bytes_to_bytes", "double_to_double", "duration_to_duration", "int64_to_int64",
    "string_to_string", "timestamp_to_timestamp", "uint64_to_uint64",
)  # fmt: skip
def identity(value: Any) -> Any:
    """A conversion to the type that the value has."""
    return value


def type_of(value: Any) -> TypeValue:
    """type(value)."""
    return TypeValue(type_name(value))


def _register(table: dict[str, Callable[[Any], Any]]) -> None:
    for overload, function in table.items():
        implements(overload)(function)


@implements("bytes_to_string")
def bytes_to_string(value: bytes) -> str:
    """string(bytes)."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvalError("invalid UTF-8 in bytes, cannot convert to string") from None


@implements("uint64_to_int64")
def uint_to_int(value: UInt) -> int:
    """int(uint)."""
    if value.value > INT_MAX:
        raise EvalError("integer overflow")
    return value.value


@implements("int64_to_uint64")
def int_to_uint(value: int) -> UInt:
    """uint(int)."""
    if value < 0:
        raise EvalError("unsigned integer overflow")
    return UInt(value)


@implements("int64_to_timestamp")
def int_to_timestamp(value: int) -> Timestamp:
    """timestamp(int): seconds since 1970."""
    if not -62135596800 <= value <= 253402300799:
        raise EvalError("timestamp overflow")
    return Timestamp(value * _SECOND)


_register({
    "string_to_bool": numbers.parse_bool,
    "string_to_bytes": lambda value: value.encode("utf-8", "surrogateescape"),
    "int64_to_double": float,
    "uint64_to_double": lambda value: float(value.value),
    "string_to_double": numbers.parse_double,
    "string_to_duration": times.parse_duration,
    "double_to_int64": numbers.double_to_int,
    "duration_to_int64": lambda value: value.nanos,
    "string_to_int64": numbers.parse_int,
    "timestamp_to_int64": unix_seconds,
    "bool_to_string": lambda value: "true" if value else "false",
    "double_to_string": numbers.format_general,
    "duration_to_string": times.duration_text,
    "int64_to_string": str,
    "timestamp_to_string": times.timestamp_text,
    "uint64_to_string": lambda value: str(value.value),
    "string_to_timestamp": times.parse_timestamp,
    "double_to_uint64": numbers.double_to_uint,
    "string_to_uint64": numbers.parse_uint,
    "duration_to_hours": lambda value: times.duration_part(value, 60 * _MINUTE),
    "duration_to_minutes": lambda value: times.duration_part(value, _MINUTE),
    "duration_to_seconds": lambda value: times.duration_part(value, _SECOND),
    "duration_to_milliseconds": times.duration_milliseconds,
    "ip_to_string": str,
    "cidr_to_string": str,
})  # fmt: skip

# Overload without a zone, overload with one, the field, what is added to it.
_PARTS = (
    ("timestamp_to_year", "timestamp_to_year_with_tz", "year", 0),
    ("timestamp_to_month", "timestamp_to_month_with_tz", "month", 0),
    ("timestamp_to_day_of_year", "timestamp_to_day_of_year_with_tz", "yearday", 0),
    ("timestamp_to_day_of_month", "timestamp_to_day_of_month_with_tz", "day", -1),
    ("timestamp_to_day_of_month_1_based", "timestamp_to_day_of_month_1_based_with_tz", "day", 0),
    ("timestamp_to_day_of_week", "timestamp_to_day_of_week_with_tz", "weekday", 0),
    ("timestamp_to_hours", "timestamp_to_hours_with_tz", "hours", 0),
    ("timestamp_to_minutes", "timestamp_to_minutes_with_tz", "minutes", 0),
    ("timestamp_to_seconds", "timestamp_to_seconds_tz", "seconds", 0),
    ("timestamp_to_milliseconds", "timestamp_to_milliseconds_with_tz", "milliseconds", 0),
)


def _register_part(plain: str, zoned: str, part: str, shift: int) -> None:
    implements(plain)(lambda value: times.timestamp_part(value, part) + shift)
    implements(zoned)(lambda value, zone: times.timestamp_part(value, part, zone) + shift)


for _row in _PARTS:
    _register_part(*_row)


# Optionals


@implements("optional_of")
def optional_of(value: Any) -> Optional:
    """optional.of(value)."""
    return Optional(value)


@implements("optional_ofNonZeroValue")
def optional_of_non_zero(value: Any) -> Optional:
    """optional.ofNonZeroValue(value)."""
    return NONE if is_zero(value) else Optional(value)


@implements("optional_none")
def optional_none() -> Optional:
    """optional.none()."""
    return NONE


implements("optional_value")(unwrap)


@implements("optional_hasValue")
def has_value(value: Optional) -> bool:
    """optional.hasValue()."""
    return value.present


@implements("optional_unwrap", "optional_unwrapOpt")
def unwrap_all(values: Any) -> tuple[Any, ...]:
    """The values of the optionals that have one."""
    found = []
    for value in paced(items(values)):
        if value.__class__ is not Optional:
            raise EvalError("a value of the list is not optional")
        if value.present:
            found.append(value.value)
    return tuple(found)


@implements("list_first")
def first(values: Any) -> Optional:
    """The first element, if any."""
    return Optional(part_of(values, 0, 1)[0]) if length(values) else NONE


@implements("list_last")
def last(values: Any) -> Optional:
    """The last element, if any."""
    end = length(values)
    return Optional(part_of(values, end - 1, end)[0]) if end else NONE


# Maps


def _insert(target: GrowingMap, key: Any, value: Any) -> None:
    """Adds an entry to a map that is being made.

    Raises:
        EvalError: the key is there already.
        EvalAbortError: a key that cel-go cannot hold.
    """
    held = entry_key(key)
    if target.find(key)[1]:
        raise _taken(key)
    target.put(held, value)


def _taken(key: Any) -> EvalError:
    return EvalError(f"insert failed: key {key} already exists")


@implements("@mapInsert_map_key_value")
def map_insert(target: CelMap, key: Any, value: Any) -> CelMap:
    """The map with one more entry."""
    result = _growing(target)
    _insert(result, key, value)
    return result if result is target else CelMap(result.entries)


@implements("@mapInsert_map_map")
def map_insert_all(target: CelMap, more: CelMap) -> CelMap:
    """The map with the entries of another."""
    result = _growing(target)
    if result.is_mixed() or more.is_mixed():
        for key, value in paced(more.pairs()):
            _insert(result, key, value)
    else:
        for held, value in paced(more.entries.items()):
            if held in result.entries:
                raise _taken(held)
            result.put(held, value)
    return result if result is target else CelMap(result.entries)


def _growing(target: CelMap) -> GrowingMap:
    return target if isinstance(target, GrowingMap) else GrowingMap(dict(target.entries))
