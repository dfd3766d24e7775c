"""What keeps devices from being used: pools, drivers that are gone, claims without Pods."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from app.core.model.resource_claim import ResourceClaim
from app.core.model.resource_slice import PoolId
from app.core.overview.tallies import Tallies
from app.core.pauses import in_order, paced
from app.core.placement.holders import state_of
from app.core.state.stale_claims import stale_claim
from app.core.state.state import State


@dataclass(frozen=True, slots=True)
class GoneDriver:
    """A driver that publishes no slices, and what claims still hold of it."""

    driver: str
    devices: int
    claims: int


@dataclass(frozen=True, slots=True)
class LeftClaim:
    """A claim that holds devices, or a finalizer, that no Pod uses."""

    namespace: str
    name: str
    devices: int
    note: str


@dataclass(slots=True)
class Troubles:
    """``pools`` are incomplete or invalid; ``pools_gone`` have no slices, and claims hold devices of them."""

    pools: dict[PoolId, str] = field(default_factory=dict)
    pools_gone: list[PoolId] = field(default_factory=list)
    drivers_gone: list[GoneDriver] = field(default_factory=list)
    claims: list[LeftClaim] = field(default_factory=list)


def find_troubles(
    state: State, tallies: Tallies, *, seen_drivers: Iterable[str] = (), namespace: str = ""
) -> Troubles:
    """Cost: O(nodes + pools + claims), with pauses.

    Args:
        seen_drivers: those that had slices before.
        namespace: whose claims are listed; empty for all.
    """
    found = Troubles()
    for tally in paced(list(tallies.nodes.values())):
        found.pools.update(tally.troubles)
    published = set(state.inventory.pool_ids())
    drivers = {pool.driver for pool in published}
    held: dict[str, tuple[int, set[tuple[str, str]]]] = {}
    for pool, taken in paced(list(state.taken.items())):
        if pool not in published:
            found.pools_gone.append(pool)
            if pool.driver not in drivers:
                devices, claims = held.get(pool.driver, (0, set()))
                claims |= {holding.claim for holdings in taken.holdings.values() for holding in holdings}
                held[pool.driver] = devices + len(taken.holdings), claims
    for driver in sorted({*held, *seen_drivers} - drivers):
        devices, claims = held.get(driver, (0, set()))
        found.drivers_gone.append(GoneDriver(driver, devices, len(claims)))
    # No two claims have the same key, so that none is compared itself.
    ranked = in_order((item.namespace, item.name, item) for item in _left(state, namespace))
    found.claims = [item for *_, item in ranked]
    return found


def _left(state: State, namespace: str) -> Iterator[LeftClaim]:
    for key in paced(list(state.keys("ResourceClaim")), 64):
        claim = state.claim(key) if namespace in ("", key[0]) else None
        note = _note(state, claim) if claim is not None else ""
        if claim is not None and note:
            devices = len(claim.allocation.devices) if claim.allocation is not None else 0
            yield LeftClaim(*key, devices, note)


def _note(state: State, claim: ResourceClaim) -> str:
    """Empty for a claim that Pods use, or that may yet get devices."""
    note = state_of(state, claim)
    if note and (claim.allocation is not None or claim.meta.deleted is not None):
        return note
    # An inventory from a file may hold no Pods at all: then their absence proves nothing.
    stale = stale_claim(state, claim) if state.pods else None
    if stale is not None:
        return f"left by an interrupted bind ({stale.value})"
    if claim.allocation is not None and not claim.reserved_for and claim.meta.key not in state.assumed:
        return "allocated, reserved for no Pod"
    return ""
