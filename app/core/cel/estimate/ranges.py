"""Numbers from least to most, as sizes and costs are estimated: unsigned, of 64 bits, never beyond."""

import math
from typing import NamedTuple

MAX = 2**64 - 1
"""The value of an unbounded estimate."""
_BEYOND = float(2**64)


class Range(NamedTuple):
    """A size or a cost: at least ``low``, at most ``high``."""

    low: int
    high: int

    def plus(self, other: "Range") -> "Range":
        """The sum."""
        return Range(min(self.low + other.low, MAX), min(self.high + other.high, MAX))

    def times(self, other: "Range") -> "Range":
        """The product."""
        return Range(min(self.low * other.low, MAX), min(self.high * other.high, MAX))

    def scaled(self, factor: float) -> "Range":
        """Multiplied and rounded up, in the arithmetic of doubles."""
        return Range(_scaled(self.low, factor), _scaled(self.high, factor))

    def union(self, other: "Range") -> "Range":
        """The narrowest range around both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    @property
    def bounded(self) -> bool:
        """Whether it has an upper bound."""
        return self.high < MAX


def _scaled(number: int, factor: float) -> int:
    scaled = float(number) * factor
    return MAX if scaled >= _BEYOND else math.ceil(scaled)


def exactly(number: int) -> Range:
    """A size or cost that is known."""
    return Range(number, number)


def quotient(number: int, divisor: int) -> int:
    """``number`` by ``divisor``, rounded up in the arithmetic of doubles."""
    return min(math.ceil(float(number) / float(divisor)), MAX)


UNKNOWN = Range(0, MAX)
NOTHING = exactly(0)
ONE = exactly(1)
