"""kube-scheduler's own filters, for dry runs: NodeName, NodeUnschedulable, TaintToleration, NodeAffinity
and NodeResourcesFit; not the filters for other Pods, volumes or ports.
"""

from collections.abc import Collection
from dataclasses import replace

from app.core.allocator import Reason
from app.core.allocator.evidence import CapacityShortage, Evidence
from app.core.model.node import Node
from app.core.model.node_selector import SelectorError
from app.core.model.pod import Pod
from app.core.model.quantity import Quantity
from app.core.model.taints import Taint, is_tolerated
from app.core.state.usage import Usage, requests_of

_UNSCHEDULABLE = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")


def check_node(pod: Pod, node: Node, usage: Usage, backed: Collection[str] = ()) -> Reason | None:
    """The first reason against the node, None if there is none. O(taints + resources).

    Ignores resources that are ``backed`` by devices (NodeResourcesFit leaves them to DRA).
    """
    if pod.node_name and pod.node_name != node.name:
        return Reason("NodeName", f"node(s) did not match the Pod's nodeName {pod.node_name}")
    if pod.only_on is not None and node.name not in pod.only_on:
        return Reason("NodeNotRequested", "node(s) were refused by kube-scheduler before")
    return _taints(pod, node) or _affinity(pod, node) or _resources(pod, node, usage, backed)


def _taints(pod: Pod, node: Node) -> Reason | None:
    if node.unschedulable and not is_tolerated(_UNSCHEDULABLE, pod.tolerations):
        return Reason("NodeUnschedulable", "node(s) were unschedulable")
    for taint in keeps_off(pod, node):
        return Reason("NodeTainted", f"node(s) had untolerated taint {{{taint.key}: {taint.value}}}")
    return None


def keeps_off(pod: Pod, node: Node) -> tuple[Taint, ...]:
    """The node's taints that the Pod does not tolerate."""
    return tuple(
        taint
        for taint in node.taints
        if taint.effect in ("NoSchedule", "NoExecute") and not is_tolerated(taint, pod.tolerations)
    )


def _affinity(pod: Pod, node: Node) -> Reason | None:
    labels = node.meta.labels
    if any(labels.get(key) != value for key, value in pod.node_selector.items()):
        return Reason("NodeSelectorMismatch", "node(s) did not match the Pod's nodeSelector")
    if pod.required_affinity is None:
        return None
    try:
        matches = pod.required_affinity.matches(node.name, labels)
    except SelectorError as error:
        return Reason("NodeAffinityInvalid", f"the Pod's node affinity cannot be evaluated: {error}")
    return (
        None
        if matches
        else Reason("NodeAffinityMismatch", "node(s) did not match the Pod's required node affinity")
    )


def matches_affinity(pod: Pod, node: Node) -> bool:
    """Whether nodeSelector and required node affinity allow the node."""
    return _affinity(pod, node) is None


def _resources(pod: Pod, node: Node, usage: Usage, backed: Collection[str]) -> Reason | None:
    used = usage.of(node.name)
    # What devices take is checked with the devices; the status may have it of an attempt before.
    for name, amount in requests_of(replace(pod, amounts=()) if pod.amounts else pod).items():
        if name in backed:
            continue
        # A node that does not report a resource has none of it; one without any allocatable at
        # all comes from a file without limits, and is not checked.
        if not node.allocatable or amount == 0 or (name == "pods" and name not in node.allocatable):
            continue
        capacity = node.allocatable.get(name, Quantity(0))
        if used.get(name, 0) + amount > capacity.nanos:
            requested = Quantity(amount, capacity.format).text
            left = Quantity(capacity.nanos - used.get(name, 0), capacity.format).text
            behind = Evidence(capacities=(CapacityShortage(name, requested, left),))
            message = f"Insufficient {name}: {requested} requested, {left} left"
            return Reason("InsufficientResources", message, counts={name: 1}, evidence=behind)
    return None
