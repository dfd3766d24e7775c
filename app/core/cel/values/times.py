"""Timestamps and durations, as Go's time package reads and prints them."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.core.cel.common.errors import EvalError, check_readable
from app.core.cel.common.kept import kept_if_short
from app.core.cel.values.arithmetic import in_time
from app.core.cel.values.numbers import format_shortest
from app.core.cel.values.values import INT_MAX, Duration, Timestamp

_SECOND = 10**9
_CYCLE = 146097  # days in 400 years
_TO_START = 9223372028741760000  # seconds from Go's first year, -292277022400, to 1970
_LATEST = 253402214400  # a day before year 10000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": _SECOND, "m": 60 * _SECOND,
          "h": 3600 * _SECOND}  # fmt: skip
_CLOCK: dict[str, Callable[[int, int], int]] = {
    "hours": lambda seconds, _: seconds // 3600, "minutes": lambda seconds, _: seconds // 60 % 60,
    "seconds": lambda seconds, _: seconds % 60, "milliseconds": lambda _, nanos: nanos // 10**6,
}  # fmt: skip
_CALENDAR = {"year": 0, "month": 1, "day": 2, "yearday": 3}
_WHOLE = re.compile(r"([0-9]{1,9})(ns|us|ms|s)\Z", re.ASCII)
_PART = re.compile(r"([0-9]*)(\.[0-9]*)?([^0-9.]+)")
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))\Z",
    re.ASCII,
)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z", re.ASCII)
_NO_DURATION = "type conversion error from 'string' to 'google.protobuf.Duration'"
_NO_TIMESTAMP = "type conversion error from 'string' to 'google.protobuf.Timestamp'"
_OFFSET_PART = re.compile(r"[+-]?[0-9]{1,6}\Z", re.ASCII)


def parse_duration(text: str) -> Duration:
    """time.ParseDuration.

    Raises:
        EvalError: the text is none, or over 292 years.
    """
    whole = _WHOLE.match(text)
    if whole is not None:
        return Duration(int(whole[1]) * _UNITS[whole[2]])
    check_readable(text, "duration")
    sign, rest = (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if rest == "0":
        return Duration(0)
    total = at = 0
    while at < len(rest):
        match = _PART.match(rest, at)
        if match is None or (not match[1] and len(match[2] or "") < 2) or match[3] not in _UNITS:
            raise EvalError(_NO_DURATION)
        total += _amount(match[1], match[2] or "", _UNITS[match[3]])
        if total > INT_MAX + 1:
            raise EvalError(_NO_DURATION)
        at = match.end()
    if not rest or total > INT_MAX + (sign == "-"):
        raise EvalError(_NO_DURATION)
    return Duration(-total if sign == "-" else total)


def _amount(whole: str, fraction: str, unit: int) -> int:
    if len(whole.lstrip("0")) > 19:
        raise EvalError(_NO_DURATION)
    nanos = int(whole or "0") * unit
    if nanos > INT_MAX + 1:
        raise EvalError(_NO_DURATION)
    digits = fraction[1:]
    if not digits:
        return nanos
    # Go adds digits until 63 bits are full, then multiplies as a double.
    scaled, scale = 0, 1.0
    for digit in digits:
        if scaled > INT_MAX // 10 or scaled * 10 + int(digit) > INT_MAX:
            break
        scaled, scale = scaled * 10 + int(digit), scale * 10
    return nanos + int(float(scaled) * (float(unit) / scale))


def parse_timestamp(text: str) -> Timestamp:
    """time.Parse with RFC 3339, and cel-go's range of four-digit years.

    Raises:
        EvalError: the text is none.
    """
    match = _RFC3339.match(text)
    if match is None:
        raise EvalError(_NO_TIMESTAMP)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if hour > 23 or minute > 59 or second > 59:
        raise EvalError(_NO_TIMESTAMP)
    offset = 0
    if match[8]:
        if int(match[9]) > 24 or int(match[10]) > 60:
            raise EvalError(_NO_TIMESTAMP)
        offset = int(match[9]) * 3600 + int(match[10]) * 60
        offset = -offset if match[8] == "-" else offset
    days = _days(year, month, day)
    if days is None:
        raise EvalError(_NO_TIMESTAMP)
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
    fraction = (match[7] or "")[:9].ljust(9, "0")
    return in_time(seconds * _SECOND + int(fraction), offset)


def _days(year: int, month: int, day: int) -> int | None:
    """Days since 1970 in the Gregorian calendar, year 0 included."""
    shift = 400 if year == 0 else 0
    try:
        ordinal = date(year + shift, month, day).toordinal()
    except ValueError:
        return None
    return ordinal - _EPOCH.toordinal() - (_CYCLE if shift else 0)


def timestamp_text(value: Timestamp) -> str:
    """RFC 3339 with as many digits as are needed, in the timestamp's own zone."""
    days, rest, nanos = _local(value, value.offset)
    text = f"{_date_text(days)}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    if nanos:
        text += f".{nanos:09d}".rstrip("0")
    if value.offset == 0:
        return text + "Z"
    minutes = abs(value.offset) // 60
    return f"{text}{'-' if value.offset < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _local(value: Timestamp, offset: int) -> tuple[int, int, int]:
    """Days since 1970, seconds of the day and nanoseconds there; Go counts in 64 bits without a sign."""
    seconds, nanos = divmod(value.nanos, _SECOND)
    days, rest = divmod((seconds + offset + _TO_START) % 2**64 - _TO_START, 86400)
    return days, rest, nanos


