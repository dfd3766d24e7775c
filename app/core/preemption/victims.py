"""Which Pods may be evicted, and which of two sets of victims is better.

The rules are kube-scheduler's: DefaultPreemption (MoreImportantVictim, filterPodsWithPDBViolation) and
pickOneNodeForPreemption.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from app.core.model.disruption_budget import DisruptionBudget
from app.core.model.pod import Pod

_MIRROR = "kubernetes.io/config.mirror"
_OFFSET = 2**31
"""Added to each priority of a sum, so that fewer victims of negative priority are better too."""


class Cost(NamedTuple):
    """The cost of a set of victims; smaller is better.

    ``age`` is minus the earliest start among the victims of highest priority, seconds since 1970.
    """

    violations: int
    highest: int
    total: int
    number: int
    age: float


def may_be_evicted(victim: Pod, preemptor: Pod) -> bool:
    """Whether it is a running Pod of lower priority, but not a static Pod, which cannot be evicted."""
    return (
        victim.priority < preemptor.priority
        and bool(victim.node_name)
        and not victim.finished
        and victim.meta.deleted is None
        and _MIRROR not in victim.meta.annotations
    )


def by_importance(pods: Iterable[Pod]) -> list[Pod]:
    """The most important first: higher priority, then the one that runs longer."""
    return sorted(pods, key=lambda pod: (-pod.priority, _start(pod), pod.meta.key))


def over_budget(pods: Iterable[Pod], budgets: Iterable[DisruptionBudget]) -> set[str]:
    """The UIDs of the Pods whose eviction a budget no longer allows after those before them.

    Cost: O(pods times budgets).
    """
    left = {budget.meta.key: budget.allowed for budget in budgets}
    covering = list(budgets)
    found: set[str] = set()
    for pod in pods:
        for budget in covering:
            if budget.covers(pod.meta):
                left[budget.meta.key] -= 1
                if left[budget.meta.key] < 0:
                    found.add(pod.meta.uid)
    return found


def doubly_covered(pod: Pod, budgets: Iterable[DisruptionBudget]) -> bool:
    """Whether two budgets cover the Pod: the Eviction API refuses it (core/pod/storage/eviction.go)."""
    return sum(budget.covers(pod.meta) for budget in budgets) > 1


def charged(budgets: Iterable[DisruptionBudget], victims: Sequence[Pod]) -> list[DisruptionBudget]:
    """The budgets after the eviction of ``victims``; below 0 if they do not allow it.

    Cost: O(victims times budgets).
    """
    return [
        replace(budget, allowed=budget.allowed - sum(budget.covers(pod.meta) for pod in victims))
        for budget in budgets
    ]


def cost_of(victims: Sequence[Pod], budgets: Sequence[DisruptionBudget]) -> Cost:
    """The cost of evicting all of ``victims``, one or more."""
    highest = max(pod.priority for pod in victims)
    return Cost(
        violations=len(over_budget(victims, budgets)),
        highest=highest,
        total=sum(pod.priority + _OFFSET for pod in victims),
        number=len(victims),
        age=-min(_start(pod) for pod in victims if pod.priority == highest),
    )


def _start(pod: Pod) -> float:
    """When it started, seconds since 1970; a Pod that has not is the youngest."""
    text = pod.started or pod.meta.created
    if text is None:
        return float("inf")
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return float("inf")
