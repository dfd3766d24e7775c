"""Durations since a time of the API."""

import datetime as dt


def seconds_since(text: str | None, now: dt.datetime) -> float | None:
    """Seconds from a time in RFC 3339 to ``now``, 0 for one that is ahead; None if it is not there or
    malformed.
    """
    if not text:
        return None
    try:
        return max(0.0, (now - dt.datetime.fromisoformat(text)).total_seconds())
    except (TypeError, ValueError):
        return None
