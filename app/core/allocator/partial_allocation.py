"""The devices that the search has taken so far, with undo.

``take`` and ``undo`` are exact opposites and work like a stack: the devices, shares, counters and
constraints are after an undo what they were before the take. ``keep`` ends a take without an undo.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from app.core.allocator.capacity import Charge
from app.core.allocator.constraints import ConstraintState, new_constraint
from app.core.allocator.node_devices import NodeDevices
from app.core.allocator.outcome import AllocationError, Reason
from app.core.allocator.plan import Alternative


@dataclass(frozen=True, slots=True)
class Assignment:
    """A device given to a request. ``charge`` is set for a share of a device.

    ``size`` is how many devices the claim had before.
    """

    position: int
    alternative: Alternative
    charge: Charge | None
    charged_counters: bool
    size: int


class PartialAllocation:
    """A partial allocation. ``assignments`` are in the order in which they were made."""

    def __init__(self, node_devices: NodeDevices) -> None:
        self._node_devices = node_devices
        self.assignments: list[Assignment] = []
        self.sizes = [0] * len(node_devices.plan.claims)
        self._holders: dict[int, int] = {}  # device to a bit for each claim that takes it whole
        self._shares: dict[int, int] = {}
        self._consumed: dict[int, dict[str, int]] = {}
        channel = node_devices.plan.channel
        self._admin_leaves_no_trace = channel.admin_leaves_no_trace
        sets = node_devices.plan.features.list_type_attributes and channel.sets
        self._constraints: list[list[ConstraintState]] = [
            [
                new_constraint(
                    item.match_attribute, item.distinct_attribute, sets=sets, compared=channel.distinct
                )
                for item in claim.constraints
            ]
            for claim in node_devices.plan.claims
        ]

    def in_use(self, alternative: Alternative, position: int) -> bool:
        """Whether this search has given the device away already, as far as the request minds."""
        holders = self._holders.get(position, 0)
        if self._leaves_no_trace(alternative):
            return False
        return bool(holders >> alternative.claim_index & 1 if alternative.admin else holders)

    def taken_of(self, position: int, *, by_claim: bool) -> Hashable | None:
        """What this search has taken of the device; None: nothing. ``by_claim``: and which claims did."""
        holders = self._holders.get(position, 0)
        if self._shares.get(position):
            return holders, tuple(sorted(self._consumed[position].items()))
        if holders:
            return holders if by_claim else True
        return None

    def take(self, alternative: Alternative, position: int) -> str | None:
        """Selects the device for the request, or returns the obstacle.

        Then nothing is changed, but for what the channel ``keeps_refused``.

        The device's status must be USABLE and it must not be ``in_use``, but for All mode.

        Raises:
            AllocationError: All mode needs a device that a constraint forbids, which in-tree is an
                error; or a derived attribute cannot be computed.
        Cost: O(counters and capacities of the device, constraints of the claim).
        """
        node_devices = self._node_devices
        shareable = node_devices.shareable(position)
        charge = node_devices.charge(alternative, position)
        # In-tree, All mode checks capacity after the constraints, which decides between error and misfit.
        if not alternative.takes_all and not self._has_room(position, charge):
            return "CapacityTooSmall"
        placed, view = node_devices.devices[position], node_devices.views[position]
        in_shares = shareable and (placed.device.name in view.marked or bool(self._shares.get(position)))
        # A further share of a device draws nothing more from its counters.
        draws = node_devices.counters and bool(placed.device.consumes_counters) and not in_shares
        if draws and not view.ledger.charge(placed.device):
            return "CountersExhausted"
        try:
            added = self._add_to_constraints(alternative, position)
        except AllocationError:
            if draws:
                view.ledger.refund(placed.device)
            raise
        cause = None if added == len(alternative.constraints) else "ConstraintNotMet"
        if cause is None and alternative.takes_all and not self._has_room(position, charge):
            cause = "CapacityTooSmall"
        if cause is not None:
            if cause == "ConstraintNotMet" or not node_devices.plan.channel.keeps_refused:
                self._remove_from_constraints(alternative, added)
            if draws:
                view.ledger.refund(placed.device)
            if cause == "ConstraintNotMet" and alternative.takes_all:
                message = f"cannot add device {placed.id}: a constraint of the claim would not be satisfied"
                raise AllocationError(Reason(cause, message, alternative.claim, alternative.name))
            return cause
        if draws and self._leaves_no_trace(alternative):
            view.ledger.refund(placed.device)
            draws = False
        size = self.sizes[alternative.claim_index]
        self._record(Assignment(position, alternative, charge if shareable else None, draws, size))
        return None

    def undo(self) -> None:
        """Takes back the latest assignment, and with it the place in the claim of those kept since."""
        assignment = self.assignments.pop()
        position, alternative = assignment.position, assignment.alternative
        self.sizes[alternative.claim_index] = assignment.size
        if self._leaves_no_trace(alternative):
            pass
        elif assignment.charge is None:
            self._holders[position] &= ~(1 << alternative.claim_index)
        else:
            self._shares[position] -= 1
            self._consume(position, assignment.charge, -1)
        self._remove_from_constraints(alternative, len(alternative.constraints))
        if assignment.charged_counters:
            self._node_devices.views[position].ledger.refund(self._node_devices.devices[position].device)

    def keep(self) -> None:
        """Drops the latest assignment, but leaves its device taken for the rest of the search."""
        self.assignments.pop()

    def constraint_state(self, claim_index: int) -> Hashable:
        """The state of the claim's constraints with the devices taken so far."""
        return tuple(constraint.state() for constraint in self._constraints[claim_index])

    def _record(self, assignment: Assignment) -> None:
        claim_index, position = assignment.alternative.claim_index, assignment.position
        if self._leaves_no_trace(assignment.alternative):
            pass
        elif assignment.charge is None:
            self._holders[position] = self._holders.get(position, 0) | 1 << claim_index
        else:
            self._shares[position] = self._shares.get(position, 0) + 1
            self._consume(position, assignment.charge, 1)
        self.assignments.append(assignment)
        self.sizes[claim_index] += 1

    def _leaves_no_trace(self, alternative: Alternative) -> bool:
        """Whether others may have the devices of this request as well, and it the same one again."""
        return alternative.admin and self._admin_leaves_no_trace

    def _consume(self, position: int, charge: Charge, sign: int) -> None:
        consumed = self._consumed.setdefault(position, {})
        for name, amount, _ in charge.amounts:
            consumed[name] = consumed.get(name, 0) + sign * amount

    def _has_room(self, position: int, charge: Charge | None) -> bool:
        if charge is None or not charge.amounts:
            return True
        taken = self._node_devices.views[position].capacity
        return charge.fits(
            taken.get(self._node_devices.devices[position].device.name, {}), self._consumed.get(position, {})
        )

    def _add_to_constraints(self, alternative: Alternative, position: int) -> int:
        """How many of the constraints took the device in, before the first that did not."""
        constraints = self._constraints[alternative.claim_index]
        shape = self._node_devices.devices[position].device.shape
        for count, number in enumerate(alternative.constraints):
            constraint = constraints[number]
            attribute = alternative.attributes.get(shape, constraint.attribute)
            if isinstance(attribute, Reason):
                self._remove_from_constraints(alternative, count)
                raise AllocationError(attribute)
            if not constraint.add(attribute, alternative.request, position):
                return count
        return len(alternative.constraints)

    def _remove_from_constraints(self, alternative: Alternative, count: int) -> None:
        constraints = self._constraints[alternative.claim_index]
        for number in alternative.constraints[:count]:
            constraints[number].remove()
