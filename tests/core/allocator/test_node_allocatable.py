"""Devices that take CPU or memory of their node in the form of Kubernetes 1.36 are refused."""

from app.core.diagnosis import node_message
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.objects import claim, device, device_class, node, pod, slice_of

OLD = {"nodeAllocatableResourceMappings": {"cpu": {"allocationMultiplier": "101"}}}


def evaluation(features: Features) -> PodEvaluation:
    state = State()
    for raw in (
        *(node(name) for name in ("n1", "n2")),
        slice_of("n1", device("cpus") | OLD),
        slice_of("n2", device("cpus") | OLD, device("plain")),
        device_class(),
        claim("c"),
        pod("p", "c"),
    ):
        state.upsert(parse(raw))  # type: ignore[arg-type] # no workloads
    rules = Rules(SelectorCache(), lambda: "s", features=features)
    return PodEvaluation(state, state.pods["default", "p"], rules)


def test_a_device_whose_amounts_are_not_known_is_not_given_and_another_is() -> None:
    found = evaluation(Features())
    refused = found.explained(found.answer("n1"))
    assert refused.reasons[0].code == "Unsupported"
    assert "unsupported amounts of the node" in node_message(refused.reasons)
    given = found.answer("n2")
    assert [item.device.device for item in given.allocations[0].devices] == ["plain"]


def test_without_the_gate_nobody_counts_them() -> None:
    assert evaluation(Features(node_allocatable_resources=False)).answer("n1").verdict == "fits"
