"""Selects Pods to evict so that another one gets its devices.

It does for devices what DefaultPreemption does for in-tree filters: on each node it removes all Pods of
lower priority that hold usable devices; if the Pod then fits, it adds them back one by one, the most
important first, as long as the Pod still fits. Each proposal is verified: the allocator evaluates the
state after the evictions.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

from app.core.allocator import Reason
from app.core.model.pod import Pod
from app.core.pauses import FEW, paced
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.preemption.eviction_stage import EvictionStage
from app.core.preemption.victims import (
    Budgets,
    Cost,
    by_importance,
    cost_of,
    doubly_covered,
    may_be_evicted,
    over_budget,
)
from app.core.state.pools import PoolError
from app.core.state.state import State

ENOUGH_NODES = 100
"""Number of nodes with unprotected victims after which the search ends (as minCandidateNodesAbsolute of
kube-scheduler).
"""

_MAX_SETS = 256
"""Maximum number of compared sets of victims on one node; beyond that the first set is used."""


@dataclass(frozen=True, slots=True)
class Preemption:
    """The Pod fits on the node after the eviction of the victims, if there are any.

    ``answer`` has its devices. ``victims`` are sorted, the most important first.
    """

    pod: Pod
    answer: NodeResult
    victims: tuple[Pod, ...] = ()
    violations: int = 0

    @property
    def node(self) -> str:
        return self.answer.node


@dataclass(frozen=True, slots=True)
class Hopeless:
    """No eviction helps ``pod``: the preemptor, or one of those that must be placed with it."""

    pod: Pod
    reason: Reason


def plan_preemption(
    state: State,
    pods: Sequence[Pod],
    nodes: Sequence[str],
    rules: Rules,
    *,
    leaving: Iterable[Pod] = (),
    spare_budgets: bool = True,
) -> tuple[Preemption, ...] | Hopeless:
    """Finds victims so that all of ``pods`` fit, one after another.

    Pods that fit without further evictions get a Preemption without victims. Several Pods are all or
    nothing: if one does not fit, no Pods are evicted for the others.

    Args:
        state: it is changed: pass a fork.
        leaving: Pods that count as deleted, in addition to those that are being deleted. Those that still
            run count against budgets, like the victims for earlier ``pods``.
        spare_budgets: refuse victims that a PodDisruptionBudget protects, instead of preferring others.

    Cost: a search for each node, and for each node with victims one for each of them, and up to 256 more.
    """
    stage = EvictionStage(state)
    leaving = tuple(leaving)
    stage.remove((*leaving, *terminating(state)))
    budgets = Budgets.of(state.budgets.values()).charged(_still_running(state, leaving))
    checked = replace(rules, node_checks=True)
    found: list[Preemption] = []
    for pod in pods:
        plan = _plan_one(stage, pod, nodes, checked, budgets, spare_budgets=spare_budgets)
        if isinstance(plan, Hopeless):
            return plan
        found.append(plan)
        stage.remove(plan.victims)
        budgets = budgets.charged(plan.victims)
        state.settle(pod, plan.node, plan.answer.settled, plan.answer.amounts)
    return tuple(found)


def evictable(state: State, pod: Pod) -> bool:
    """Whether any Pod with claims may be evicted for this one. Cost: O(Pods)."""
    return not pod.never_preempts and any(may_be_evicted(other, pod) for other in state.pods.values())


def partners(state: State, pod: Pod) -> tuple[Pod, ...]:
    """The Pod, and the pending Pods of its PodGroup. Cost: O(Pods)."""
    if not pod.group:
        return (pod,)
    others = (
        other for other in _of_group(state, pod) if other.meta.uid != pod.meta.uid and not other.node_name
    )
    return (pod, *sorted(others, key=lambda other: other.meta.key))


def lacks_partners(state: State, pod: Pod, rules: Rules) -> bool:
    """Whether the state has fewer Pods of the Pod's PodGroup than may run, or not the PodGroup.

    kube-scheduler tries a group when it knows enough of its Pods; the watch of this program may deliver them
    later. Evictions for a part of the group are useless if there is no room for the rest. Cost: O(Pods).
    """
    if not pod.group:
        return False
    group = state.groups.get((pod.meta.namespace, pod.group))
    if group is None:
        return rules.groups_known
    known = sum(1 for _ in _of_group(state, pod))
    return known < (group.min_count or 0)


def _of_group(state: State, pod: Pod) -> Iterator[Pod]:
    """The Pods of the Pod's PodGroup that may run, with and without a node. Cost: O(Pods)."""
    return (
        other
        for other in state.pods.values()
        if other.group == pod.group
        and other.meta.namespace == pod.meta.namespace
        and not other.finished
        and other.meta.deleted is None
    )


def terminating(state: State) -> list[Pod]:
    """Pods that are being deleted or have completed. ``state`` is a fork. Cost: O(Pods), with pauses."""
    return [pod for pod in paced(state.pods.values()) if pod.meta.deleted is not None or pod.finished]


def _still_running(state: State, leaving: Sequence[Pod]) -> list[Pod]:
    """Those whose eviction the budgets do not count yet: their status counts Pods that are being deleted."""
    known = {pod.meta.key: state.pods.get(pod.meta.key) for pod in leaving}
    uids = {pod.meta.uid for pod in leaving}
    return [
        pod
        for pod in known.values()
        if pod is not None and pod.meta.uid in uids and pod.meta.deleted is None and not pod.finished
    ]


