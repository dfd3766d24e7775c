"""Quick proofs that no allocation exists, so that a hopeless search ends where it first turns back.

Each counts what the devices can give at most, with some of the rules left out: counters, capacity
and all but one constraint. What cannot be done with fewer rules cannot be done with all of them.
"""

from collections.abc import Iterable, Sequence

from app.core.allocator.node_devices import USABLE, Board
from app.core.allocator.plan import RequestPlan, Variant
from app.core.model.device import Attribute
from app.core.model.resource_claim import Constraint
from app.core.pauses import paced

Places = dict[int, list[int]]
"""For each variant, the devices that it could use if it were alone."""
Place = tuple[int, int | None]
"""A device, or the room for a request's share of it."""


def cannot_fit(board: Board, safe: Sequence[tuple[int, int]]) -> bool:
    """Whether it is plain that these requests cannot be met together. False says nothing.

    ``safe`` are the requests before the first one at which the search may end in an error: if they
    cannot be met, it never gets that far, and misfit is the whole answer.
    Cost: O(variants * devices), and for the competition of requests O(wanted * variants * devices).
    """
    claims = board.plan.claims
    requests = [claims[claim].requests[request] for claim, request in safe]
    places = {variant.index: _places(board, variant) for request in requests for variant in request.variants}
    if any(not _possible(board, request, places) for request in requests):
        return True
    if not board.plan.features.list_type_attributes:
        for claim_index, claim in enumerate(claims):
            own = [claim.requests[request] for number, request in safe if number == claim_index]
            for number, constraint in enumerate(claim.constraints):
                if _constraint_broken(board, own, number, constraint, places):
                    return True
    return not _shared_out(board, requests, places)


def _possible(board: Board, request: RequestPlan, places: Places) -> bool:
    return any(_alone(board, variant, places) for variant in request.variants)


def _places(board: Board, variant: Variant) -> list[int]:
    if variant.takes_all:
        members = board.members[variant.index]
        usable = all(board.status(variant, position) is USABLE for position in members)
        return list(members) if usable else []
    places = paced(range(len(board.devices)))
    return [position for position in places if board.status(variant, position) is USABLE]


def _alone(board: Board, variant: Variant, places: Places) -> bool:
    """Whether there are enough devices for the variant if nobody else wants any."""
    wanted = board.wanted[variant.index]
    return len(places[variant.index]) >= wanted and (wanted > 0 or not variant.takes_all)


def _least(board: Board, request: RequestPlan, places: Places) -> int:
    """How many devices the request takes at least."""
    return min(
        (board.wanted[variant.index] for variant in request.variants if _alone(board, variant, places)),
        default=0,
    )


def _constraint_broken(
    board: Board, requests: Sequence[RequestPlan], number: int, constraint: Constraint, places: Places
) -> bool:
    """Whether no devices satisfy this constraint, whatever the others say."""
    covered = [
        request for request in requests if all(number in variant.constraints for variant in request.variants)
    ]
    name = constraint.match_attribute
    if name is not None:
        values = {value for request in covered for value in _values(board, request, name, places)}
        demanding = any(_least(board, request, places) > 0 for request in covered)
        return demanding and not any(_value_suffices(board, covered, name, value, places) for value in values)
    name = constraint.distinct_attribute or ""
    distinct = {value for request in covered for value in _values(board, request, name, places)}
    return len(distinct) < sum(_least(board, request, places) for request in covered)


def _values(board: Board, request: RequestPlan, name: str, places: Places) -> Iterable[Attribute]:
    for variant in request.variants:
        for position in paced(places[variant.index]):
            value = variant.attributes.get(board.devices[position].device.shape, name)
            if isinstance(value, Attribute):
                yield value


def _value_suffices(
    board: Board, requests: list[RequestPlan], name: str, value: Attribute, places: Places
) -> bool:
    """Whether all the requests could be met by devices with this value, sharing them freely or not."""
    narrowed = {
        variant.index: [
            position
            for position in paced(places[variant.index])
            if variant.attributes.get(board.devices[position].device.shape, name) == value
        ]
        for request in requests
        for variant in request.variants
    }
    if any(not _possible(board, request, narrowed) for request in requests):
        return False
    supply = {position for positions in narrowed.values() for position in positions}
    if any(board.shareable(position) for position in supply) or _has_admin(requests):
        return True
    return len(supply) >= sum(_least(board, request, narrowed) for request in requests)


def _has_admin(requests: Iterable[RequestPlan]) -> bool:
    return any(variant.admin for request in requests for variant in request.variants)


def _shared_out(board: Board, requests: Sequence[RequestPlan], places: Places) -> bool:
    """Whether every request can have as many devices as it takes at least, no device going to two.

    A matching of requests and devices by augmenting paths (Kuhn). Requests with admin access share
    devices with others and are left out; a shareable device has room for one share of each request.
    """
    holder: dict[Place, int] = {}
    wants: list[set[Place]] = []
    for number, request in enumerate(requests):
        if _has_admin([request]):
            continue
        devices: set[Place] = {
            (position, number if board.shareable(position) else None)
            for variant in request.variants
            for position in places[variant.index]
        }
        for _ in range(_least(board, request, places)):
            wants.append(devices)
            if not _augment(len(wants) - 1, wants, holder):
                return False
    return True


def _augment(start: int, wants: list[set[Place]], holder: dict[Place, int]) -> bool:
    """Finds a device for one more want, moving others if need be. Breadth first: no deep recursion."""
    came_from: dict[Place, int] = {}
    queue = [start]
    for want in paced(queue, 8):  # grows while it is gone through
        for device in wants[want] - came_from.keys():
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
