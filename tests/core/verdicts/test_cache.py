"""Answers that are kept must be the answers that would be found."""

import gc
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.allocator import search
from app.core.diagnosis import node_message
from app.core.model.features import Features
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.pauses import on_pause
from app.core.placement.decision import Refused, decide_on
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.selectors.environment import cel_features
from app.core.state.state import State
from app.core.verdicts import cache
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.equivalence import EquivalenceClasses
from app.core.verdicts.evaluate import KnownVerdicts, current_entry, indexed, known, verdicts
from app.core.verdicts.index import VerdictIndex
from app.core.verdicts.node_verdict import NodeVerdict
from app.core.versions import version_named
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of
from tests.pausing import changed_at_pause

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


def ask(
    state: State, verdict_cache: VerdictCache, rules: Rules, name: str, expression: str | None = None
) -> dict[str, NodeVerdict]:
    put(state, claim(f"claim-{name}", expression=expression))
    return dict(verdicts(PodEvaluation(state, asking(name), rules), NODES, verdict_cache))


def kept_for(evaluation: PodEvaluation, nodes: list[str], verdict_cache: VerdictCache) -> KnownVerdicts:
    return known(current_entry(evaluation, verdict_cache), nodes, verdict_cache)


def index_of(
    evaluation: PodEvaluation, distinct: frozenset[str], verdict_cache: VerdictCache
) -> VerdictIndex | None:
    entry = current_entry(evaluation, verdict_cache)
    return None if entry is None else indexed(entry, distinct, verdict_cache)


def contents(found: dict[str, NodeVerdict]) -> dict[str, object]:
    return {name: verdict.content for name, verdict in found.items()}


def asking(name: str) -> Pod:
    item = parse(pod(name, f"claim-{name}"))
    assert isinstance(item, Pod)
    return item


BIG = 'device.attributes["gpu.example.com"].size == "big"'
SERIAL = 'device.attributes["gpu.example.com"].serial'


def test_nodes_that_look_the_same_are_searched_once() -> None:
    state, rules = cluster(), make_rules()
    put(state, slice_of("n5", device("d0", size="small"), device("d1", size="small"), generation=2))
    verdict_cache = VerdictCache(state)
    found = ask(state, verdict_cache, rules, "a", BIG)
    assert (verdict_cache.searches, verdict_cache.shared) == (2, len(NODES) - 2)
    assert {name for name, verdict in found.items() if verdict.verdict == "misfit"} == {"n5"}


def test_what_no_selector_reads_does_not_tell_nodes_apart() -> None:
    state, rules = cluster(), make_rules()
    for name in NODES:
        put(state, slice_of(name, device("d0", size="big", serial=name), generation=2))
    verdict_cache = VerdictCache(state)
    ask(state, verdict_cache, rules, "a", BIG)
    assert verdict_cache.searches == 1
    ask(state, verdict_cache, rules, "b", f'device.attributes["gpu.example.com"].serial == "{NODES[0]}"')
    assert verdict_cache.searches == 1 + len(NODES)


def test_selectors_are_evaluated_once_for_each_kind_of_node() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    ask(state, verdict_cache, rules, "a", BIG)
    evaluations = rules.selectors.evaluations()["compiled"]
    assert evaluations == 1  # the first device looked at is taken
    ask(state, verdict_cache, rules, "b", BIG)
    assert rules.selectors.evaluations()["compiled"] == evaluations


def test_a_reason_names_the_own_claim_and_not_an_equal_one() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    missing = 'device.attributes["gpu.example.com"].color == "blue"'
    first = ask(state, verdict_cache, rules, "a", missing)
    put(state, claim("claim-b", expression=missing))
    evaluation = PodEvaluation(state, asking("b"), rules)
    assert current_entry(evaluation, verdict_cache) is not None
    decided = decide_on(evaluation, "n3", None)
    assert isinstance(decided, Refused)
    assert decided.invalid
    assert "claim-a" in first["n3"].message
    assert "claim-b" in decided.message
    assert "claim-a" not in decided.message


