"""The answer to: how full is the cluster, what is free, who waits, and why."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.core.model.pod import Pod
from app.core.overview.groups import Sums, add_up
from app.core.overview.pending import PendingGroup, PodReason, group_pending
from app.core.overview.requests import Demands
from app.core.overview.tallies import ALL_NODES, Tallies, attribute_names, label_names
from app.core.overview.troubles import Troubles, find_troubles
from app.core.placement.rules import Rules
from app.core.state.state import State

PRODUCTS = ("productName", "product", "model", "type", "family")
"""Attributes that name the make of a device, in the order in which one is chosen by default."""
POOLS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "nodepool",
    "node-pool",
    "pool",
    "node.kubernetes.io/instance-type",
)
"""Labels that name the pool of a node, in the order in which one is chosen."""
ZONES = ("topology.kubernetes.io/zone", "zone", "topology.kubernetes.io/region")
_MAX_TALLIES = 4


@dataclass(frozen=True, slots=True)
class Question:
    """What the overview is of.

    ``attribute`` and ``labels`` to group by; an empty attribute, and None, leave the choice open. ``driver``:
    only its devices. ``namespace``: only what is of it.
    """

    attribute: str = ""
    labels: tuple[str, ...] | None = None
    driver: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Overview:
    """The numbers at one revision. ``attributes`` and ``offered_labels`` are those that one may group by."""

    revision: int
    question: Question
    attribute: str
    attributes: list[str]
    offered_labels: list[str]
    nodes: int
    unschedulable: int
    sums: Sums
    pending: list[PendingGroup]
    troubles: Troubles

    @property
    def waiting(self) -> int:
        """The pending Pods."""
        return sum(group.pods for group in self.pending)


class Overviewer:
    """Answers questions about one state, and keeps the counts for the next ones."""

    def __init__(self, state: State, rules: Rules) -> None:
        self._state = state
        self._rules = rules
        self._demands: Demands | None = None
        self._tallies: OrderedDict[str, Tallies] = OrderedDict()
        self._seen_drivers: set[str] = set()

    def view(self, question: Question, reason_of: Callable[[Pod], PodReason]) -> Overview:
        """Cost: a count for each node that has changed since the last such question, O(nodes + claims +
        pending Pods) in any case; with pauses, at which the state may change: what changed is in the next
        answer.
        """
        state = self._state
        revision = state.revision
        attributes, labels = attribute_names(state), label_names(state)
        attribute = question.attribute or next((name for name in PRODUCTS if name in attributes), "")
        chosen = _labels(labels) if question.labels is None else question.labels
        tallies, demands = self._tallies_by(attribute), self._current_demands()
        tallies.refresh(demands)
        demands.trim()
        sums = add_up(tallies, state, demands, chosen, question.driver)
        self._seen_drivers.update(pool.driver for pool in list(state.inventory.pool_ids()))
        return Overview(
            revision,
            question,
            attribute,
            attributes,
            labels,
            len(state.nodes),
            sum(node.unschedulable for node in list(state.nodes.values())),
            sums,
            group_pending(state, reason_of, question.namespace),
            find_troubles(state, tallies, seen_drivers=self._seen_drivers, namespace=question.namespace),
        )

    @property
    def counted(self) -> int:
        """Nodes counted so far, for all attributes: the work that changes have caused."""
        return sum(item.counted for item in self._tallies.values())

    def _tallies_by(self, attribute: str) -> Tallies:
        found = self._tallies.get(attribute)
        if found is None:
            found = self._tallies[attribute] = Tallies(self._state, attribute)
            if len(self._tallies) > _MAX_TALLIES:
                self._tallies.popitem(last=False)
        self._tallies.move_to_end(attribute)
        return found

    def _current_demands(self) -> Demands:
        if self._demands is None or not self._demands.are_of(self._state):
            self._demands = Demands(self._state.request_mix, self._state, self._rules)
        return self._demands


def _labels(offered: Iterable[str]) -> tuple[str, ...]:
    """A label for the pool and one for the zone of a node, as far as nodes have them."""
    known = set(offered)
    choices = (next((name for name in names if name in known), "") for names in (POOLS, ZONES))
    return tuple(name for name in choices if name)


__all__ = ["ALL_NODES", "Overview", "Overviewer", "Question"]
