"""Devices that take CPU or memory of their node are refused, since nobody would count it."""

from app.core.diagnosis import node_message
from app.core.model.parse import parse
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.objects import claim, device, device_class, node, pod, slice_of


def test_a_device_that_takes_cpus_of_the_node_is_not_given_and_another_is() -> None:
    state = State()
    taking = device("cpus") | {"nodeAllocatableResources": {"cpu": {"mapping": {"deviceMultiplier": "101"}}}}
    for raw in (
        *(node(name) for name in ("n1", "n2")),
        slice_of("n1", taking),
        slice_of("n2", taking, device("plain")),
        device_class(),
        claim("c"),
        pod("p", "c"),
    ):
        state.upsert(parse(raw))  # type: ignore[arg-type] # no workloads
    evaluation = PodEvaluation(state, state.pods["default", "p"], Rules(SelectorCache(), lambda: "s"))
    refused = evaluation.explained(evaluation.answer("n1"))
    assert refused.reasons[0].code == "Unsupported"
    assert "nodeAllocatableResources" in node_message(refused.reasons)
    given = evaluation.answer("n2")
    assert [item.device.device for item in given.allocations[0].devices] == ["plain"]