def test_slices_are_read_once_for_all_kinds_of_pods() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    verdict_cache.prepare(rules)
    assert verdict_cache.looks.made == len(NODES)
    ask(state, verdict_cache, rules, "a", BIG)
    ask(state, verdict_cache, rules, "b", 'device.attributes["gpu.example.com"].index == 0')
    assert len(verdict_cache.classes) == 2
    assert verdict_cache.looks.made == len(NODES)
    put(state, slice_of("n7", device("d0", size="small"), generation=2))
    ask(state, verdict_cache, rules, "c", BIG)
    assert verdict_cache.looks.made == len(NODES) + 1


def test_nodes_are_prepared_for_the_claims_that_are_expected() -> None:
    state, rules = cluster(), make_rules()
    wrong = claim("wrong")
    wrong["spec"]["devices"]["requests"][0]["exactly"]["deviceClassName"] = "absent"
    put(state, claim("waiting", expression=BIG), wrong)
    put(state, slice_of("n7", device("d0") | {"nodeName": "n7"}, generation=2))
    verdict_cache = VerdictCache(state)
    verdict_cache.prepare(rules)
    (classes,) = verdict_cache.classes
    assert classes.computed == len(NODES)
    ask(state, verdict_cache, rules, "a", BIG)
    assert verdict_cache.classes == (classes,)
    assert classes.computed == len(NODES)


def test_a_node_deleted_during_a_pause_is_not_prepared() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    with on_pause(lambda _cost: state.delete("Node", ("", NODES[-1]))):
        verdict_cache.prepare(rules)
    assert verdict_cache.looks.made == len(NODES) - 1


def test_looks_of_deleted_slices_are_dropped() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    for number in range(100):
        name = f"m{number}"
        put(state, node(name), slice_of(name, device("d0", size="big")))
    verdict_cache.prepare(rules)
    ask(state, verdict_cache, rules, "a", BIG)
    for number in range(100):
        state.delete("ResourceSlice", ("", slice_of(f"m{number}")["metadata"]["name"]))
    ask(state, verdict_cache, rules, "a", BIG)
    assert len(verdict_cache.looks) == len(NODES)


def test_a_changed_slice_costs_the_key_of_its_own_node() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    ask(state, verdict_cache, rules, "a", BIG)
    (classes,) = verdict_cache.classes
    computed, touched = classes.computed, state.inventory.touched
    put(state, slice_of("n7", device("d0", size="small"), generation=2))
    assert state.inventory.touched == touched + 2  # the pool as it was and as it is: one node
    ask(state, verdict_cache, rules, "b", BIG)
    assert classes.computed == computed + 1
    assert verdict_cache.searches == 2


def test_the_second_pod_of_a_kind_costs_a_search_for_a_node_like_no_other_only() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    first = ask(state, verdict_cache, rules, "a")
    held = claim("other") | {"status": {"allocation": allocation("n3", "d0", "d1")}}
    put(state, held)
    searches = verdict_cache.searches
    second = ask(state, verdict_cache, rules, "b")
    assert verdict_cache.searches == searches + 1
    assert verdict_cache.reused == len(NODES) - 1
    assert second["n3"].verdict == "misfit"
    assert {name: verdict for name, verdict in second.items() if name != "n3"} == {
        name: verdict for name, verdict in first.items() if name != "n3"
    }


def test_another_class_of_the_same_name_is_another_question() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    assert ask(state, verdict_cache, rules, "a")["n0"].verdict == "fits"
    put(state, device_class(expression='device.driver == "another.example.com"'))
    assert ask(state, verdict_cache, rules, "b")["n0"].verdict == "misfit"


def test_an_error_that_names_the_claim_is_found_anew() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    expression = 'device.attributes["gpu.example.com"].missing == "x"'
    first = ask(state, verdict_cache, rules, "a", expression)["n0"]
    second = ask(state, verdict_cache, rules, "b", expression)["n0"]
    assert (first.verdict, second.verdict) == ("invalid", "invalid")
    assert "claim-a" in first.message
    assert "claim-b" in second.message


