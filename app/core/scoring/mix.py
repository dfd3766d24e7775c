"""Policies combined with weights, as ``least-fragmentation=2,spread=1``."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite

from app.core.allocator import Order
from app.core.scoring.policies import DEMANDS, GROUPS, ORDERS, POLICIES, SEES
from app.core.scoring.prospect import Prospect


class UnknownPolicyError(ValueError):
    """A policy by a name that is none, or a weight that is none."""


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One policy's assessment of a node: ``score`` from 0 to 1, and why."""

    policy: str
    weight: float
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Mix:
    """One or more policies with their weights. ``reads`` are the attributes that any of them uses."""

    weights: tuple[tuple[str, float], ...]
    reads: frozenset[str]

    @property
    def picks(self) -> bool:
        """Whether it also chooses among the devices of a node."""
        return any(name in ORDERS for name, _ in self.weights)

    @property
    def groups(self) -> bool:
        """Whether it uses the attributes by which other claims keep devices together."""
        return any(name in GROUPS for name, _ in self.weights)

    @property
    def demands(self) -> bool:
        """Whether it uses the requests of other claims."""
        return any(name in DEMANDS for name, _ in self.weights)

    def orders(self, prospect: Prospect) -> Iterator[Order]:
        """Orders in which devices are tried, beside the published one."""
        for name, _ in self.weights:
            if name in ORDERS:
                yield from ORDERS[name](prospect)

    def parts(self, prospect: Prospect) -> tuple[ScorePart, ...]:
        """The assessment of each policy."""
        found = []
        for name, weight in self.weights:
            merit = POLICIES[name](prospect)
            found.append(ScorePart(name, weight, merit.value, merit.why))
        return tuple(found)

    def best(self, prospects: list[Prospect]) -> int:
        """Which of several ways to place a Pod on one node is the best; the first among equals.

        Costs of each policy are measured by the largest one, so that weights compare.
        """
        totals = [0.0] * len(prospects)
        for name, weight in self.weights:
            costs = [POLICIES[name](item).cost for item in prospects]
            most = max(costs)
            for number, cost in enumerate(costs):
                totals[number] += weight * cost / most if most > 0 else 0.0
        least = min(totals)
        # Sums of fractions differ in the last digits.
        return next(number for number, total in enumerate(totals) if total <= least + 1e-9)


@lru_cache(maxsize=256)
def policy_named(text: str) -> Mix:
    """The policy of that name, or the mix: names with weights, separated by commas.

    Raises:
        UnknownPolicyError: names the ones there are.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = (item.strip() for item in part.partition("="))
        if name not in POLICIES:
            raise UnknownPolicyError(f"there is no policy {name!r}, only {', '.join(sorted(POLICIES))}")
        if name in weights:
            raise UnknownPolicyError(f"policy {name} is named twice")
        weights[name] = _weight(name, number) if equals else 1.0
    return Mix(tuple(weights.items()), frozenset().union(*(SEES.get(name, ()) for name in weights)))


def _weight(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (isfinite(value) and 0 < value <= 1000):  # named in the message
        raise UnknownPolicyError(f"the weight of policy {name} is {text!r}, not a number above 0, up to 1000")
    return value
