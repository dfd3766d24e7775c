"""Places several Pods on one node at once: allocates their claims together, with backtracking over
devices. One by one, the first claim may take the device that the second one needs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.core.allocator import Fits, Invalid, Plan, allocate_planned, plan_claims
from app.core.allocator.counters import consumption_key
from app.core.model.allocation import Allocation
from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.pod import Pod
from app.core.model.resource_claim import ClaimSpec, ResourceClaim
from app.core.placement.node_amounts import AmountError, amounts_on
from app.core.placement.node_result import NodeResult
from app.core.placement.node_room import room_refusal
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.pools import Pool, PoolError
from app.core.state.state import State
from app.core.state.taken import NOTHING_TAKEN, Taken, take

ClaimId = tuple[str, ...]
"""The identity of a claim: a shared one by its name, a Pod's own by Pod and entry."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A Pod of a gang.

    ``kind`` is equal for equivalent Pods; ``alone`` is the result of each node that it fits on without
    the others.
    """

    index: int
    pod: Pod
    evaluation: PodEvaluation
    kind: int
    alone: dict[str, NodeResult]

    def claims_on(self, node: str) -> Iterable[tuple[ClaimId, HeldClaim]]:
        """Its claims on a node, with their identities."""
        for held in self.alone[node].claims:
            yield self._identity(held), held

    def placed_on(self, node: str) -> Pod:
        """The Pod as running on the node."""
        # A gang may contain Pods with the same name.
        meta = replace(self.pod.meta, name=f"{self.pod.meta.name}/{self.index}")
        return replace(self.pod, meta=meta, node_name=node)

    def shared(self) -> frozenset[ClaimId]:
        """Its unallocated claims that other Pods may use too."""
        return frozenset(
            self._identity(held)
            for answer in self.alone.values()
            for held in answer.claims
            if held.claim.allocation is None and self._identity(held)[0] == "shared"
        )

    def _identity(self, held: HeldClaim) -> ClaimId:
        if held.by_name or held.group is not None:
            return ("shared", *held.key)
        return ("own", str(self.index), held.pod_claim)


Solved = dict[ClaimId, Allocation]


@dataclass(frozen=True, slots=True)
class TakenElsewhere:
    """A gang's allocations on other nodes, and all that is taken with them."""

    solved: Solved
    taken: Taken

    def with_more(self, solved: Solved) -> "TakenElsewhere":
        """Adds the allocations of one more node."""
        taken = dict(self.taken)
        for identity, allocation in solved.items():
            take(taken, ("", "/".join(identity)), allocation.devices)
        return TakenElsewhere({**self.solved, **solved}, taken)