BROKEN_POOLS = {
    "an invalid one": (slice_of("n", device("d0"), device("d0"), generation=2), "an invalid resource pool"),
    "an incomplete one": (slice_of("n", device("d0"), count=2, generation=2), "an incomplete resource pool"),
}


@pytest.mark.parametrize(("broken", "told"), BROKEN_POOLS.values(), ids=BROKEN_POOLS)
def test_broken_pools_of_200_nodes_are_one_reason(broken: dict[str, Any], told: str) -> None:
    state, rules, names = cluster(), make_rules(), [f"m{number}" for number in range(200)]
    for name in names:
        spec = broken["spec"] | {"nodeName": name, "pool": broken["spec"]["pool"] | {"name": name}}
        put(state, node(name), broken | {"metadata": {"name": f"slice-{name}"}, "spec": spec})
    put(state, claim("claim-a"))
    found = dict(verdicts(PodEvaluation(state, asking("a"), rules), names, VerdictCache(state)))
    assert {verdict.message for verdict in found.values()} == {
        f"node(s) had no devices for request r; node(s) had {told}"
    }


COUNTERS_OF_AN_INCOMPLETE_POOL = {
    "any device": ("ExactCount", "misfit", "node(s) had an incomplete resource pool"),
    "all devices": (
        "All",
        "invalid",
        "node(s) had an incomplete resource pool, and request r needs all devices",
    ),
}


@pytest.mark.parametrize("version", ["1.33", "1.34", "1.37"])
@pytest.mark.parametrize(
    ("mode", "verdict", "told"),
    COUNTERS_OF_AN_INCOMPLETE_POOL.values(),
    ids=COUNTERS_OF_AN_INCOMPLETE_POOL,
)
def test_a_node_with_only_the_counters_of_a_pool_is_not_like_one_without_the_pool(
    version: str, mode: str, verdict: str, told: str
) -> None:
    """Until Kubernetes 1.34 an incomplete pool takes part in the search, so that it is not unusable."""
    state = State()
    put(state, device_class(), *map(node, NODES))
    features = Features.of(version_named(version)).switched({"PartitionableDevices": True})
    rules = replace(make_rules(), features=features)
    raw = claim("claim-a")
    exactly = {"deviceClassName": "gpu", "allocationMode": mode}
    put(state, raw | {"spec": {"devices": {"requests": [{"name": "r", "exactly": exactly}]}}})
    verdict_cache = VerdictCache(state)
    evaluation = partial(PodEvaluation, state, asking("a"), rules)
    dict(verdicts(evaluation(), NODES, verdict_cache))
    counting = slice_of("n5", count=2)
    counters = {"name": "set", "counters": {"memory": {"value": "1Gi"}}}
    put(state, counting | {"spec": counting["spec"] | {"sharedCounters": [counters]}})
    found = dict(verdicts(evaluation(), NODES, verdict_cache))["n5"]
    assert found.verdict == verdict
    assert told in found.message


def test_nodes_that_are_refused_alike_have_one_answer_without_a_search_too() -> None:
    """Unknown nodes, and a Pod whose claim does not exist: 100,000 answers would be counted one by one."""
    state, rules = cluster(), make_rules()
    put(state, claim("claim-a"))
    for wanted, names in ((asking("a"), [f"none-{number}" for number in range(50)]), (asking("b"), NODES)):
        found = dict(verdicts(PodEvaluation(state, wanted, rules), names, VerdictCache(state)))
        assert found.keys() == set(names)
        assert len(set(found.values())) == 1


