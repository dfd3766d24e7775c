"""Durations and other amounts as arguments."""

import math
import re
from typing import Any

import click

_SECONDS = {"s": 1, "m": 60, "h": 3600}
_DURATION = re.compile(r"(\d+)([smh]?)\Z")


class DurationParam(click.ParamType[float]):
    """Seconds, or a number with s, m or h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click.ParamType."""
        if isinstance(value, int | float):
            return float(value)
        found = _DURATION.match(str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 5m or 1h", param, ctx)
        return float(int(found[1]) * _SECONDS[found[2] or "s"])


class FiniteRange(click.FloatRange):
    """A range of numbers, without those that no number is compared with."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click.ParamType."""
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail("must be a finite number", param, ctx)
        return found
