"""Which Pods may be evicted, and which of two sets of victims is better.

The rules are kube-scheduler's: DefaultPreemption (MoreImportantVictim, filterPodsWithPDBViolation) and
pickOneNodeForPreemption.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from app.core.model.disruption_budget import DisruptionBudget
from app.core.model.meta import Meta
from app.core.model.pod import Pod
from app.core.pauses import FEW, in_order, paced, paced_if_many
from app.core.state.state import Key

_MIRROR = "kubernetes.io/config.mirror"
_OFFSET = 2**31
"""Added to each priority of a sum, so that fewer victims of negative priority are better too."""
_MOST_KEPT = 1024
"""Sets of labels whose budgets are kept: thousands of budgets may cover each of them."""


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
    """The most important first: higher priority, then the one that runs longer. Pauses if they are many."""
    known = list(pods)
    ranks = ((-pod.priority, _start(pod), pod.meta.key, number) for number, pod in enumerate(known))
    return [known[number] for *_, number in in_order(ranks)]


class Budgets:
    """What PodDisruptionBudgets still allow after some evictions, and which of them cover a Pod."""

    def __init__(self, of_namespace: Mapping[str, "_NamespaceBudgets"], charged: Mapping[Key, int]) -> None:
        self._of_namespace = of_namespace
        self._charged = charged

    @classmethod
    def of(cls, budgets: Iterable[DisruptionBudget]) -> "Budgets":
        """Before any eviction. Cost: O(budgets), with pauses."""
        found: dict[str, _NamespaceBudgets] = {}
        for budget in paced(budgets):
            if budget.selector is not None:
                found.setdefault(budget.meta.namespace, _NamespaceBudgets()).add(budget)
        return cls(found, {})

    def covering(self, pod: Pod) -> Iterator[DisruptionBudget]:
        """Those to which an eviction of the Pod is charged.

        Cost: O(budgets of its namespace) for the first Pod of all with the same labels, as far as selectors
        name them; then O(budgets that cover it). With pauses.
        """
        known = self._of_namespace.get(pod.meta.namespace)
        found = known.selecting(pod.meta) if known is not None else ()
        return (budget for budget in paced_if_many(found) if pod.meta.name not in budget.disrupted)

    def allowed(self, budget: DisruptionBudget) -> int:
        """How many more evictions it allows; below 0 if there were too many."""
        return budget.allowed - self._charged.get(budget.meta.key, 0)

    def charged(self, victims: Iterable[Pod]) -> "Budgets":
        """These budgets after the eviction of ``victims``. Cost: that of ``covering`` for each of them."""
        charged = dict(self._charged)
        for pod in paced(victims, FEW):
            for budget in self.covering(pod):
                charged[budget.meta.key] = charged.get(budget.meta.key, 0) + 1
        return Budgets(self._of_namespace, charged)


class _NamespaceBudgets:
    """The budgets of one namespace."""

    def __init__(self) -> None:
        self._all: list[DisruptionBudget] = []
        self._keys: set[str] = set()
        self._known: dict[frozenset[tuple[str, str]], tuple[DisruptionBudget, ...]] = {}

    def add(self, budget: DisruptionBudget) -> None:
        self._all.append(budget)
        if budget.selector is not None:
            self._keys.update(budget.selector.labels)
            self._keys.update(item.key for item in budget.selector.expressions)

    def selecting(self, pod: Meta) -> tuple[DisruptionBudget, ...]:
        """Those that are about the Pod, whether its eviction is in progress or not."""
        # Without the other labels: each Pod of a StatefulSet has its own.
        kind = frozenset((key, value) for key, value in pod.labels.items() if key in self._keys)
        found = self._known.get(kind)
        if found is None:
            found = tuple(budget for budget in paced(self._all, FEW) if budget.selects(pod))
            if len(self._known) < _MOST_KEPT:
                self._known[kind] = found
        return found


def over_budget(pods: Iterable[Pod], budgets: Budgets) -> set[str]:
    """The UIDs of the Pods whose eviction a budget no longer allows after those before them.

    Cost: that of ``Budgets.covering`` for each Pod.
    """
    used: dict[Key, int] = {}
    found: set[str] = set()
    for pod in paced(pods, FEW):
        for budget in budgets.covering(pod):
            number = used[budget.meta.key] = used.get(budget.meta.key, 0) + 1
            if number > budgets.allowed(budget):
                found.add(pod.meta.uid)
    return found


def doubly_covered(pod: Pod, budgets: Budgets) -> bool:
    """Whether two budgets cover the Pod: the Eviction API refuses it (core/pod/storage/eviction.go)."""
    return sum(1 for _ in islice(budgets.covering(pod), 2)) > 1


def cost_of(victims: Sequence[Pod], budgets: Budgets) -> Cost:
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
