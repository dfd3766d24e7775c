"""One node, one Pod's claims: which devices, or why not."""

from collections.abc import Callable, Mapping, Sequence

from app.core.allocator import result
from app.core.allocator.matching import SelectorSource
from app.core.allocator.node_devices import NodeDevices, Order, set_up
from app.core.allocator.other_drivers import without_rejected
from app.core.allocator.outcome import AllocationError, Fits, Invalid, Limits, Misfit, Outcome
from app.core.allocator.plan import Alternative, Plan, Planner
from app.core.allocator.search import Search
from app.core.model.device_class import DeviceClass
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import paced_if_many
from app.core.state.pools import Pool
from app.core.state.taken import Taken

NO_LIMITS = Limits()


def plan_claims(
    claims: Sequence[ResourceClaim],
    classes: Mapping[str, DeviceClass],
    features: Features,
    selectors: SelectorSource,
) -> Plan | Invalid:
    """Makes claims ready for any number of nodes.

    Returns: Invalid where in-tree Allocate would return an error for every node.
    Cost: O(requests); selectors are compiled unless the cache has them.
    """
    try:
        return Planner(classes, features, selectors).plan(claims)
    except AllocationError as error:
        return Invalid((error.reason,))


def allocate(  # noqa: PLR0917 - all that a search depends on comes as arguments
    node: Node,
    pools: Sequence[Pool],
    claims: Sequence[ResourceClaim],
    taken: Taken,
    classes: Mapping[str, DeviceClass],
    features: Features,
    selectors: SelectorSource,
    *,
    limits: Limits = NO_LIMITS,
    new_share_id: Callable[[], str],
) -> Outcome:
    """Finds devices for the claims on one node, with the preferences of the in-tree allocator.

    Args:
        node: its name and labels matter where a slice has perDeviceNodeSelection, its name for the
            node selector of the result, its declared features with OptionalNodeOperations. Nothing
            else: nodes with equal pools get equal answers.
        pools: the node's pools from ``gather_pools``; devices are tried in this order.
        claims: the claims to allocate (those without an allocation), in the Pod's order.
        taken: what other claims hold. Counters count holders on other nodes too.
        new_share_id: a new UUID for each share of a device.

    Returns: Fits, Misfit (without reasons: ask ``explain_misfit``) or Invalid.
    Cost: mostly O(devices); bounded by ``limits`` whatever the claims.
    """
    plan = plan_claims(claims, classes, features, selectors)
    if isinstance(plan, Invalid):
        return plan
    return allocate_planned(node, pools, plan, taken, limits=limits, new_share_id=new_share_id)


def allocate_planned(
    node: Node,
    pools: Sequence[Pool],
    plan: Plan,
    taken: Taken,
    *,
    limits: Limits = NO_LIMITS,
    new_share_id: Callable[[], str],
    order: Order | None = None,
) -> Outcome:
    """As ``allocate``, for claims that are planned already. ``order`` is that of ``set_up``."""
    search: Search | None = None
    try:
        seen = without_rejected(pools, plan.drivers, plan.features)
        node_devices = set_up(node, seen, taken, plan, order)
        search = Search(node_devices, limits)
        search.run()
        if not search.found:
            return _nothing_found(node_devices, search.steps)
        found = result.fits(
            node_devices, _chosen(node_devices, search), search.partial.assignments, new_share_id
        )
    except AllocationError as error:
        steps = search.steps if search is not None else 0
        return Misfit((error.reason,), steps) if error.here else Invalid((error.reason,), steps)
    return Fits(found.allocations, search.steps, found.ranks)


def _nothing_found(node_devices: NodeDevices, steps: int) -> Outcome:
    """Misfit, unless the search of Kubernetes 1.34 would have come to an invalid pool."""
    if node_devices.barrier is None:
        return Misfit(steps=steps)
    return Invalid((node_devices.barrier[1],), steps)


def _chosen(node_devices: NodeDevices, search: Search) -> list[list[Alternative]]:
    """The variant that was chosen for each request of each claim."""
    subrequests = search.subrequests()
    return [
        [
            request.alternatives[subrequests.get((claim_index, number), 0)]
            for number, request in enumerate(claim.requests)
        ]
        for claim_index, claim in enumerate(paced_if_many(node_devices.plan.claims))
    ]
