"""Which existing node shows the devices of a node that does not exist yet.

An autoscaler describes a new node by a Node object alone. Its devices are those that a node of the same group
publishes: a group is homogeneous, also in its devices (Cluster Autoscaler, docs/dra_support.md).
"""

from app.core.model.node import Node
from app.core.pauses import paced
from app.core.state.device_views import DeviceViews
from app.core.state.state import State

GROUP_LABELS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kops.k8s.io/instancegroup",
    "kubernetes.azure.com/agentpool",
    "oci.oraclecloud.com/nodepool",
    "cluster.x-k8s.io/deployment-name",
    "doks.digitalocean.com/node-pool",
    "karpenter.sh/nodepool",
)
"""Labels by which providers name the group of a node."""
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
_OF_ONE_NODE = frozenset({"kubernetes.io/hostname"})
_OF_A_PLACE = frozenset({"topology.kubernetes.io/zone", "topology.kubernetes.io/region"})


def like_node(state: State, template: Node) -> str | None:
    """The node whose devices a node of this template has; None if no existing node is like it.

    The node of that name, if it exists. Else a node with the same group label, whichever of ``GROUP_LABELS``
    the template has; without such a node, or without the label, one of the same instance type. A template
    that has neither label is like nodes that agree in all other labels, name and place left out, and in what
    they can allocate of CPU and memory. Of several, the one that publishes the most usable devices, then the
    first by name.

    ``state`` must not change at pauses. Cost: O(nodes), and the devices of those that are alike, with pauses.
    """
    if template.name in state.nodes:
        return template.name
    group = [label for label in GROUP_LABELS if label in template.meta.labels]
    kind = [INSTANCE_TYPE] if INSTANCE_TYPE in template.meta.labels else []
    for labels in filter(None, (group, kind)):
        alike = [node.name for node in paced(state.nodes.values()) if _agree(node, template, labels)]
        if alike:
            return _most_devices(state, alike)
    if group or kind:
        return None
    return _most_devices(state, [node.name for node in paced(state.nodes.values()) if _equal(node, template)])


def _agree(node: Node, template: Node, labels: list[str]) -> bool:
    return all(node.meta.labels.get(name) == template.meta.labels[name] for name in labels)


def _equal(node: Node, template: Node) -> bool:
    def rest(item: Node) -> dict[str, str]:
        left_out = _OF_ONE_NODE | _OF_A_PLACE
        return {name: value for name, value in item.meta.labels.items() if name not in left_out}

    return rest(node) == rest(template) and all(
        node.allocatable.get(name) == template.allocatable.get(name) for name in ("cpu", "memory")
    )


def _most_devices(state: State, names: list[str]) -> str | None:
    views = DeviceViews(state)
    best: tuple[int, str] | None = None
    for name in paced(names, 8):
        usable = sum(
            len(slice_.devices)
            for slice_ in state.inventory.node_slices(name)
            if not views.trouble(slice_.pool_id)
        )
        if best is None or (-usable, name) < best:
            best = -usable, name
    return best[1] if best is not None else None
