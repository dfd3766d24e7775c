"""Ages as kubectl prints them (k8s.io/apimachinery/pkg/util/duration)."""

from datetime import datetime

UNKNOWN = "<unknown>"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365 * _DAY


def age(created: str | None, now: float) -> str:
    """The time since ``created`` (RFC 3339), at ``now`` (seconds since 1970): ``5m30s``, ``3d4h``."""
    if not created:
        return UNKNOWN
    try:
        return human_duration(now - datetime.fromisoformat(created).timestamp())
    except ValueError:
        return UNKNOWN


def human_duration(seconds: float) -> str:
    """Two units where they matter, else one: ``119s``, ``9m59s``, ``3h``, ``2y30d``."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    for below, unit, name, smaller, small_name in _STEPS:
        if whole < below:
            count, rest = divmod(whole, unit)
            more = rest // smaller if smaller else 0
            return f"{count}{name}{more}{small_name}" if more else f"{count}{name}"
    return f"{whole // _YEAR}y"


_STEPS = (
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)
"""Durations below a limit: the unit, its name, and a smaller unit with its name if two are shown."""
