"""The Pods of a DaemonSet: one on each node that it selects, and on no other."""

from typing import Any

import pytest

from app.core.dry_run.daemon_pods import workload_pods
from app.core.dry_run.place import place
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.workload import Workload
from tests.core.dry_run.states import rules, state_with
from tests.objects import device, device_class, node, pod, slice_of, template


def tainted(name: str, key: str, effect: str) -> JsonObject:
    return node(name) | {"spec": {"taints": [{"key": key, "effect": effect}]}}


def labeled(name: str, **labels: str) -> JsonObject:
    made = node(name)
    made["metadata"]["labels"] = labels
    return made


NODES = (
    labeled("a", gpu="yes"),
    labeled("b"),
    tainted("reserved", "team", "NoSchedule"),
    tainted("full", "node.kubernetes.io/disk-pressure", "NoSchedule"),
    tainted("slow", "team", "PreferNoSchedule"),
    node("cordoned") | {"spec": {"unschedulable": True}},
)
WITH_LABEL = {"key": "gpu", "operator": "In", "values": ["yes"]}
AFFINITY = {
    "nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [WITH_LABEL]}]
        }
    }
}
SELECTED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all": ({}, ["a", "b", "cordoned", "full", "slow"]),
    "by label": ({"nodeSelector": {"gpu": "yes"}}, ["a"]),
    "by affinity": ({"affinity": AFFINITY}, ["a"]),
    "with a toleration": (
        {"tolerations": [{"key": "team", "operator": "Exists"}]},
        ["a", "b", "cordoned", "full", "reserved", "slow"],
    ),
    "by name": ({"nodeName": "b"}, ["b"]),
}


def daemon_set(**spec: Any) -> Workload:
    made = pod("x", templates=("t",))["spec"] | spec
    raw = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "default"},
        "spec": {"template": {"spec": made}},
    }
    found = parse(raw)
    assert isinstance(found, Workload)
    return found


@pytest.mark.parametrize(("spec", "names"), SELECTED.values(), ids=SELECTED)
def test_there_is_one_pod_for_each_node_that_it_selects(spec: dict[str, Any], names: list[str]) -> None:
    state = state_with(*NODES)

    made = list(workload_pods(daemon_set(**spec), [state.nodes[name] for name in sorted(state.nodes)]))

    assert [item.meta.name for item in made] == [f"agent-{index}" for index in range(len(names))]
    for item, name in zip(made, names, strict=True):
        assert item.required_affinity is not None
        assert [other for other in state.nodes if item.required_affinity.matches(other, {})] == [name]


def test_a_pod_is_not_placed_on_another_node_and_not_advised_to() -> None:
    state = state_with(
        node("n0"), node("n1"), slice_of("n1", device("d0"), device("d1")), device_class(), template("t")
    )
    made = list(workload_pods(daemon_set(), [state.nodes["n0"], state.nodes["n1"]]))

    first, second = place(state, made, ["n0", "n1"], rules(node_checks=True))

    assert first.chosen is None
    assert first.near_misses == ()
    assert second.chosen is not None
    assert second.chosen.node == "n1"