def test_nodes_of_one_incomplete_pool_are_searched_once() -> None:
    state, rules = cluster(), make_rules()
    for name in NODES[1:]:
        raw = slice_of(name, device("w"), count=len(NODES))
        raw["spec"]["pool"]["name"] = "fabric"
        raw["metadata"]["name"] = f"fabric-{name}"
        put(state, raw)
    verdict_cache = VerdictCache(state)
    found = ask(state, verdict_cache, rules, "p", BIG)
    assert {verdict.verdict for verdict in found.values()} == {"fits"}
    assert verdict_cache.searches == 2  # the first node has no slice of the pool


def test_what_changes_during_a_search_is_not_kept_for_the_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PAUSE_STEPS", 1)
    for moment in count(1):
        state, rules = cluster(), make_rules()
        verdict_cache = VerdictCache(state)
        put(state, claim("claim-p", expression=BIG))
        smaller = [slice_of(name, device("d0", size="small"), generation=2) for name in NODES[1:]]
        with changed_at_pause(moment, partial(put, state, *smaller)) as pauses:
            found = list(verdicts(PodEvaluation(state, asking("p"), rules), NODES[:2], verdict_cache))
        if pauses[0] < moment:
            break
        assert found[0][1].verdict == "fits"
        anew = ask(state, VerdictCache(state), rules, "p", BIG)
        assert contents(ask(state, verdict_cache, rules, "p", BIG)) == contents(anew)
    assert moment > 5


def test_what_changes_while_a_key_is_made_is_not_kept_as_the_key() -> None:
    for moment in count(1):
        state, rules = cluster(), make_rules()
        put(state, claim("claim-p", expression=BIG))
        verdict_cache = VerdictCache(state)
        entry = current_entry(PodEvaluation(state, asking("p"), rules), verdict_cache)
        assert entry is not None
        small = slice_of("n1", device("d0", size="small"), generation=2)
        with changed_at_pause(moment, partial(put, state, small)) as pauses:
            found = entry.classes.key("n1")
        ((features, read, drivers),) = verdict_cache._classes
        fresh = EquivalenceClasses(state, features, read, drivers, verdict_cache.looks)
        assert found == fresh.key("n1") == entry.classes.key("n1")
        if pauses[0] < moment:
            break
    assert moment > 3


def test_a_key_is_not_made_without_end_where_all_changes_all_the_time() -> None:
    state, rules = cluster(), make_rules()
    put(state, claim("claim-p", expression=BIG))
    entry = current_entry(PodEvaluation(state, asking("p"), rules), VerdictCache(state))
    assert entry is not None
    slices = [parse(slice_of("n1", device("d0"), generation=number)) for number in range(2, 100)]
    pauses = count()

    def change(_cost: int) -> None:
        if next(pauses) % 3 == 2:  # not before the slices are read
            item = slices.pop(0)
            assert isinstance(item, InventoryObject)
            state.upsert(item)

    with on_pause(change):
        assert entry.classes.key("n1") is None
    assert slices
    assert entry.classes.key("n1") is not None


def test_another_filter_may_go_through_changed_nodes_in_a_pause_of_this_one() -> None:
    for moment in count(1):
        state, rules = cluster(), make_rules()
        verdict_cache = VerdictCache(state)
        ask(state, verdict_cache, rules, "p", BIG)
        put(state, *(slice_of(name, device("d0", size="big"), generation=2) for name in NODES[:5]))

        def another(state: State = state, rules: Rules = rules, cache: VerdictCache = verdict_cache) -> None:
            put(state, *(slice_of(name, device("d0"), generation=3) for name in NODES[3:8]))
            kept_for(PodEvaluation(state, asking("p"), rules), NODES, cache)

        with changed_at_pause(moment, another) as pauses:
            kept_for(PodEvaluation(state, asking("p"), rules), NODES, verdict_cache)
        anew = ask(state, VerdictCache(state), rules, "p", BIG)
        assert contents(ask(state, verdict_cache, rules, "p", BIG)) == contents(anew)
        if pauses[0] < moment:
            break
    assert moment > 3


