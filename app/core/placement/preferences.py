"""kube-scheduler's own scores of nodes, which it does not compute if filter returns one node.

These plugins of the default profile count here, with their default weights: NodeAffinity (preferred
terms), TaintToleration (PreferNoSchedule), PodTopologySpread (ScheduleAnyway), InterPodAffinity (the Pod's
own preferred terms) and, among nodes that are equal otherwise, how much of a node is in use
(NodeResourcesFit). ImageLocality does not: images of nodes are not in the state.
"""

from collections.abc import Iterable, Mapping

from app.core.model.node import Node
from app.core.model.node_selector import SelectorError
from app.core.model.pod import Pod
from app.core.model.taints import is_tolerated
from app.core.pauses import paced
from app.core.placement.neighbors import affinity_points, spread_points
from app.core.state.state import State

POINT = 50
"""kube-scheduler's value of one of an extender's ten points, with the weight 5 of the example."""
_AFFINITY = 200
_TAINTS = 300
_WEIGHED = ("cpu", "memory")


def has_preferences(state: State, pod: Pod) -> bool:
    """Whether ``preferences`` may distinguish nodes. O(1)."""
    return bool(pod.preferred_affinity or pod.preferred_terms or pod.soft_spread or state.inventory.reluctant)


def preferences(state: State, pod: Pod, names: Iterable[str]) -> Mapping[str, float]:
    """The points of each node besides those for devices; empty if the Pod has no preference.

    As in the plugins, the best node gets the maximum. Cost: O(nodes) for each term and constraint, and O(1)
    for a Pod without preferences.
    """
    if not has_preferences(state, pod):
        return {}
    nodes = [state.nodes[name] for name in names if name in state.nodes]
    liked = _shares({node.name: _liking(pod, node) for node in paced(nodes)}, _AFFINITY)
    unwelcome = _shares({node.name: _reluctance(pod, node) for node in paced(nodes)}, _TAINTS)
    spread, near = spread_points(state, pod, nodes), affinity_points(state, pod, nodes)
    if not (liked or unwelcome or spread or near):
        return {}
    return {
        node.name: liked.get(node.name, 0.0)
        - unwelcome.get(node.name, 0.0)
        + spread.get(node.name, 0.0)
        + near.get(node.name, 0.0)
        for node in paced(nodes)
    }


def load(state: State, name: str) -> float:
    """The fraction of a node's CPU and memory that is requested, 0 to 1. Cost: O(1)."""
    used, node = state.usage.of(name), state.inventory.nodes.get(name)
    if node is None or not used:
        return 0.0
    total, weighed = 0.0, 0
    for resource in _WEIGHED:
        amount = node.allocatable.get(resource)
        if amount is not None and amount.nanos:
            total += used.get(resource, 0) / amount.nanos
            weighed += 1
    return total / weighed if weighed else 0.0


def _shares(found: Mapping[str, int], most: int) -> Mapping[str, float]:
    """Scales to ``most`` points; empty if all are 0."""
    highest = max(found.values(), default=0)
    return {name: most * value / highest for name, value in found.items()} if highest else {}


def _liking(pod: Pod, node: Node) -> int:
    """The weights of the preferred terms that a node matches; a term with an error matches none."""
    total = 0
    for weight, selector in pod.preferred_affinity:
        try:
            total += weight * selector.matches(node.name, node.meta.labels)
        except SelectorError:
            continue
    return total


def _reluctance(pod: Pod, node: Node) -> int:
    return sum(taint.is_soft and not is_tolerated(taint, pod.tolerations) for taint in node.taints)
