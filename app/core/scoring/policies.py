"""Scoring policies: small pure functions of how full a node's devices would be."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Devices of the drivers that a Pod uses on a node: all, and those taken once the Pod is there."""

    total: int
    taken: int


Policy = Callable[[Occupancy], float]
"""From 0 (avoid) to 1 (prefer)."""


class UnknownPolicyError(ValueError):
    """A policy by a name that is none."""


def binpack(occupancy: Occupancy) -> float:
    """Prefers nodes whose devices are in use already, so that empty nodes stay empty."""
    return occupancy.taken / occupancy.total if occupancy.total else 0.0


def spread(occupancy: Occupancy) -> float:
    """Prefers nodes whose devices are free, so that load and failures are spread."""
    return 1.0 - binpack(occupancy)


POLICIES: dict[str, Policy] = {"binpack": binpack, "spread": spread}
DEFAULT_POLICY = "binpack"


def policy_named(name: str) -> Policy:
    """The policy of that name.

    Raises:
        UnknownPolicyError: names the ones there are.
    """
    if name not in POLICIES:
        raise UnknownPolicyError(f"there is no policy {name!r}, only {', '.join(sorted(POLICIES))}")
    return POLICIES[name]