def test_only_so_many_kinds_are_kept() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state, size=2)
    for index in range(3):
        ask(state, verdict_cache, rules, f"p{index}", f"{index} < 5")
    searches = verdict_cache.searches
    ask(state, verdict_cache, rules, "again", "2 < 5")
    assert verdict_cache.searches == searches
    ask(state, verdict_cache, rules, "forgotten", "0 < 5")
    assert verdict_cache.searches == searches + 1


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
    verdict_cache = VerdictCache(state)
    expression = 'device.attributes["gpu.example.com"].size == "big"'
    ask(state, verdict_cache, rules, "p", expression)
    for kind, where, what in happenings:
        happen(state, kind, where, what)
        kept = ask(state, verdict_cache, rules, "p", expression)
        assert contents(kept) == contents(ask(state, VerdictCache(state), rules, "p", expression))
        index = index_of(PodEvaluation(state, asking("p"), rules), frozenset(NODES), verdict_cache)
        if index is not None:
            assert {name: index.get(name) for name in NODES} == kept
        evaluation = PodEvaluation(state, asking("p"), rules)
        for name in NODES:
            alone = evaluation.explained(evaluation.answer(name))
            message = "" if alone.verdict == "fits" else node_message(alone.reasons)
            code = "" if alone.verdict == "fits" else alone.reasons[0].code
            assert kept[name].content == (alone.verdict, alone.score or 0, message, alone.curable, code)


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


def test_what_is_kept_is_known_without_a_search_and_what_has_changed_is_not() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    item = parse(pod("p", "claim-p"))
    assert isinstance(item, Pod)
    put(state, claim("claim-p"))
    first = kept_for(PodEvaluation(state, item, rules), NODES, verdict_cache)
    assert (first.found, list(first.unseen)) == ([None] * len(NODES), list(range(len(NODES))))
    found = ask(state, verdict_cache, rules, "p")
    searched = verdict_cache.searches
    again = kept_for(PodEvaluation(state, item, rules), NODES, verdict_cache)
    assert (again.found, again.unseen) == ([found[name] for name in NODES], [])
    assert again.counts == Counter(again.found)
    put(state, claim("other") | {"status": {"allocation": allocation("n3", "d0")}})
    changed = kept_for(PodEvaluation(state, item, rules), NODES, verdict_cache)
    assert changed.unseen == [NODES.index("n3")]
    assert changed.counts[None] == 1
    assert verdict_cache.searches == searched


def test_no_node_is_looked_up_when_all_are_asked_about_whose_answers_are_kept() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    put(state, claim("held") | {"status": {"allocation": allocation("n3", "d0")}})
    found = ask(state, verdict_cache, rules, "p")

    def whole(*nodes: str) -> dict[str, NodeVerdict | None] | None:
        index = index_of(PodEvaluation(state, asking("p"), rules), frozenset(nodes), verdict_cache)
        return None if index is None else {name: index.get(name) for name in nodes}

    assert whole(*NODES) == found
    assert whole(*NODES[1:]) is None
    assert whole(*NODES, "unknown") is None
    put(state, claim("more") | {"status": {"allocation": allocation("n7", "d0")}})
    assert whole(*NODES) == found | {"n7": found["n3"]}, "a class met before"
    put(state, slice_of("n8", device("d0", size="tiny"), generation=2))
    assert whole(*NODES) is None, "a class that has to be searched"
    again = ask(state, verdict_cache, rules, "p")
    assert whole(*NODES) == again
    state.delete("Node", ("", "n8"))
    assert whole(*NODES) is None
    assert whole(*(name for name in NODES if name != "n8")) is not None


def test_a_changed_node_of_a_class_met_before_is_not_looked_for_among_all() -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    put(state, claim("held") | {"status": {"allocation": allocation("n3", "d0")}})
    found = ask(state, verdict_cache, rules, "p")
    searched = verdict_cache.searches
    put(state, claim("more") | {"status": {"allocation": allocation("n7", "d0")}})
    after = kept_for(PodEvaluation(state, asking("p"), rules), NODES, verdict_cache)
    assert after.unseen == []
    assert after.found[NODES.index("n7")] is found["n3"]
    assert verdict_cache.searches == searched
    state.delete("Node", ("", "n7"))
    assert kept_for(PodEvaluation(state, asking("p"), rules), NODES, verdict_cache).unseen == [
        NODES.index("n7")
    ]


