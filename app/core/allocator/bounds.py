"""Quick proofs that no allocation exists, so that a hopeless search ends where it first turns back.

Each counts what the devices can give at most, with some of the rules left out: counters, capacity
and all but one constraint. What cannot be done with fewer rules cannot be done with all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from app.core.allocator.node_devices import USABLE, NodeDevices
from app.core.allocator.plan import Alternative, RequestPlan
from app.core.model.device import DeviceAttribute
from app.core.model.resource_claim import Constraint
from app.core.pauses import paced

Places = dict[int, list[int]]
"""For each variant, the devices that it could use if it were alone."""
Place = tuple[int, int | None]
"""A device, or the room for a request's share of it."""


def cannot_fit(node_devices: NodeDevices, safe: Sequence[tuple[int, int]]) -> bool:
    """Whether these requests provably cannot be met together. False proves nothing.

    ``safe`` are the requests before the first one at which the search may end in an error: if they
    cannot be met, it never gets that far, and misfit is the whole answer.
    Cost: O(variants * devices), and for competing requests O(``wanted`` * variants * devices).
    """
    claims = node_devices.plan.claims
    requests = [claims[claim].requests[request] for claim, request in safe]
    places = {
        alternative.index: _places(node_devices, alternative)
        for request in requests
        for alternative in request.alternatives
    }
    if any(not _possible(node_devices, request, places) for request in requests):
        return True
    channel = node_devices.plan.channel
    if not (node_devices.plan.features.list_type_attributes and channel.sets):
        safe_of = defaultdict[int, list[RequestPlan]](list)
        for claim_index, request_index in safe:
            safe_of[claim_index].append(claims[claim_index].requests[request_index])
        for claim_index, claim in enumerate(claims):
            own = safe_of[claim_index]
            for number, constraint in enumerate(claim.constraints):
                if _constraint_broken(node_devices, own, number, constraint, places):
                    return True
    return not _shared_out(node_devices, requests, places)


def _possible(node_devices: NodeDevices, request: RequestPlan, places: Places) -> bool:
    return any(_alone(node_devices, alternative, places) for alternative in request.alternatives)


def _places(node_devices: NodeDevices, alternative: Alternative) -> list[int]:
    if alternative.takes_all:
        members = node_devices.members[alternative.index]
        usable = all(node_devices.status(alternative, position) is USABLE for position in members)
        return list(members) if usable else []
    places = paced(range(len(node_devices.devices)))
    return [position for position in places if node_devices.status(alternative, position) is USABLE]


def _alone(node_devices: NodeDevices, alternative: Alternative, places: Places) -> bool:
    """Whether there are enough devices for the variant if no other request takes any."""
    needed = node_devices.wanted[alternative.index]
    if alternative.admin and node_devices.plan.channel.admin_leaves_no_trace:
        needed = min(needed, 1)  # one device is enough for all
    return len(places[alternative.index]) >= needed and (needed > 0 or not alternative.takes_all)


def _least(node_devices: NodeDevices, request: RequestPlan, places: Places) -> int:
    """How many devices the request takes at least."""
    return min(
        (
            node_devices.wanted[alternative.index]
            for alternative in request.alternatives
            if _alone(node_devices, alternative, places)
        ),
        default=0,
    )


def _constraint_broken(
    node_devices: NodeDevices,
    requests: Sequence[RequestPlan],
    number: int,
    constraint: Constraint,
    places: Places,
) -> bool:
    """Whether no devices satisfy this constraint, whatever the others say."""
    covered = [
        request
        for request in requests
        if all(number in alternative.constraints for alternative in request.alternatives)
    ]
    name = constraint.match_attribute
    if name is not None:
        values = {value for request in covered for value in _values(node_devices, request, name, places)}
        demanding = any(_least(node_devices, request, places) > 0 for request in covered)
        return demanding and not any(
            _value_suffices(node_devices, covered, name, value, places) for value in values
        )
    name = constraint.distinct_attribute or ""
    distinct = {value for request in covered for value in _values(node_devices, request, name, places)}
    return len(distinct) < sum(_least(node_devices, request, places) for request in covered)


def _values(
    node_devices: NodeDevices, request: RequestPlan, name: str, places: Places
) -> Iterable[DeviceAttribute]:
    for alternative in request.alternatives:
        for position in paced(places[alternative.index]):
            value = alternative.attributes.get(node_devices.devices[position].device.shape, name)
            if isinstance(value, DeviceAttribute):
                yield value


def _value_suffices(
    node_devices: NodeDevices, requests: list[RequestPlan], name: str, value: DeviceAttribute, places: Places
) -> bool:
    """Whether all the requests could be met by devices with this value, sharing them freely or not."""
    narrowed = {
        alternative.index: [
            position
            for position in paced(places[alternative.index])
            if alternative.attributes.get(node_devices.devices[position].device.shape, name) == value
        ]
        for request in requests
        for alternative in request.alternatives
    }
    if any(not _possible(node_devices, request, narrowed) for request in requests):
        return False
    supply = {position for positions in narrowed.values() for position in positions}
    if any(node_devices.shareable(position) for position in supply) or _has_admin(requests):
        return True
    return len(supply) >= sum(_least(node_devices, request, narrowed) for request in requests)


def _has_admin(requests: Iterable[RequestPlan]) -> bool:
    return any(alternative.admin for request in requests for alternative in request.alternatives)


def _shared_out(node_devices: NodeDevices, requests: Sequence[RequestPlan], places: Places) -> bool:
    """Whether every request can have as many devices as it takes at least, no device going to two.

    A matching of requests and devices by augmenting paths (Kuhn). Requests with admin access share
    devices with others and are left out; a shareable device has room for one share of each request.
    """
    holder: dict[Place, int] = {}
    choices: list[set[Place]] = []
    for number, request in enumerate(requests):
        if _has_admin([request]):
            continue
        devices: set[Place] = {
            (position, number if node_devices.shareable(position) else None)
            for alternative in request.alternatives
            for position in places[alternative.index]
        }
        for _ in range(_least(node_devices, request, places)):
            choices.append(devices)
            if not _augment(len(choices) - 1, choices, holder):
                return False
    return True


def _augment(start: int, choices: list[set[Place]], holder: dict[Place, int]) -> bool:
    """Finds a device for one more want, moving others if need be. Breadth first: no deep recursion."""
    came_from: dict[Place, int] = {}
    queue = [start]
    for want in paced(queue, 8):  # grows while it is gone through
        for device in choices[want] - came_from.keys():
            came_from[device] = want
            if device not in holder:
                _reassign(device, came_from, holder)
                return True
            queue.append(holder[device])
    return False


def _reassign(device: Place, came_from: dict[Place, int], holder: dict[Place, int]) -> None:
    """Back along the path: each want takes the device that it was led to, and gives up the one it had."""
    held = {want: position for position, want in holder.items()}
    free: Place | None = device
    while free is not None:
        want = came_from[free]
        holder[free] = want
        free = held.get(want)
