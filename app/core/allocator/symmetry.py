"""Which devices are the same to the search, and which partial allocations lead nowhere.

See docs/allocator.md for why leaving them out cannot change the answer.
"""

from collections import Counter
from collections.abc import Hashable

from app.core.allocator.constraints import is_scalar
from app.core.allocator.counters import consumption_key
from app.core.allocator.node_devices import USABLE, NodeDevices
from app.core.allocator.outcome import Reason
from app.core.allocator.partial_allocation import PartialAllocation
from app.core.allocator.plan import Alternative
from app.core.model.device import DeviceAttribute
from app.core.pauses import paced


class Symmetry:
    """Kinds of devices: two of one kind can be swapped in any allocation.

    Built when the search has to turn back for the first time: most searches never do.
    """

    def __init__(self, node_devices: NodeDevices, partial: PartialAllocation) -> None:
        self._node_devices = node_devices
        self._partial = partial
        self._kinds: dict[Hashable, int] = {}
        self._kind_of: list[int | None] = [None] * len(node_devices.devices)
        self._any_admin = any(alternative.admin for alternative in node_devices.plan.alternatives)
        keeps = node_devices.plan.channel.all_keeps_devices
        self._members = [
            (frozenset(members), bool(alternative.constraints), members[0] if keeps and members else None)
            for alternative, members in zip(node_devices.plan.alternatives, node_devices.members, strict=True)
        ]

    def likeness(self, position: int) -> Hashable:
        """Equal for devices of one kind of which the search has taken the same so far."""
        taken = self._partial.taken_of(position, by_claim=self._any_admin)
        kind = self._kind(position)
        return kind if taken is None else (kind, taken)

    def state(self, claim_index: int, request_index: int) -> Hashable:
        """Equal for partial allocations from which the same can be reached, before this request.

        Cost: O(devices taken so far).
        """
        partial = self._partial
        touched = Counter(
            self.likeness(position)
            for position in {assignment.position for assignment in partial.assignments}
        )
        return (
            claim_index,
            request_index,
            partial.sizes[claim_index],
            frozenset(touched.items()),
            partial.constraint_state(claim_index),
        )

    def _kind(self, position: int) -> int:
        """A number for the device's kind. O(variants + attributes in constraints), once a device."""
        found = self._kind_of[position]
        if found is None:
            found = self._kinds.setdefault(self._signature(position), len(self._kinds))
            self._kind_of[position] = found
        return found

    def _signature(self, position: int) -> Hashable:
        node_devices = self._node_devices
        placed, view = node_devices.devices[position], node_devices.views[position]
        device = placed.device
        statuses = tuple(
            node_devices.status(alternative, position) for alternative in node_devices.plan.alternatives
        )
        # All mode goes through its devices in order, and a constraint may make an error of the first
        # that does not go with the others: there, no device is like another. Where it keeps its devices, the
        # first is like no other: without it, nothing is kept.
        members = tuple(
            position in members and (position if constrained else "first" if position == first else True)
            for members, constrained, first in self._members
        )
        attributes = tuple(
            alternative.attributes.get(device.shape, name)
            for alternative, status in zip(node_devices.plan.alternatives, statuses, strict=True)
            if status is USABLE
            for name in compared_attributes(alternative, node_devices)
        )
        counters = (id(view), consumption_key(device)) if device.consumes_counters else None
        sharing: Hashable = None
        if node_devices.shareable(position):
            amounts = view.capacity.get(device.name, {})
            sharing = (id(device.shape), device.name in view.marked, tuple(sorted(amounts.items())))
        return statuses, members, attributes, counters, sharing


def compared_attributes(alternative: Alternative, node_devices: NodeDevices) -> list[str]:
    """The attributes that the claim's constraints compare on devices of this request."""
    constraints = node_devices.plan.claims[alternative.claim_index].constraints
    return [
        constraints[number].match_attribute or constraints[number].distinct_attribute or ""
        for number in alternative.constraints
    ]


def depends_on_order(node_devices: NodeDevices) -> bool:
    """Whether devices that can be allocated in one order cannot in another: then kinds prove nothing.

    With distinctAttribute and without ListTypeAttributes, a device whose attribute is a list, or of no known
    type, may be the first, and goes with none before it.
    Cost: O(devices) for each variant under such a constraint.
    """
    plan = node_devices.plan
    if plan.features.list_type_attributes and plan.channel.sets:
        return False
    for alternative in plan.alternatives:
        constraints = plan.claims[alternative.claim_index].constraints
        names = [constraints[number].distinct_attribute for number in alternative.constraints]
        for name in filter(None, names):
            for position, placed in enumerate(paced(node_devices.devices)):
                if node_devices.status(alternative, position) is not USABLE:
                    continue
                value = alternative.attributes.get(placed.device.shape, name)
                if isinstance(value, DeviceAttribute) and not is_scalar(value):
                    return True
    return False


def safe_requests(node_devices: NodeDevices) -> list[tuple[int, int]]:
    """Claim and request of all requests before the first at which the search may end in an error.

    That is one with a selector that fails on some device, an attribute or amount that cannot be
    computed, or All mode under a constraint.
    Cost: O(devices times variants), evaluates what has not been evaluated yet.
    """
    safe: list[tuple[int, int]] = []
    for claim_index, claim in enumerate(node_devices.plan.claims):
        for request_index, request in enumerate(claim.requests):
            if any(_may_fail(node_devices, alternative) for alternative in request.alternatives):
                return safe
            safe.append((claim_index, request_index))
    return safe


def _may_fail(node_devices: NodeDevices, alternative: Alternative) -> bool:
    if alternative.takes_all and alternative.constraints:
        return True
    names = compared_attributes(alternative, node_devices) if alternative.attributes.may_fail else ()
    for position, placed in enumerate(node_devices.devices):
        status = node_devices.status(alternative, position)
        if isinstance(status, Reason):
            return True
        if status is USABLE and any(
            isinstance(alternative.attributes.get(placed.device.shape, name), Reason) for name in names
        ):
            return True
    return False