def _plan_one(
    stage: EvictionStage,
    pod: Pod,
    nodes: Sequence[str],
    rules: Rules,
    budgets: Budgets,
    *,
    spare_budgets: bool,
) -> Preemption | Hopeless:
    evaluation = PodEvaluation(stage.state, pod, rules)
    if evaluation.refusal is not None:
        return Hopeless(pod, evaluation.refusal[1][0])
    curable: list[str] = []
    best: NodeResult | None = None
    for name in nodes:
        answer = evaluation.answer(name)
        if answer.verdict == "fits" and (best is None or (answer.score or 0) > (best.score or 0)):
            best = answer
        elif answer.verdict == "misfit" and answer.curable:
            curable.append(name)
    if best is not None:
        return Preemption(pod, best)
    if pod.never_preempts:
        return Hopeless(pod, Reason("PreemptionNever", "its preemptionPolicy is Never"))
    return _best_node(_Search(stage, evaluation, budgets, spare_budgets=spare_budgets), curable)


def _best_node(search: "_Search", nodes: Iterable[str]) -> Preemption | Hopeless:
    found: list[tuple[Cost, str, Preemption]] = []
    for name in nodes:
        plan = search.on(name)
        if plan is not None:
            found.append((search.cost(plan.victims), name, plan))
            if sum(not cost.violations for cost, _, _ in found) >= ENOUGH_NODES:
                break
    if found:
        return min(found, key=lambda item: item[:2])[2]
    reason = Reason("PreemptionUseless", "evicting Pods of lower priority would not free enough devices")
    return Hopeless(search.evaluation.pod, reason)


class _Search:
    """One Pod, on one node after another."""

    def __init__(
        self,
        stage: EvictionStage,
        evaluation: PodEvaluation,
        budgets: Budgets,
        *,
        spare_budgets: bool,
    ) -> None:
        self.evaluation = evaluation
        self._stage = stage
        self._spare = spare_budgets
        self._budgets = budgets
        self._own = {held.key for held in evaluation.claims}

    def cost(self, victims: Sequence[Pod]) -> Cost:
        return cost_of(victims, self._budgets)

    def on(self, node: str) -> Preemption | None:
        """The best victims on a node; None if evicting does not help there."""
        candidates = self._candidates(node)
        if not candidates:
            return None
        self._stage.remove(candidates)
        answer = self.evaluation.answer(node)
        if answer.verdict != "fits":
            self._stage.restore(candidates)
            return None
        victims = self._reprieved(node, candidates)
        self._stage.restore(victims)
        if not victims:
            return None  # it fits without evictions: nothing to propose here
        victims = self._improved(node, candidates, victims)
        cost = self.cost(victims)
        if self._spare and cost.violations:
            return None
        self._stage.remove(victims)
        answer = self.evaluation.answer(node)
        self._stage.restore(victims)
        return Preemption(self.evaluation.pod, answer, tuple(victims), cost.violations)

    def _candidates(self, node: str) -> list[Pod]:
        """Pods that may be evicted and whose removal together frees devices that the node can use."""
        try:
            pools = self._stage.state.inventory.pools(node, self.evaluation.rules.features)
        except PoolError:
            return []
        found: dict[str, Pod] = {}
        for key in paced(self._stage.holders(pools), FEW):
            users = self._stage.users(key)
            pods = [self._stage.pods.get(uid) for uid in users]
            if key not in self._own and all(
                pod is not None and self._may_go(pod) for pod in paced(pods, FEW)
            ):
                found |= {uid: pod for uid, pod in zip(users, pods, strict=True) if pod is not None}
        return by_importance(found.values())

    def _may_go(self, pod: Pod) -> bool:
        if not may_be_evicted(pod, self.evaluation.pod):
            return False
        return not (self._spare and (over_budget([pod], self._budgets) or doubly_covered(pod, self._budgets)))

    def _reprieved(self, node: str, candidates: list[Pod]) -> list[Pod]:
        """Adds Pods back where possible, those that a budget protects first; the rest are the victims."""
        protected = over_budget(candidates, self._budgets)
        order = sorted(candidates, key=lambda pod: pod.meta.uid not in protected)  # by a bool: linear
        victims = self._stage.reprieve(order, lambda: self.evaluation.answer(node).verdict == "fits")
        return by_importance(victims)

    def _improved(self, node: str, candidates: list[Pod], victims: list[Pod]) -> list[Pod]:
        """The best of all sets, or of those that are not larger, if there are few enough.

        Adding back one by one does not find that evicting one Pod with two devices is better than two
        with one, or that a Pod that a budget seemed to protect can be evicted if another one stays.
        """
        for largest in (len(candidates), len(victims)):
            sizes = range(1, largest + 1)
            if sum(comb(len(candidates), size) for size in sizes) <= _MAX_SETS:
                break
        else:
            return victims
        sets = (list(chosen) for size in sizes for chosen in combinations(candidates, size))
        bar = self.cost(victims)
        better = sorted((self.cost(chosen), number, chosen) for number, chosen in enumerate(sets))
        for cost, _, chosen in better:
            if cost >= bar:
                break
            self._stage.remove(chosen)
            answer = self.evaluation.answer(node)
            self._stage.restore(chosen)
            if answer.verdict == "fits":
                return chosen
        return victims
