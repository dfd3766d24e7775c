"""Answers that are kept must be the answers that would be found."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.core.cel import SelectorCache
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.placement.briefs import briefs
from app.core.placement.memo import Brief, Memo
from app.core.placement.question import Question
from app.core.placement.rules import Rules
from app.core.state.state import State
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of

NODES = [f"n{i}" for i in range(20)]


def put(state: State, *raws: dict[str, Any]) -> None:
    for raw in raws:
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)


def cluster() -> State:
    state = State()
    put(state, device_class())
    for name in NODES:
        put(state, node(name), slice_of(name, device("d0", size="big"), device("d1", size="small")))
    return state


def make_rules() -> Rules:
    numbers = count()
    return Rules(SelectorCache(), lambda: f"share-{next(numbers)}")


def ask(state: State, memo: Memo, rules: Rules, name: str, expression: str | None = None) -> dict[str, Brief]:
    put(state, claim(f"claim-{name}", expression=expression))
    item = parse(pod(name, f"claim-{name}"))
    assert isinstance(item, Pod)
    return dict(found for found in briefs(Question(state, item, rules), NODES, memo) if found)


def test_the_second_pod_of_a_kind_costs_a_search_for_each_changed_node_only() -> None:
    state, rules = cluster(), make_rules()
    memo = Memo(state)
    first = ask(state, memo, rules, "a")
    assert memo.searches == len(NODES)
    held = claim("other") | {"status": {"allocation": allocation("n3", "d0", "d1")}}
    put(state, held)
    second = ask(state, memo, rules, "b")
    assert memo.searches == len(NODES) + 1
    assert second["n3"].verdict == "misfit"
    assert {name: brief for name, brief in second.items() if name != "n3"} == {
        name: brief for name, brief in first.items() if name != "n3"
    }


def test_another_class_of_the_same_name_is_another_question() -> None:
    state, rules = cluster(), make_rules()
    memo = Memo(state)
    assert ask(state, memo, rules, "a")["n0"].verdict == "fits"
    put(state, device_class(expression='device.driver == "another.example.com"'))
    assert ask(state, memo, rules, "b")["n0"].verdict == "misfit"


def test_an_error_that_names_the_claim_is_found_anew() -> None:
    state, rules = cluster(), make_rules()
    memo = Memo(state)
    expression = 'device.attributes["gpu.example.com"].missing == "x"'
    first = ask(state, memo, rules, "a", expression)["n0"]
    second = ask(state, memo, rules, "b", expression)["n0"]
    assert (first.verdict, second.verdict) == ("invalid", "invalid")
    assert "claim-a" in first.message
    assert "claim-b" in second.message


def test_only_so_many_kinds_are_kept() -> None:
    state, rules = cluster(), make_rules()
    memo = Memo(state, size=2)
    for index in range(3):
        ask(state, memo, rules, f"p{index}", f"{index} < 5")
    searches = memo.searches
    ask(state, memo, rules, "again", "2 < 5")
    assert memo.searches == searches
    ask(state, memo, rules, "forgotten", "0 < 5")
    assert memo.searches == searches + len(NODES)


nodes = st.sampled_from(NODES)
events = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), nodes, st.sampled_from(["d0", "d1"])),
        st.tuples(st.just("free"), nodes, st.just("")),
        st.tuples(st.just("shrink"), nodes, st.just("")),
        st.tuples(st.just("taint"), nodes, st.just("d0")),
        st.tuples(st.just("remove"), nodes, st.just("")),
        st.tuples(st.just("add"), nodes, st.just("")),
        st.tuples(st.just("label"), nodes, st.just("")),
    ),
    max_size=12,
)


@given(events)
def test_whatever_happens_kept_answers_are_those_of_a_fresh_look(
    happenings: list[tuple[str, str, str]],
) -> None:
    state, rules = cluster(), make_rules()
    memo = Memo(state)
    expression = 'device.attributes["gpu.example.com"].size == "big"'
    ask(state, memo, rules, "p", expression)
    for kind, where, what in happenings:
        happen(state, kind, where, what)
        kept = ask(state, memo, rules, "p", expression)
        assert kept == ask(state, Memo(state), rules, "p", expression)


def happen(state: State, kind: str, where: str, what: str) -> None:
    match kind:
        case "hold":
            put(state, claim(f"held-{where}") | {"status": {"allocation": allocation(where, what)}})
        case "free":
            state.delete("ResourceClaim", ("default", f"held-{where}"))
        case "shrink":
            put(state, slice_of(where, device("d1", size="small"), generation=2))
        case "taint":
            spec = {
                "deviceSelector": {"pool": where, "device": what},
                "taint": {"key": "k", "effect": "NoSchedule"},
            }
            raw = {
                "apiVersion": "resource.k8s.io/v1",
                "kind": "DeviceTaintRule",
                "metadata": {"name": "r"},
                "spec": spec,
            }
            put(state, raw)
        case "remove":
            state.delete("Node", ("", where))
        case "add":
            put(state, node(where))
        case "label":
            put(state, node(where, rack="r1"))
