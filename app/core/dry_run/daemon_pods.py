"""The Pods of a workload in a cluster: those of a DaemonSet belong to the nodes that it selects."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.core.model.node import Node
from app.core.model.node_selector import NodeSelector, NodeSelectorRequirement, NodeSelectorTerm
from app.core.model.pod import Pod
from app.core.model.taints import Toleration
from app.core.model.workload import Workload
from app.core.pauses import paced
from app.core.placement.node_checks import keeps_off, matches_affinity

_TOLERATED = tuple(
    Toleration(f"node.kubernetes.io/{name}", "Exists", "", effect)
    for name, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    )
)
"""What the DaemonSet controller adds to every Pod (pkg/controller/daemon/util in Kubernetes)."""


def workload_pods(workload: Workload, nodes: Iterable[Node], replicas: int | None = None) -> Iterator[Pod]:
    """The Pods of a workload, see ``Workload.pods``.

    Those of a set that has one a node are bound to it by their affinity, as the DaemonSet controller
    does. There is none for a node that the template does not select, or whose taints it does not
    tolerate. Cost: O(nodes) for such a set.
    """
    for item in workload.sets:
        if item.replicas is not None:
            count = item.replicas if replicas is None else replicas
            yield from (workload.pod(item, index) for index in range(count))
            continue
        template = replace(item.template, tolerations=(*item.template.tolerations, *_TOLERATED))
        wanted = (node for node in paced(nodes) if _runs_on(template, node))
        for index, node in enumerate(wanted):
            made = workload.pod(item, index)
            yield replace(made, tolerations=template.tolerations, required_affinity=_only(node))


def _runs_on(pod: Pod, node: Node) -> bool:
    if pod.node_name and pod.node_name != node.name:
        return False
    return matches_affinity(pod, node) and not keeps_off(pod, node)


def _only(node: Node) -> NodeSelector:
    """The affinity that replaces that of the template, which the node has met."""
    return NodeSelector(
        (NodeSelectorTerm(match_fields=(NodeSelectorRequirement("metadata.name", "In", (node.name,)),)),)
    )
