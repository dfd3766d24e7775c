"""Filters kube-scheduler's preemption candidates by devices.

DefaultPreemption simulates evictions with kube-scheduler's own filters. Its candidates free CPU, ports
and the like; the allocator checks here whether the Pod's claims then fit on the node.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.core.model.pod import Pod
from app.core.pauses import paced, paced_if_many
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.preemption.eviction_stage import EvictionStage
from app.core.preemption.plan import Hopeless, plan_preemption, terminating
from app.core.preemption.victims import may_be_evicted
from app.core.state.state import State

INCURABLE = frozenset(
    {
        "NoDevices",
        "SelectorRejected",
        "SelectorFailed",
        "FeatureDisabled",
        "Unsupported",
        "OtherNode",
        "NodeUnsuited",
    }
)
"""Codes of misfits that other Pods do not cause: the node has no such devices."""

MAX_KEPT = 4096
"""Allocations in the answers for one Pod: it may have thousands of claims, and thousands of candidates."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate: the UIDs of the victims, and how many of these violate a budget.

    ``answer``: how the Pod fits without them, for one that helps; not for the last of thousands.
    """

    victims: tuple[str, ...]
    violations: int = 0
    answer: NodeResult | None = field(default=None, compare=False)


def helpful_candidates(
    state: State,
    pod: Pod,
    candidates: Mapping[str, Candidate],
    rules: Rules,
    *,
    add_victims: bool,
    kept: int = MAX_KEPT,
) -> Iterator[tuple[str, Candidate]]:
    """The candidates on whose nodes the Pod's claims fit without the victims.

    Args:
        state: it is changed: pass a fork.
        candidates: by node.
        add_victims: if the given victims do not suffice, adds a minimal set of other Pods of the node
            that hold devices. Otherwise such a node is left out.
        kept: allocations in all answers; those of later candidates are left out.

    Cost: a search for each candidate; with ``add_victims`` that of ``plan_preemption`` for those that fail.
    """
    stage = EvictionStage(state)
    stage.remove(terminating(state))
    evaluation = PodEvaluation(state, pod, replace(rules, node_checks=False))
    if evaluation.refusal is not None:
        return
    for node, candidate in candidates.items():
        victims = [stage.pods[uid] for uid in paced_if_many(candidate.victims) if uid in stage.pods]
        stage.remove(victims)
        answer = evaluation.answer(node)
        stage.restore(victims)
        helps: Candidate | None = None
        if answer.verdict != "fits":
            helps = _with_more(state, pod, node, candidate, rules) if add_victims else None
        elif candidate.victims:
            helps = replace(candidate, answer=answer)
        if helps is not None:
            kept -= len(evaluation.claims)
            yield node, helps if kept >= 0 else replace(helps, answer=None)


def answers_after_evictions(
    state: State, pods: Sequence[Pod], rules: Rules
) -> Iterator[tuple[Pod, NodeResult]]:
    """How Pods fit on their nominated nodes when the Pods that end are gone, each beside those before it.

    Those that do not fit then are left out.

    Args:
        state: it is changed: pass a fork.

    Cost: O(Pods + claims), and a search for each of the Pods, with pauses.
    """
    stage = EvictionStage(state)
    stage.remove(terminating(state))
    for pod in paced(pods):
        evaluation = PodEvaluation(state, pod, replace(rules, node_checks=False))
        answer = evaluation.answer(pod.nominated_node)
        if answer.verdict == "fits":
            state.settle(pod, answer.node, answer.settled, answer.amounts)
            yield pod, answer


def hosts_of_victims(state: State, pod: Pod) -> frozenset[str]:
    """The nodes where a Pod with claims runs that may be evicted for this one.

    Cost: O(Pods with claims), with pauses.
    """
    if pod.never_preempts:
        return frozenset()
    others = paced(list(state.pods.values()))
    return frozenset(other.node_name for other in others if may_be_evicted(other, pod))


def _with_more(state: State, pod: Pod, node: str, candidate: Candidate, rules: Rules) -> Candidate | None:
    gone = frozenset(candidate.victims)
    leaving = [other for other in paced(state.pods.values()) if other.meta.uid in gone]
    plans = plan_preemption(state.fork(), (pod,), (node,), rules, leaving=leaving, spare_budgets=False)
    if isinstance(plans, Hopeless):
        return None
    (plan,) = plans
    # kube-scheduler considers only Pods of the node as victims.
    if not plan.victims or any(victim.node_name != node for victim in plan.victims):
        return None
    victims = (*candidate.victims, *(victim.meta.uid for victim in plan.victims))
    return Candidate(victims, candidate.violations + plan.violations, plan.answer)
