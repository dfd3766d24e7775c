"""Answers kept from one Pod to the next.

A template makes a thousand Pods whose claims ask for the same. Their claims are planned once, and
a node is searched again only if something that it sees has changed since: a slice, a taint, a
device taken or freed. So a filter costs O(nodes changed since the last one of its kind) searches,
and a dictionary look-up for each other node.

Kept is what does not depend on the Pod: the verdict, the score, and a text without the claim's name.
Allocations are not: they hold new share ids, and a bind decides again anyway.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.core.allocator import Invalid, Plan, plan_claims
from app.core.model.resource_claim import ClaimSpec, ResourceClaim
from app.core.placement.rules import Rules
from app.core.state.state import State

_SHELVES = 256


@dataclass(frozen=True, slots=True)
class Brief:
    """The short answer for a node: what the webhooks need. ``message`` is empty if it fits."""

    verdict: str
    score: int = 0
    message: str = ""
    curable: bool = True


@dataclass(slots=True, eq=False)
class Shelf:
    """The answers for one kind of claims. ``position`` says up to where changes were heard of."""

    plan: Plan
    position: int
    answers: dict[str, Brief] = field(default_factory=dict)


class Memo:
    """Shelves by what is asked for, for one state; the least recently used goes first.

    ``searches`` counts the nodes that had to be searched, ``reused`` those that had not.
    """

    def __init__(self, state: State, size: int = _SHELVES) -> None:
        self._state = state
        self._size = size
        self._shelves: OrderedDict[object, Shelf] = OrderedDict()
        self.searches = 0
        self.reused = 0

    def shelf(self, claims: Sequence[ResourceClaim], rules: Rules) -> Shelf | Invalid:
        """The shelf for these claims, rid of what has changed. Invalid: see ``plan_claims``.

        Cost: O(claims), plus O(nodes changed since it was last asked for).
        """
        specs = tuple(claim.spec for claim in claims)
        classes = tuple(id(self._state.classes.get(name)) for name in _class_names(specs))
        key = (specs, classes, rules.features, rules.policy)
        shelf = self._shelves.get(key)
        if shelf is None:
            plan = plan_claims(claims, self._state.classes, rules.features, rules.selectors)
            if isinstance(plan, Invalid):
                return plan
            # The plan holds on to its classes, so that their ids in the key stay their own.
            shelf = self._shelves[key] = Shelf(plan, self._state.inventory.changes.position)
            if len(self._shelves) > self._size:
                self._shelves.popitem(last=False)
        self._shelves.move_to_end(key)
        self._catch_up(shelf)
        return shelf

    def _catch_up(self, shelf: Shelf) -> None:
        changes = self._state.inventory.changes
        changed = changes.since(shelf.position)
        shelf.position = changes.position
        if changed is None:
            shelf.answers.clear()
            return
        for node in changed:
            shelf.answers.pop(node, None)


def _class_names(specs: Sequence[ClaimSpec]) -> list[str]:
    names = []
    for spec in specs:
        for request in spec.requests:
            names += [option.device_class for option in request.first_available]
            if request.exactly is not None:
                names.append(request.exactly.device_class)
    return names
