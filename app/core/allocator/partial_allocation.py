"""What the search has taken so far, and how it is taken back.

``take`` and ``undo`` are exact opposites and work like a stack: the devices, shares, counters and
constraints are after an undo what they were before the take.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from app.core.allocator.capacity import Charge
from app.core.allocator.constraints import ConstraintState, new_constraint
from app.core.allocator.node_devices import Board
from app.core.allocator.outcome import InputError, Reason
from app.core.allocator.plan import Variant


@dataclass(frozen=True, slots=True)
class Grant:
    """A device given to a request. ``charge`` is set for a share of a device."""

    position: int
    variant: Variant
    charge: Charge | None
    charged_counters: bool


class Trial:
    """A partial allocation. ``grants`` are in the order in which they were made."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.grants: list[Grant] = []
        self.sizes = [0] * len(board.plan.claims)
        self._holders: dict[int, int] = {}  # device to a bit for each claim that takes it whole
        self._shares: dict[int, int] = {}
        self._consumed: dict[int, dict[str, int]] = {}
        sets = board.plan.features.list_type_attributes
        self._constraints: list[list[ConstraintState]] = [
            [
                new_constraint(item.match_attribute, item.distinct_attribute, sets=sets)
                for item in claim.constraints
            ]
            for claim in board.plan.claims
        ]

    def in_use(self, variant: Variant, position: int) -> bool:
        """Whether this search has given the device away already, as far as the request minds."""
        holders = self._holders.get(position, 0)
        return bool(holders >> variant.claim_index & 1 if variant.admin else holders)

    def taken_of(self, position: int, *, by_claim: bool) -> Hashable | None:
        """What this search has taken of the device; None: nothing. ``by_claim``: and which claims did."""
        holders = self._holders.get(position, 0)
        if self._shares.get(position):
            return holders, tuple(sorted(self._consumed[position].items()))
        if holders:
            return holders if by_claim else True
        return None

    def take(self, variant: Variant, position: int) -> str | None:
        """Gives the device to the request, or says what is in the way: then nothing is changed.

        The device's status must be USABLE and it must not be ``in_use``, but for All mode.

        Raises:
            InputError: All mode needs a device that a constraint forbids, which in-tree is an
                error; or a derived attribute cannot be computed.
        Cost: O(counters and capacities of the device, constraints of the claim).
        """
        board = self._board
        shareable = board.shareable(position)
        charge = board.charge(variant, position)
        # In-tree, All mode looks at capacity after the constraints, which decides between error and misfit.
        if not variant.takes_all and not self._has_room(position, charge):
            return "CapacityTooSmall"
        placed, view = board.devices[position], board.views[position]
        in_shares = shareable and (placed.device.name in view.shared or bool(self._shares.get(position)))
        # A further share of a device draws nothing more from its counters.
        draws = board.counters and bool(placed.device.consumes_counters) and not in_shares
        if draws and not view.ledger.charge(placed.device):
            return "CountersExhausted"
        added = self._add_to_constraints(variant, position)
        cause = None if added == len(variant.constraints) else "ConstraintNotMet"
        if cause is None and variant.takes_all and not self._has_room(position, charge):
            cause = "CapacityTooSmall"
        if cause is not None:
            self._remove_from_constraints(variant, added)
            if draws:
                view.ledger.refund(placed.device)
            if cause == "ConstraintNotMet" and variant.takes_all:
                message = f"cannot add device {placed.id}: a constraint of the claim would not be satisfied"
                raise InputError(Reason(cause, message, variant.claim, variant.name))
            return cause
        self._record(Grant(position, variant, charge if shareable else None, draws))
        return None

    def undo(self) -> None:
        """Takes back the latest grant."""
        grant = self.grants.pop()
        position, variant = grant.position, grant.variant
        self.sizes[variant.claim_index] -= 1
        if grant.charge is None:
            self._holders[position] &= ~(1 << variant.claim_index)
        else:
            self._shares[position] -= 1
            self._consume(position, grant.charge, -1)
        self._remove_from_constraints(variant, len(variant.constraints))
        if grant.charged_counters:
            self._board.views[position].ledger.refund(self._board.devices[position].device)

    def constraint_state(self, claim_index: int) -> Hashable:
        """What the claim's constraints make of the devices taken so far."""
        return tuple(constraint.state() for constraint in self._constraints[claim_index])

    def _record(self, grant: Grant) -> None:
        claim_index, position = grant.variant.claim_index, grant.position
        if grant.charge is None:
            self._holders[position] = self._holders.get(position, 0) | 1 << claim_index
        else:
            self._shares[position] = self._shares.get(position, 0) + 1
            self._consume(position, grant.charge, 1)
        self.grants.append(grant)
        self.sizes[claim_index] += 1

    def _consume(self, position: int, charge: Charge, sign: int) -> None:
        consumed = self._consumed.setdefault(position, {})
        for name, amount, _ in charge.amounts:
            consumed[name] = consumed.get(name, 0) + sign * amount

    def _has_room(self, position: int, charge: Charge | None) -> bool:
        if charge is None or not charge.amounts:
            return True
        taken = self._board.views[position].taken.capacity
        return charge.fits(
            taken.get(self._board.devices[position].device.name, {}), self._consumed.get(position, {})
        )

    def _add_to_constraints(self, variant: Variant, position: int) -> int:
        """How many of the constraints took the device in, before the first that did not."""
        constraints = self._constraints[variant.claim_index]
        shape = self._board.devices[position].device.shape
        for count, number in enumerate(variant.constraints):
            constraint = constraints[number]
            attribute = variant.attributes.get(shape, constraint.attribute)
            if isinstance(attribute, Reason):
                raise InputError(attribute)
            if not constraint.add(attribute):
                return count
        return len(variant.constraints)

    def _remove_from_constraints(self, variant: Variant, count: int) -> None:
        constraints = self._constraints[variant.claim_index]
        for number in variant.constraints[:count]:
            constraints[number].remove()