@lru_cache(maxsize=1024)
def _date(days: int) -> tuple[int, int, int, int]:
    """Year, month from 0, day of the month and of the year from 0."""
    # The calendar repeats itself every 400 years, days of the week included.
    cycles, rest = divmod(days + _EPOCH.toordinal() - 1, _CYCLE)
    found = date.fromordinal(rest + 1)
    first = date(found.year, 1, 1).toordinal()
    return found.year + 400 * cycles, found.month - 1, found.day, rest + 1 - first


@lru_cache(maxsize=1024)
def _date_text(days: int) -> str:
    year, month, day, _ = _date(days)
    return f"{'-' if year < 0 else ''}{abs(year):04d}-{month + 1:02d}-{day:02d}"


def duration_text(value: Duration) -> str:
    """Seconds with a fraction, and an s."""
    if value.nanos % _SECOND == 0:
        return f"{value.nanos // _SECOND}s"
    return format_shortest(_seconds(value.nanos)) + "s"


def _seconds(nanos: int) -> float:
    return _units(nanos, _SECOND)


def _units(nanos: int, unit: int) -> float:
    whole, rest = divmod(abs(nanos), unit)
    value = float(whole) + float(rest) / float(unit)
    return -value if nanos < 0 else value


def duration_part(value: Duration, unit: int) -> int:
    """Whole units, towards zero; as in Go by way of a double, which may round up."""
    return int(_units(value.nanos, unit))


def duration_milliseconds(value: Duration) -> int:
    """Whole milliseconds, towards zero."""
    count = abs(value.nanos) // 10**6
    return -count if value.nanos < 0 else count


def timestamp_part(value: Timestamp, part: str, zone: str = "UTC") -> int:
    """A field of the timestamp in a zone: a name of the IANA database, or hours and minutes.

    Raises:
        EvalError: no such zone.
    """
    offset = _zone_offset(value.nanos, zone)
    days, rest, nanos = _local(value, offset)
    if part in _CLOCK:
        return _CLOCK[part](rest, nanos)
    return (days + 4) % 7 if part == "weekday" else _date(days)[_CALENDAR[part]]


def _zone_offset(nanos: int, zone: str) -> int:
    """Seconds east of Greenwich."""
    if ":" not in zone:
        return _named_offset(nanos, zone)
    hours, minutes = zone.split(":", 1)
    if not _OFFSET_PART.match(hours) or not _OFFSET_PART.match(minutes):
        raise EvalError(f"the time zone offset {zone!r} is not hours and minutes")
    whole = int(hours) * 60
    return (whole - int(minutes) if zone[0] == "-" else whole + int(minutes)) * 60


def _named_offset(nanos: int, zone: str) -> int:
    if zone in ("", "UTC", "Local"):
        return 0
    info = _zone(zone)
    if info is None:
        raise EvalError(f"unknown time zone {zone}")
    seconds = max(nanos // _SECOND, -62135510400)
    if seconds > _LATEST:  # as at the same time of a year that Python knows
        seconds = _LATEST - (_LATEST - seconds) % (_CYCLE * 86400)
    found = (_EPOCH + timedelta(seconds=seconds)).astimezone(info).utcoffset()
    return int(found.total_seconds()) if found is not None else 0


@kept_if_short(256)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # an unknown zone is a KeyError
        return None


def is_date(text: str) -> bool:
    """Whether the text is a day, as in 2006-01-02."""
    match = _DATE.match(text)
    return match is not None and _days(int(match[1]), int(match[2]), int(match[3])) is not None
