"""Leaves out the devices of drivers that no request of a Pod accepts.

A cluster may have thousands of devices of other drivers, on each node different ones. The class of each
request rejects them by their driver alone, so that they change neither verdict nor allocation.
"""

from collections.abc import Sequence

from app.core.allocator.matching import Matcher
from app.core.model.features import Features
from app.core.pauses import paced
from app.core.selectors.accepted_drivers import AcceptedDrivers
from app.core.state.common_pools import Accepted, CommonPools, NodePools, in_places
from app.core.state.pools import Pool

MAX_ACCEPTED = 8
"""Sets of drivers by which the same common pools are kept apart: each is O(pools)."""


def drivers_of(matchers: Sequence[Matcher]) -> AcceptedDrivers:
    """The drivers whose devices any of these requests may use. O(requests).

    Only selectors of classes count: a refusal names the terms of a request's own selectors that devices fail,
    and such a device then counts among them.
    """
    found: frozenset[str] = frozenset()
    for matcher in paced(matchers):
        drivers = matcher.drivers
        if drivers is None:
            return None
        found |= drivers
    return found


def rejects(drivers: AcceptedDrivers, pool: Pool, features: Features) -> bool:
    """Whether a pool has usable devices, and all of them are rejected by their driver.

    Not those on which every expression fails, or that are refused before the first selector. O(slices).
    """
    if drivers is None or pool.id.driver in drivers or pool.incomplete or not pool.usable:
        return False
    if not features.device_binding_and_status and any(item.binding_conditions for item in pool.slices):
        return False
    return pool.is_readable


def without_rejected(pools: Sequence[Pool], drivers: AcceptedDrivers, features: Features) -> Sequence[Pool]:
    """The pools that can change a verdict, in order.

    O(pools), and O(slices) of those that are left out; of common pools once for all nodes that have them.
    """
    if drivers is None:
        return pools
    if not isinstance(pools, NodePools):
        return [pool for pool in paced(pools) if not rejects(drivers, pool, features)]
    own = [(place, pool) for place, pool in paced(pools.own) if not rejects(drivers, pool, features)]
    return in_places(own, accepted_of(pools.common, drivers, features).pools)


def accepted_of(pools: CommonPools, drivers: AcceptedDrivers, features: Features) -> Accepted:
    """The common pools that are not left out. O(pools) once for all nodes that have them, with pauses."""
    known, key = pools.accepted, (drivers, features.device_binding_and_status)
    found = known.get(key)
    if found is None:
        kept, rejected = list[tuple[int, Pool]](), False
        for place, pool in enumerate(paced(pools.pools)):
            if not rejects(drivers, pool, features):
                kept.append((place, pool))
            elif pool.devices:
                rejected = True
        if len(known) >= MAX_ACCEPTED:
            known.clear()
        found = known[key] = Accepted(kept, rejected)
    return found
