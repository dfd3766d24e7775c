"""The score of one node, once it is known which devices a Pod would get there."""

from collections.abc import Sequence

from app.core.model.allocation import Allocation
from app.core.scoring.policies import Occupancy, Policy
from app.core.state.pools import Pool
from app.core.state.taken import NOTHING_TAKEN, Taken

MAX_SCORE = 10
"""MaxExtenderPriority of the extender protocol."""
_MAX_RANK = 8  # FirstAvailableDeviceRequestMaxSize: subrequests in one request


def score(
    policy: Policy,
    pools: Sequence[Pool],
    taken: Taken,
    allocations: Sequence[Allocation],
    ranks: Sequence[int],
) -> int:
    """From 0 to ``MAX_SCORE``.

    Where requests have alternatives, the user's order of preference comes first, as in the in-tree
    plugin's Score: it makes four fifths of the score, the policy the rest.

    Args:
        pools: those of the node.
        taken: what is held before the Pod is placed.
        allocations: what the Pod gets; claims that were allocated before are not among them.
        ranks: the position of each chosen subrequest, 0 the best.
    Cost: O(pools + devices allocated).
    """
    merit = policy(occupancy(pools, taken, allocations))
    if ranks:
        liked = 1.0 - sum(ranks) / (len(ranks) * (_MAX_RANK - 1))
        merit = 0.8 * liked + 0.2 * merit
    return max(0, min(MAX_SCORE, round(merit * MAX_SCORE)))


def occupancy(pools: Sequence[Pool], taken: Taken, allocations: Sequence[Allocation]) -> Occupancy:
    """Counts the devices of the drivers that the allocations use."""
    new = {
        device.device
        for allocation in allocations
        for device in allocation.devices
        if not device.admin_access
    }
    drivers = {device.driver for device in new}
    total = used = 0
    for pool in pools:
        if pool.id.driver not in drivers or not pool.usable:
            continue
        held = taken.get(pool.id, NOTHING_TAKEN)
        total += len(pool.devices)
        used += sum(held.is_allocated(item.device.name) or item.id in new for item in pool.devices)
    return Occupancy(total, used)
