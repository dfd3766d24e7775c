"""Advice on a selector that fails on devices without a key."""

import pytest

from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.pauses import on_pause
from app.core.placement.missing_keys import names_of_devices
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.node_allocatable import state_of
from tests.objects import claim, device, device_class, node, pod, slice_of

RULES = Rules(SelectorCache(), lambda: "s")
GUARD = "guard it with has(), or use .? followed by orValue()"
ADVICE = {
    "one of the devices has it": ("color", GUARD),
    "no device has it": ("speed", "no device has it"),
    "another case": ("Model", "no device has it, did you mean model?"),
    "misspelt": ("modle", "no device has it, did you mean model?"),
}


@pytest.mark.parametrize(("name", "advice"), ADVICE.values(), ids=ADVICE)
def test_advice_on_a_missing_key(name: str, advice: str) -> None:
    asked = claim("c")
    expression = f'device.attributes["gpu.example.com"].{name} == "x"'
    asked["spec"]["devices"]["requests"][0]["exactly"]["selectors"] = [{"cel": {"expression": expression}}]
    state, made = State(), parse(pod("p", "c"))
    for raw in (
        node("n1"),
        slice_of("n1", device("d0", model="a"), device("d1", model="b", color="x")),
        device_class(),
        asked,
    ):
        state.upsert(parse(raw))  # type: ignore[arg-type]  # no workloads
    assert isinstance(made, Pod)
    evaluation = PodEvaluation(state, made, RULES)

    answer = evaluation.answer("n1")
    (reason,) = evaluation.explained(answer).reasons

    assert answer.verdict == "invalid"
    assert reason.message.endswith(f": no such key: {name}: {advice}")
    assert answer.reasons[0].message == reason.message.removesuffix(f": {advice}")


def test_slices_may_come_while_the_names_are_collected() -> None:
    state = state_of(node("n1"), slice_of("n1", device("d0", model="a")), slice_of("n2", device("d0")))

    late = [parse(slice_of(f"late-{number}", device("d", color="x"))) for number in range(2)]

    def come(_cost: int) -> None:
        if late:
            state.upsert(late.pop())  # type: ignore[arg-type] # a slice

    with on_pause(come):
        assert names_of_devices(state) >= {"model"}
    assert names_of_devices(state) == {"model", "color"}
