"""The evaluation of pending Pods that no filter has answered, within the time of an answer."""

import pytest

from app.api import pending_reasons
from app.api.history import History
from app.api.pending_reasons import NOT_EVALUATED, PendingReasons
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError, on_pause
from app.core.placement.rules import Rules
from app.core.selectors.cache import SelectorCache
from app.core.state.state import State
from tests.objects import claim, device, device_class, node, pod, slice_of
from tests.pausing import interrupted_after

RULES = Rules(SelectorCache(), lambda: "s")
NODES = [f"n{index}" for index in range(20)]


def waiting() -> tuple[State, Pod]:
    """A cluster, and a Pod that wants more devices than a node has."""
    state = State()
    raws = [device_class(), claim("many", count=9), pod("p", "many")]
    for name in NODES:
        raws += [node(name), slice_of(name, device("d", uuid=name))]
    for raw in raws:
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    return state, state.pods[("default", "p")]


def test_an_evaluation_that_was_interrupted_goes_on_with_the_next_answer() -> None:
    state, pending = waiting()
    reasons = PendingReasons(state, RULES, History())
    with interrupted_after(5), pytest.raises(InterruptedWorkError):
        reasons.evaluate([pending])
    assert reasons.of(pending) == NOT_EVALUATED
    reasons.evaluate([pending])
    assert reasons.of(pending).code == "TooFewDevices"
    reasons.evaluate([pending])
    assert reasons.evaluations == 2


def test_what_is_interrupted_again_and_again_is_given_up_until_something_changes() -> None:
    state, pending = waiting()
    reasons = PendingReasons(state, RULES, History())
    for _ in range(8):
        with interrupted_after(0), pytest.raises(InterruptedWorkError):
            reasons.evaluate([pending])
    assert reasons.of(pending).text == "takes long to evaluate"
    reasons.evaluate([pending])
    assert reasons.evaluations == 8
    state.upsert(state.nodes[NODES[0]])
    reasons.evaluate([pending])
    assert reasons.of(pending).code == "TooFewDevices"


def test_pods_of_one_kind_are_evaluated_once_while_the_cluster_changes() -> None:
    state, pending = waiting()
    others = [parse(pod(f"p{number}", "many")) for number in range(10)]
    for other in others:
        assert isinstance(other, Pod)
        state.upsert(other)
    reasons = PendingReasons(state, RULES, History())
    before = state.revision
    with on_pause(lambda _cost: state.upsert(state.nodes[NODES[0]])):
        reasons.evaluate([pending, *(other for other in others if isinstance(other, Pod))])
    assert state.revision > before
    assert reasons.evaluations == 1


def test_reasons_are_kept_for_a_bounded_number_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their kinds contain what the Pods request, which may be 1.5 MB for each claim."""
    monkeypatch.setattr(pending_reasons, "_MAX_CHARACTERS", 3_000)
    state, _ = waiting()
    reasons = PendingReasons(state, RULES, History())
    for number in range(8):
        for raw in (
            claim(f"c{number}", expression=f"'{number:01000}' == ''"),
            pod(f"p{number}", f"c{number}"),
        ):
            item = parse(raw)
            assert isinstance(item, InventoryObject)
            state.upsert(item)
        reasons.evaluate([state.pods["default", f"p{number}"]])
        assert sum(item.characters for item in reasons._kept.values()) <= 3_000
    assert reasons.of(state.pods["default", "p7"]) != NOT_EVALUATED
    assert reasons.of(state.pods["default", "p0"]) == NOT_EVALUATED