def test_an_answer_from_before_a_change_that_another_filter_has_heard_of_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    put(state, claim("claim-p"), claim("claim-q"))
    answer = PodEvaluation.answer
    held = allocation("n3", "d0")
    held["devices"]["results"] += allocation("n3", "d1")["devices"]["results"]

    def overtaken(evaluation: PodEvaluation, name: str) -> NodeResult:
        found = answer(evaluation, name)
        put(state, claim("other") | {"status": {"allocation": held}})
        kept_for(PodEvaluation(state, asking("q"), rules), ["n3"], verdict_cache)
        return found

    monkeypatch.setattr(PodEvaluation, "answer", overtaken)
    assert [
        name for name, _ in verdicts(PodEvaluation(state, asking("p"), rules), ["n3"], verdict_cache)
    ] == ["n3"]
    assert kept_for(PodEvaluation(state, asking("q"), rules), ["n3"], verdict_cache).unseen == [0]


def test_an_evaluation_is_used_again_only_while_the_state_is_the_same() -> None:
    state, rules = cluster(), make_rules()
    put(state, claim("claim-a", expression=BIG))
    evaluation = PodEvaluation(state, asking("a"), rules)
    assert evaluation.renewed(state) is evaluation
    put(state, node("new"))
    newer = evaluation.renewed(state)
    assert newer is not evaluation
    assert newer.renewed(state) is newer
    assert newer.renewed(state.fork()) is not newer


def test_all_kinds_of_claims_keep_a_bounded_number_of_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "_MAX_TOGETHER", 100)
    state, rules = cluster(), make_rules()
    for name in NODES:
        put(state, slice_of(name, device("d0", size="big", serial=name), generation=2))
    verdict_cache = VerdictCache(state)
    for number in range(30):
        ask(state, verdict_cache, rules, f"p{number}", f'{BIG} && {SERIAL} != "x{number}"')
        assert sum(entry.size for entry in verdict_cache._entries.values()) <= 100 + 2 * len(NODES)
    before = verdict_cache.searches
    ask(state, verdict_cache, rules, "p29", f'{BIG} && {SERIAL} != "x29"')
    assert verdict_cache.searches == before, "the latest is kept"


def test_a_selector_that_its_cache_has_dropped_is_not_kept_by_the_answers() -> None:
    """One of 10 kB takes 750 kB compiled, and a claim may have over a hundred of them."""
    state, selectors = cluster(), SelectorCache(size=4)
    rules = Rules(selectors, lambda: "share")
    verdict_cache = VerdictCache(state)
    compiled = []
    for number in range(12):
        expression = f'{BIG} && {SERIAL} != "x{number}"'
        ask(state, verdict_cache, rules, f"p{number}", expression)
        compiled.append(ref(selectors.get(expression, cel_features(rules.features)).matches))
    gc.collect()
    assert sum(item() is not None for item in compiled) <= 4
    assert len(verdict_cache._entries) == 12


def test_all_kinds_of_claims_keep_a_bounded_number_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_MAX_CHARACTERS", 3_000)
    state, rules = cluster(), make_rules()
    verdict_cache = VerdictCache(state)
    for number in range(12):
        ask(state, verdict_cache, rules, f"p{number}", f'{BIG} && {SERIAL} != "{number:01000}"')
    assert 1 <= len(verdict_cache._entries) <= 2
    before = verdict_cache.searches
    ask(state, verdict_cache, rules, "p11", f'{BIG} && {SERIAL} != "{11:01000}"')
    assert verdict_cache.searches == before, "the latest is kept"
