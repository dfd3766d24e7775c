"""Quick proofs that no allocation exists, so that a hopeless search ends where it first turns back.

Each counts what the devices can give at most, with some of the rules left out: counters, capacity
and all but one constraint. What cannot be done with fewer rules cannot be done with all of them.
"""

from collections.abc import Iterable

from app.core.allocator.board import USABLE, Board
from app.core.allocator.plan import ClaimPlan, RequestPlan, Variant
from app.core.model.device import Attribute
from app.core.model.resource_claim import Constraint

Places = dict[int, list[int]]
"""For each variant, the devices that it could use if it were alone."""


def cannot_fit(board: Board) -> bool:
    """Whether it is plain that the claims cannot be met. False says nothing.

    May be asked only where no ``errors_possible``: an error would be another answer.
    Cost: O(variants * devices), and for the competition of requests O(wanted * variants * devices).
    """
    places = {variant.index: _places(board, variant) for variant in board.plan.variants}
    if any(
        all(not _alone(board, variant, places) for variant in request.variants)
        for claim in board.plan.claims
        for request in claim.requests
    ):
        return True
    if not board.plan.features.list_type_attributes and any(
        _constraint_broken(board, claim, number, constraint, places)
        for claim in board.plan.claims
        for number, constraint in enumerate(claim.constraints)
    ):
        return True
    return not _shared_out(board, places)


def _places(board: Board, variant: Variant) -> list[int]:
    if variant.takes_all:
        members = board.members[variant.index]
        usable = all(board.status(variant, position) is USABLE for position in members)
        return list(members) if usable else []
    return [position for position in range(len(board.devices)) if board.status(variant, position) is USABLE]


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
    board: Board, claim: ClaimPlan, number: int, constraint: Constraint, places: Places
) -> bool:
    """Whether no devices satisfy this constraint, whatever the others say."""
    covered = [
        request
        for request in claim.requests
        if all(number in variant.constraints for variant in request.variants)
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
        for position in places[variant.index]:
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
            for position in places[variant.index]
            if variant.attributes.get(board.devices[position].device.shape, name) == value
        ]
        for request in requests
        for variant in request.variants
    }
    if any(not any(_alone(board, variant, narrowed) for variant in item.variants) for item in requests):
        return False
    supply = {position for positions in narrowed.values() for position in positions}
    if any(board.shareable(position) for position in supply) or _has_admin(requests):
        return True
    return len(supply) >= sum(_least(board, request, narrowed) for request in requests)


def _has_admin(requests: Iterable[RequestPlan]) -> bool:
    return any(variant.admin for request in requests for variant in request.variants)


def _shared_out(board: Board, places: Places) -> bool:
    """Whether every request can have as many devices as it takes at least, no device going to two.

    A matching of requests and devices by augmenting paths (Kuhn). Requests with admin access share
    devices with others, and shareable devices have room for all.
    """
    holder: dict[int, int] = {}
    wants: list[set[int]] = []
    for claim in board.plan.claims:
        for request in claim.requests:
            if _has_admin([request]):
                continue
            devices = {position for variant in request.variants for position in places[variant.index]}
            if any(board.shareable(position) for position in devices):
                continue
            for _ in range(_least(board, request, places)):
                wants.append(devices)
                if not _augment(len(wants) - 1, wants, holder):
                    return False
    return True


def _augment(start: int, wants: list[set[int]], holder: dict[int, int]) -> bool:
    """Finds a device for one more want, moving others if need be. Breadth first: no deep recursion."""
    came_from: dict[int, int] = {}
    queue = [start]
    for want in queue:  # grows while it is gone through
        for device in wants[want] - came_from.keys():
            came_from[device] = want
            if device not in holder:
                _reassign(device, came_from, holder)
                return True
            queue.append(holder[device])
    return False


def _reassign(device: int, came_from: dict[int, int], holder: dict[int, int]) -> None:
    """Back along the path: each want takes the device that it was led to, and gives up the one it had."""
    held = {want: position for position, want in holder.items()}
    free: int | None = device
    while free is not None:
        want = came_from[free]
        holder[free] = want
        free = held.get(want)