class Joint:
    """Results for sets of Pods on single nodes, cached by equivalence.

    ``exact`` becomes False if a result might be different: after a search that was cut off, or with
    devices that several nodes can use, whose choice on one node can affect another. ``tried`` counts the
    searches.

    Args:
        state: a fork; the usage of nodes is changed temporarily.
    """

    def __init__(self, state: State, rules: Rules) -> None:
        self._state = state
        self._rules = rules
        self._plans: dict[tuple[ClaimSpec, ...], Plan | Invalid] = {}
        self._verdicts: dict[object, bool] = {}
        self._likeness: dict[str, object] = {}
        self._counts = rules.features.node_allocatable_resources and state.counts_nodes
        self.exact = True
        self.tried = 0

    @property
    def nothing_given(self) -> TakenElsewhere:
        """The assignment before any node is solved."""
        return TakenElsewhere({}, self._state.taken)

    def fits(self, node: str, members: Sequence[Member]) -> bool:
        """Whether the Pods fit on the node together."""
        kinds = sorted(member.kind for member in members)
        key = (self.likeness(node), tuple(kinds), self._sharing(members))
        if key not in self._verdicts:
            self._verdicts[key] = self.solve(node, members) is not None
        return self._verdicts[key]

    def solve(
        self, node: str, members: Sequence[Member], given: TakenElsewhere | None = None
    ) -> Solved | None:
        """Searches an allocation for each unallocated claim; None if there is none for all.

        Args:
            given: the allocations on other nodes.
        """
        self.tried += 1
        given = given or self.nothing_given
        claims: dict[ClaimId, ResourceClaim] = {}
        for member in members:
            for identity, held in member.claims_on(node):
                if identity in given.solved:
                    if not self._reaches(given.solved[identity], node):
                        return None
                elif held.claim.allocation is None:
                    claims.setdefault(identity, held.claim)
        if not self._room(node, members):
            return None
        solved = self._allocated(node, claims, given.taken) if claims else {}
        if solved is None or self._room_with_devices(node, members, {**given.solved, **solved}):
            return solved
        self.exact = False  # other devices may take less of the node
        return None

    def _allocated(self, node: str, claims: Mapping[ClaimId, ResourceClaim], taken: Taken) -> Solved | None:
        plan = self._plan(tuple(claims.values()))
        if isinstance(plan, Invalid):
            return None
        outcome = allocate_planned(
            self._state.nodes[node],
            self._pools(node),
            plan,
            taken,
            limits=self._rules.limits,
            new_share_id=self._rules.new_share_id,
        )
        if isinstance(outcome, Fits):
            return dict(zip(claims, outcome.allocations, strict=True))
        if isinstance(outcome, Invalid) and any(item.code == "SearchLimit" for item in outcome.reasons):
            self.exact = False
        return None

    def amounts(self, member: Member, node: str, solved: Solved) -> tuple[ClaimAmounts, ...] | None:
        """What the Pod's devices take of the node; None if that is not known. Cost: see ``amounts_on``."""
        if not self._counts:
            return ()
        given = [
            (held, held.claim.allocation or solved[identity]) for identity, held in member.claims_on(node)
        ]
        state, features = self._state, self._rules.features
        try:
            return amounts_on(state.nodes[node], member.pod, given, state.inventory, features)
        except AmountError:
            return None

    def _room_with_devices(self, name: str, members: Sequence[Member], solved: Solved) -> bool:
        """Whether the node has room for the Pods with what their devices take, one after another."""
        if not self._counts:
            return True
        usage, node = self._state.usage, self._state.nodes[name]
        before = self._state.usage = usage.fork()
        by_container = self._rules.features.version.overhead_by_container
        try:
            for member in members:
                amounts = self.amounts(member, name, solved)
                if amounts is None:
                    return False
                pod = member.pod
                if amounts and room_refusal(self._state, pod, node, amounts, by_container=by_container):
                    return False
                before.put(replace(member.placed_on(name), amounts=amounts))
        finally:
            self._state.usage = usage
        return True

    def likeness(self, node: str) -> object:
        """Equal for nodes with equal results for any Pods of the gang. Cost: O(devices), once."""
        if self._counts:
            return node
        found = self._likeness.get(node)
        if found is None:
            found = self._likeness[node] = self._describe(node)
        return found

    def _reaches(self, allocation: Allocation, name: str) -> bool:
        selector, node = allocation.node_selector, self._state.nodes[name]
        return selector is None or selector.matches(name, node.meta.labels)

    def _describe(self, name: str) -> object:
        node = self._state.nodes[name]
        used = self._state.usage.of(name)
        resources = tuple(
            sorted((key, amount.nanos - used.get(key, 0)) for key, amount in node.allocatable.items())
        )
        pools = []
        for pool in self._pools(name):
            local = all(item.node_name == name for item in (*pool.slices, *pool.drawing))
            self.exact = self.exact and local
            pools.append(_pool(pool, self._state) if local and not pool.counter_sets else pool.id)
        return resources, node.declared_features, tuple(pools)

    def _pools(self, node: str) -> Sequence[Pool]:
        try:
            return self._state.inventory.pools(node, self._rules.features)
        except PoolError:
            return ()

    def _plan(self, claims: tuple[ResourceClaim, ...]) -> Plan | Invalid:
        key = tuple(claim.spec for claim in claims)
        if key not in self._plans:
            rules = self._rules
            self._plans[key] = plan_claims(claims, self._state.classes, rules.features, rules.selectors)
        return self._plans[key]

    def _room(self, node: str, members: Sequence[Member]) -> bool:
        """Whether the Pods pass the node checks, each together with those before it."""
        usage = self._state.usage
        before = self._state.usage = usage.fork()
        try:
            for member in members:
                if member.evaluation.on(node).early(node) is not None:
                    return False
                before.put(member.placed_on(node))
        finally:
            self._state.usage = usage
        return True

    @staticmethod
    def _sharing(members: Sequence[Member]) -> object:
        return tuple(sorted(identity for member in members for identity in member.shared()))


def _pool(pool: Pool, state: State) -> object:
    taken = state.taken.get(pool.id, NOTHING_TAKEN)
    devices = tuple(
        (
            id(item.device.shape),
            item.device.taints,
            item.device.binding_conditions,
            consumption_key(item.device),
            item.device.name in taken.whole,
            item.device.name in taken.shared,
            tuple(sorted(taken.capacity.get(item.device.name, {}).items())),
        )
        for item in pool.devices
    )
    return pool.id.driver, pool.incomplete, pool.invalid_reason is None, devices
