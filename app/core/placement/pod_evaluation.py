"""Evaluates one Pod on any number of nodes: whether it fits, with which devices, and the score."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import compress

from app.core.allocator import (
    Fits,
    Invalid,
    Misfit,
    Outcome,
    Plan,
    Reason,
    allocate_planned,
    plan_claims,
)
from app.core.diagnosis.misfit import explain_misfit
from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.node import Node
from app.core.model.pod import Pod
from app.core.pauses import paced, paced_if_many, pause
from app.core.placement.allocated_claims import AllocatedClaims
from app.core.placement.chosen_policy import policy_for
from app.core.placement.device_choice import pick, prospect_of
from app.core.placement.extended_resources import POD_CLAIM, ExtendedResources, Needs
from app.core.placement.holders import with_holders
from app.core.placement.missing_keys import is_about_a_key, names_of_devices, with_advice
from app.core.placement.mix_of_claims import device_demand
from app.core.placement.node_amounts import AmountError, device_amounts, of_pod
from app.core.placement.node_checks import check_node
from app.core.placement.node_result import NodeResult, Tried, Verdict
from app.core.placement.node_room import room_refusal
from app.core.placement.pod_claims import HeldClaim, UnschedulableError, claims_of, group_has_nodes
from app.core.placement.rules import Rules
from app.core.scoring import policy_named, score
from app.core.state.pools import Pool, PoolError
from app.core.state.state import State


class PodEvaluation:
    """A Pod prepared for evaluation: its claims are resolved, and planned once for all nodes.

    ``missing`` are the claims without an allocation; ``unclaimed`` is the reason if the Pod's claims are
    not usable. ``varies``: the Pod's claims depend on the node, see ``on``. ``position`` in the log of
    changed nodes: later changes may not be part of some results.

    Args:
        needs: makes this the evaluation for nodes of one kind, see ``ExtendedResources``.
    """

    def __init__(self, state: State, pod: Pod, rules: Rules, needs: Needs | None = None) -> None:
        self.state = state
        self.position = state.inventory.changes.position
        self._revision = state.revision
        self._given_rules = rules
        self.pod = pod
        self.rules = rules
        self.claims: tuple[HeldClaim, ...] = ()
        self.unclaimed: Reason | None = None
        self._needs = needs or Needs()
        self._resources = _resources_of(state, pod, rules) if needs is None and pod.extended else None
        self._kinds: dict[int, PodEvaluation] = {}
        self._with_devices: dict[str, bool] = {}
        self.varies = bool(self._resources)
        try:
            self.claims = claims_of(state, pod, rules) + self._needs.claims()
        except UnschedulableError as refusal:
            self.unclaimed = refusal.reason
        self.missing = tuple(held.claim for held in self.claims if held.claim.allocation is None)
        policy = policy_for(state, pod, self.missing, rules)
        if policy != rules.policy:
            self.rules = rules = replace(rules, policy=policy)
        self._policy = policy_named(policy)
        self._demand = device_demand(self._policy, state, rules)
        self._pinned = AllocatedClaims(self.claims, rules, state.inventory, pod)

    def renewed(self, state: State) -> "PodEvaluation":
        """This one, if the state has not changed, so that nothing is planned again; else a new one."""
        seen = state.as_seen_by(self.pod)
        current = seen is self.state and seen.revision == self._revision
        return self if current else PodEvaluation(seen, self.pod, self._given_rules)

    def on(self, name: str) -> "PodEvaluation":
        """The evaluation for a node: this one, unless it ``varies``."""
        node = self.state.nodes.get(name)
        if not self._resources or node is None:
            return self
        needs = self._resources.on(node)
        evaluation = self._kinds.get(id(needs))
        if evaluation is None:
            evaluation = self._kinds[id(needs)] = PodEvaluation(self.state, self.pod, self.rules, needs)
        return evaluation

    @property
    def _counts(self) -> bool:
        """Whether any device takes something of a node: the first such slice may arrive in a pause."""
        return self.rules.features.node_allocatable_resources and self.state.counts_nodes

    @property
    def repeatable(self) -> bool:
        """Whether a Pod that differs in its metadata only gets the same results, with its claims' names."""
        return not (self._resources and self._resources.started)

    @property
    def allocated(self) -> int:
        """The number of the Pod's allocated claims."""
        return len(self._pinned)

    @property
    def uniform(self) -> bool:
        """Whether only the search distinguishes nodes, once they are known."""
        return not self._pinned and not self.rules.node_checks

    def is_of_node(self, name: str) -> bool:
        """Whether the result depends on what Pods take of the node, before it is searched. O(allocated
        devices)."""
        if not self._counts:
            return False
        return name in self.state.pledges.watched or self._pinned.take_of_node

    @property
    def watches(self) -> bool:
        """Whether ``is_of_node`` may hold for a node."""
        return self._counts and bool(self.state.pledges.watched or self._pinned.take_of_node)

    @cached_property
    def refusal(self) -> tuple[Verdict, tuple[Reason, ...]] | None:
        """The result if it is the same for every node."""
        if self.unclaimed is not None:
            return ("misfit", (self.unclaimed,))
        return ("invalid", self._plan.reasons) if isinstance(self._plan, Invalid) else None

    @cached_property
    def _plan(self) -> Plan | Invalid:
        """The Pod's plan: its reasons name the Pod's claims."""
        return plan_claims(self.missing, self.state.classes, self.rules.features, self.rules.selectors)

    def answers(self, nodes: Iterable[str]) -> Iterator[NodeResult]:
        """A result for each node, in order."""
        return map(self.answer, nodes)

    def answer(self, name: str, *, scored: bool = True) -> NodeResult:
        """The result for one node. ``scored``: False leaves the score out, where only the devices matter."""
        pause()
        evaluation = self.on(name)
        if evaluation is not self:
            return evaluation.answer(name, scored=scored)
        early = self.early(name)
        if early is not None:
            return early
        node = self.state.nodes.get(name)
        if node is None:
            return _unknown(name)  # it was deleted in a pause
        if isinstance(self._plan, Invalid) or not self.missing:
            return self._fits(node, (), Fits(()))
        return self._allocate(node, self._plan, scored=scored)

    def early(self, name: str) -> NodeResult | None:
        """The result if a misfit needs no search. Cost: O(taints + resources + allocated devices)."""
        node = self.state.nodes.get(name)
        if node is None:
            return _unknown(name)
        if self.rules.node_checks:
            found = check_node(self.pod, node, self.state.usage, self._needs.backed)
            if found is not None:
                return self._refused(name, found)
        if self.refusal is not None:
            return NodeResult(name, self.refusal[0], self.refusal[1], curable=False)
        return self._pinned.refusal(node) if self._pinned else None

    def _refused(self, name: str, found: Reason) -> NodeResult:
        """The answer for a node that is not checked for devices. Evicting Pods makes room on it."""
        if found.code != "InsufficientResources":
            return NodeResult(name, "misfit", (found,), curable=False)
        missing = sorted(self._unoffered & found.counts.keys())
        if missing:
            text = f"no DeviceClass and no node offers {missing[0]}"
            return NodeResult(name, "misfit", (Reason("ResourceNotOffered", text),), curable=False)
        return NodeResult(name, "misfit", (found,), curable=True)

    @cached_property
    def _unoffered(self) -> frozenset[str]:
        """The Pod's extended resources that no class and no node has. O(nodes), once."""
        classes = self.state.resource_classes
        resources = {item.resource for item in self.pod.extended if item.resource not in classes}
        nodes = self.state.nodes.values() if resources else ()
        return frozenset(resources).difference(*(paced(node.allocatable.keys() for node in nodes)))

    def explained(self, answer: NodeResult) -> NodeResult:
        """A misfit with its reasons, device by device, and an error with advice; other results unchanged.

        The search itself collects none, since few nodes of a large cluster are explained. Cost: O(devices
        of the node) and a few bounded searches, see ``explain_misfit``.
        """
        evaluation = self.on(answer.node)
        if evaluation is not self:
            return evaluation.explained(answer)
        if answer.verdict == "invalid":
            return replace(answer, reasons=tuple(map(self._advised, answer.reasons)))
        node = self.state.nodes.get(answer.node)
        if not answer.counted_later or node is None or isinstance(self._plan, Invalid):
            return answer
        try:
            pools = self.state.inventory.pools(answer.node, self.rules.features)
        except (KeyError, PoolError):
            return answer  # it was found before a change in a pause
        reasons = explain_misfit(node, pools, self._plan, self.state.taken)
        known = tuple(with_holders(self.state, reason) for reason in paced_if_many(reasons))
        return replace(answer, reasons=known, counted_later=False)

    def _advised(self, reason: Reason) -> Reason:
        return with_advice(reason, self._names) if is_about_a_key(reason) else reason

    @cached_property
    def _names(self) -> frozenset[str]:
        return names_of_devices(self.state)

    def releasable(self) -> HeldClaim | None:
        """A claim to deallocate, so that the Pod can use devices elsewhere.

        Call it when no node fits: returns the first claim that prevented a node where the others would fit,
        and that is reserved for no other Pod (PostFilter of the in-tree plugin), or for the Pod's PodGroup of
        which no Pod has a node (PodGroupPostFilter).

        Cost: if the Pod has claims without an allocation, a search for each node that such a claim prevented,
        until one fits.
        """
        for held in paced_if_many(self.claims):
            if self._can_be_released(held) and self._is_the_obstacle(held):
                return held
        stale = self._needs.stale
        if stale is not None and self._can_be_released(stale):
            return stale
        found = (evaluation.releasable() for evaluation in paced_if_many(self._kinds.values()))
        return next((held for held in found if held is not None), None)

    def _can_be_released(self, held: HeldClaim) -> bool:
        """Whether no other Pod uses the claim."""
        own = {self.pod.meta.uid}
        if held.group is not None and not group_has_nodes(self.state, self.pod):
            own.add(held.group.uid)
        others = any(consumer.uid not in own for consumer in held.claim.reserved_for)
        return not others and held.key not in self.state.assumed

    def _is_the_obstacle(self, held: HeldClaim) -> bool:
        """Whether the claim prevented a node that has devices for those without an allocation.

        In-tree the plugin remembers a claim only after its allocator has found such devices. A claim for
        extended resources is deleted in any case.
        """
        nodes = self._pinned.unusable_on(held)
        return any(held.pod_claim == POD_CLAIM or self._has_devices(name) for name in nodes)

    def _has_devices(self, name: str) -> bool:
        """Whether the claims without an allocation fit on the node. Cost: a search, once a node."""
        if not self.missing:
            return True
        found = self._with_devices.get(name)
        if found is None:
            pause()
            node, plan = self.state.nodes.get(name), self._plan
            if node is None or isinstance(plan, Invalid):
                found = False
            else:
                found = isinstance(self._searched(node, plan)[1], Fits)
            self._with_devices[name] = found
        return found

    def _searched(self, node: Node, plan: Plan) -> tuple[Sequence[Pool], Outcome]:
        """The node's pools, and the devices in them for the claims without an allocation. Cost: a search."""
        try:
            pools = self.state.inventory.pools(node.name, self.rules.features)
        except KeyError:
            pools = ()  # the node was deleted in a pause
        except PoolError as error:
            return (), Invalid((Reason("PoolInvalid", str(error)),))
        outcome = allocate_planned(
            node,
            pools,
            plan,
            self.state.taken,
            limits=self.rules.limits,
            new_share_id=self.rules.new_share_id,
        )
        return pools, outcome

    def _allocate(self, node: Node, plan: Plan, *, scored: bool) -> NodeResult:
        pools, outcome = self._searched(node, plan)
        match outcome:
            case Fits():
                picked = pick(
                    self._policy,
                    node,
                    pools,
                    plan,
                    self.state.taken,
                    outcome,
                    limits=self.rules.limits,
                    new_share_id=self.rules.new_share_id,
                    groups=self.state.matched_attributes,
                    demand=self._demand,
                )
                found = self._fits(node, pools, picked, scored=scored)
                if picked is outcome or not found.of_node:
                    return found
                # The devices that in-tree tries may take less of the node.
                first = self._fits(node, pools, outcome, scored=scored)
                chosen = first if found.verdict == "misfit" else found
                return replace(chosen, tried=found.tried + first.tried if found.tried and first.tried else ())
            case Misfit():
                return NodeResult(node.name, "misfit", outcome.reasons, searched=True, counted_later=True)
            case Invalid():
                return NodeResult(node.name, "invalid", outcome.reasons, curable=False, searched=True)

    def _fits(self, node: Node, pools: Sequence[Pool], fits: Fits, *, scored: bool = True) -> NodeResult:
        new = iter(fits.allocations)
        allocations = tuple(held.claim.allocation or next(new) for held in self.claims)
        result = NodeResult(node.name, "fits", claims=self.claims, allocations=allocations, score=0)
        if fits.allocations and scored:
            assert isinstance(self._plan, Plan)  # noqa: S101 - something has been allocated by it
            groups = self.state.matched_attributes
            prospect = prospect_of(self._plan, pools, self.state.taken, fits, groups, demand=self._demand)
            found = score(self._policy, prospect, fits.ranks)
            result = replace(result, score=found.points, score_parts=found.parts, searched=True)
        return self._counted(result, node) if self._counts else result

    def _counted(self, result: NodeResult, node: Node) -> NodeResult:
        """The result with what the Pod takes of the node.

        Where no device takes anything of the node, kube-scheduler knows as much, unless others' devices do.
        Cost: for each claim a look through the pools of its devices.
        """
        state = self.state
        given = tuple(zip(self.claims, result.allocations, strict=True))
        try:
            taken = device_amounts(node, given, state.inventory, self.rules.features)
        except AmountError as error:
            refused = replace(result, claims=(), allocations=(), score=None, score_parts=(), of_node=True)
            return replace(refused, verdict="invalid", reasons=(error.reason,), curable=False)
        fresh = [held.claim.allocation is None for held in self.claims]
        tried = (Tried(result.score or 0, tuple(compress(taken, fresh))),)
        if not any(taken) and node.name not in state.pledges.watched:
            return replace(result, tried=tried)
        found = replace(result, tried=tried, of_node=True)
        return self._with_room(found, node, of_pod(self.pod, self.claims, taken))

    def _with_room(self, result: NodeResult, node: Node, amounts: tuple[ClaimAmounts, ...]) -> NodeResult:
        """The result, if the node has room for the Pod with these amounts; else a misfit."""
        by_container = self.rules.features.version.overhead_by_container
        refusal = room_refusal(self.state, self.pod, node, amounts, by_container=by_container)
        if refusal is None:
            return replace(result, amounts=amounts)
        refused = replace(result, claims=(), allocations=(), score=None, score_parts=())
        return replace(refused, verdict="misfit", reasons=refusal.reasons, curable=refusal.curable)

    def weighed(self, name: str, tried: Sequence[Tried]) -> NodeResult:
        """The result for a node on which these allocations would be tried, without claims and allocations.

        For nodes that look the same, of which one was searched. Cost: O(resources and pledges).
        """
        pause()
        node = self.state.nodes.get(name)
        if node is None:
            return _unknown(name)
        missing = [held for held in self.claims if held.claim.allocation is None]
        found = NodeResult(name, "misfit")
        for item in tried:
            amounts = of_pod(self.pod, missing, item.amounts)
            found = NodeResult(name, "fits", score=item.score, searched=True, of_node=True)
            found = self._with_room(found, node, amounts) if amounts else found
            if found.verdict == "fits":
                break
        return found


def _unknown(name: str) -> NodeResult:
    """The result for a node without an event, or one that is gone."""
    reason = Reason("NodeUnknown", "node(s) were not known yet")
    return NodeResult(name, "misfit", (reason,), curable=False)


def _resources_of(state: State, pod: Pod, rules: Rules) -> ExtendedResources:
    return ExtendedResources(state, pod, by_class=rules.features.extended_resource)
