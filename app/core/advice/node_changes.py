"""Changes of a node, or of the Pod's requirements on it."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from app.core.advice.change import Change
from app.core.advice.hypothesis import Hypothesis
from app.core.allocator import Reason
from app.core.allocator.node_devices import NODE_OPERATIONS
from app.core.model.node import Node
from app.core.model.quantity import Quantity, parse_quantity
from app.core.model.taints import Taint, Toleration
from app.core.placement.node_checks import keeps_off


def _schedulable(_scene: Hypothesis, node: str, _reason: Reason) -> Iterator[Change]:
    yield Change("Uncordon", f"if node {node} were schedulable", {"node": node}, 20, _edit_node(node, _open))


def _open(node: Node) -> Node:
    key = "node.kubernetes.io/unschedulable"
    taints = tuple(taint for taint in node.taints if taint.key != key)
    return replace(node, unschedulable=False, taints=taints)


def _tolerated(hypothesis: Hypothesis, node: str, _reason: Reason) -> Iterator[Change]:
    taints = keeps_off(hypothesis.pod, hypothesis.state.nodes[node])
    if taints:
        names = ", ".join(map(_named, taints))
        yield Change(
            "TolerateNode",
            f"if the Pod tolerated {names}",
            {"tolerations": [item.to_json() for item in map(_toleration, taints)]},
            16,
            lambda changed: _edit_pod(
                changed, tolerations=(*changed.pod.tolerations, *map(_toleration, taints))
            ),
        )


def _named(taint: Taint) -> str:
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


def _toleration(taint: Taint) -> Toleration:
    return Toleration(taint.key, "Equal", taint.value, taint.effect)


def _any_label(_scene: Hypothesis, _node: str, _reason: Reason) -> Iterator[Change]:
    text = "without the Pod's nodeSelector"
    yield Change("DropNodeSelector", text, {}, 17, lambda hypothesis: _edit_pod(hypothesis, node_selector={}))


def _any_node(hypothesis: Hypothesis, _node: str, _reason: Reason) -> Iterator[Change]:
    affinity = hypothesis.pod.required_affinity
    if affinity is not None and affinity.is_by_name:
        return  # that of a DaemonSet's Pod: its controller creates no other
    text = "without the Pod's required node affinity"
    yield Change(
        "DropAffinity", text, {}, 17, lambda hypothesis: _edit_pod(hypothesis, required_affinity=None)
    )


def _other_node(_scene: Hypothesis, _node: str, _reason: Reason) -> Iterator[Change]:
    yield Change(
        "DropNodeName",
        "without the Pod's nodeName",
        {},
        17,
        lambda hypothesis: _edit_pod(hypothesis, node_name=""),
    )


def _less(_scene: Hypothesis, _node: str, reason: Reason) -> Iterator[Change]:
    for item in reason.evidence.capacities:
        if item.best is None or item.name == "pods":
            continue
        left = parse_quantity(item.best)
        if left.nanos <= 0:
            continue  # a Pod that requests none of it is another Pod
        yield Change(
            "LowerRequest",
            f"if the Pod requested {item.best} {item.name} instead of {item.wanted}",
            {"resource": item.name, "quantity": item.best},
            13,
            _requesting(item.name, left),
        )


def _requesting(name: str, amount: Quantity) -> Callable[[Hypothesis], None]:
    return lambda hypothesis: _edit_pod(hypothesis, requests={**hypothesis.pod.requests, name: amount})


def _declared(_scene: Hypothesis, node: str, _reason: Reason) -> Iterator[Change]:
    def declare(item: Node) -> Node:
        return replace(item, declared_features=(*item.declared_features, NODE_OPERATIONS))

    text = f"if node {node} declared {NODE_OPERATIONS}"
    yield Change("DeclareFeature", text, {"node": node}, 40, _edit_node(node, declare))


def _edit_node(name: str, edit: Callable[[Node], Node]) -> Callable[[Hypothesis], None]:
    def apply(hypothesis: Hypothesis) -> None:
        hypothesis.state.upsert(edit(hypothesis.state.nodes[name]))

    return apply


def _edit_pod(hypothesis: Hypothesis, **fields: object) -> None:
    hypothesis.pod = replace(hypothesis.pod, **fields)  # type: ignore[arg-type]  # each caller names a field of Pod


NODE_CHANGES: dict[str, Callable[[Hypothesis, str, Reason], Iterator[Change]]] = {
    "NodeUnschedulable": _schedulable,
    "NodeTainted": _tolerated,
    "NodeSelectorMismatch": _any_label,
    "NodeAffinityMismatch": _any_node,
    "NodeName": _other_node,
    "InsufficientResources": _less,
    "NodeUnsuited": _declared,
}
