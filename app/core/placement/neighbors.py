"""kube-scheduler's scores of nodes that depend on other Pods: PodTopologySpread and InterPodAffinity.

They follow scoring.go of both plugins. Not counted are the preferences of the Pods that are already there,
the constraints that PodTopologySpread makes by itself for Pods without any, and nodeTaintsPolicy.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from app.core.model.node import Node
from app.core.model.pod import Pod
from app.core.model.pod_affinity import PreferredTerm, SoftSpread
from app.core.pauses import paced
from app.core.placement.node_checks import matches_affinity
from app.core.state.state import State

MOST = 200
"""100 points with the default weight 2 of both plugins."""
_HOSTNAME = "kubernetes.io/hostname"


def spread_points(state: State, pod: Pod, nodes: Sequence[Node]) -> Mapping[str, float]:
    """Points for few matching Pods in the node's domains, 0 to 200; empty without a soft constraint.

    A node without one of the topology labels gets none. Cost: O(all nodes) a constraint.
    """
    keys = [item.topology_key for item in pod.soft_spread]
    scored = [node for node in paced(nodes) if all(key in node.meta.labels for key in keys)]
    if not keys:
        return {}
    total = dict.fromkeys((node.name for node in scored), 0.0)
    for item in pod.soft_spread:
        for name, value in paced(_crowding(state, pod, item, scored, keys).items()):
            total[name] += value
    crowded = {node.name: round(total[node.name]) for node in scored}
    highest, lowest = max(crowded.values(), default=0), min(crowded.values(), default=0)
    if not highest:
        return dict.fromkeys(crowded, MOST)
    return {name: MOST * (highest + lowest - value) / highest for name, value in crowded.items()}


def _crowding(
    state: State, pod: Pod, constraint: SoftSpread, nodes: Sequence[Node], keys: Sequence[str]
) -> Mapping[str, float]:
    key = constraint.topology_key
    on_nodes = state.residents.matching(constraint.selector, (pod.meta.namespace,))
    if key == _HOSTNAME:
        counts, size = on_nodes, len(nodes)
        place = {node.name: node.name for node in paced(nodes)}
    else:
        place = {node.name: node.meta.labels[key] for node in paced(nodes)}
        counts, size = Counter(), len(set(place.values()))
        for name, number in paced(on_nodes.items()):
            node = state.nodes.get(name)
            if node is not None and _counts(pod, node, constraint, keys):
                counts[node.meta.labels[key]] += number
    weight = math.log(size + 2)
    return {name: counts[value] * weight + constraint.max_skew - 1 for name, value in paced(place.items())}


def _counts(pod: Pod, node: Node, constraint: SoftSpread, keys: Sequence[str]) -> bool:
    if not all(key in node.meta.labels for key in keys):
        return False
    return constraint.ignores_affinity or matches_affinity(pod, node)


def affinity_points(state: State, pod: Pod, nodes: Sequence[Node]) -> Mapping[str, float]:
    """Points for Pods nearby that the Pod prefers, 0 to 200; empty if that distinguishes no node.

    Cost: O(all nodes) a term.
    """
    total: Counter[str] = Counter()
    for term in pod.preferred_terms:
        near = _domains(state, term)
        for node in paced(nodes):
            total[node.name] += near.get(node.meta.labels.get(term.topology_key), 0)
    highest, lowest = max(total.values(), default=0), min(total.values(), default=0)
    if highest == lowest:
        return {}
    return {node.name: MOST * (total[node.name] - lowest) / (highest - lowest) for node in nodes}


def _domains(state: State, term: PreferredTerm) -> Mapping[str | None, int]:
    """What the Pods in each domain are worth."""
    found: Counter[str | None] = Counter()
    for name, number in paced(state.residents.matching(term.selector, term.namespaces).items()):
        node = state.nodes.get(name)
        if node is not None and term.topology_key in node.meta.labels:
            found[node.meta.labels[term.topology_key]] += term.weight * number
    return found
