"""Which Pods are to be evicted, and that it is nobody who need not be."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.model.pod import Pod
from app.core.placement.decision import Refused, decide
from app.core.preemption.eviction_stage import EvictionStage
from app.core.preemption.plan import Hopeless, evictable, partners
from app.core.preemption.victims import Budgets, cost_of
from app.core.state.device_views import DeviceViews
from app.core.state.nominations import Nomination
from app.core.state.state import State
from tests.core.preemption.cluster import RULES, Cluster, budget
from tests.objects import allocation, claim, device_class, node


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster(State())
    made.add(device_class())
    return made


def test_one_of_lower_priority_makes_room(cluster: Cluster) -> None:
    cluster.node("a", 2)
    cluster.running("low", "a", ["d0"], priority=1)
    cluster.running("lower", "a", ["d1"], priority=0)
    assert cluster.victims(cluster.wanting("high")) == [["lower"]]


def test_among_equals_the_youngest_goes(cluster: Cluster) -> None:
    cluster.node("a", 2)
    cluster.running("young", "a", ["d0"], started="2026-02-01T00:00:00Z")
    cluster.running("old", "a", ["d1"], started="2026-01-01T00:00:00Z")
    assert cluster.victims(cluster.wanting("high")) == [["young"]]


def test_one_with_two_devices_rather_than_two_with_one(cluster: Cluster) -> None:
    cluster.node("a", 4)
    cluster.running("two", "a", ["d0", "d1"], started="2025-01-01T00:00:00Z")
    cluster.running("one", "a", ["d2"])
    cluster.running("other", "a", ["d3"])
    assert cluster.victims(cluster.wanting("high", 2)) == [["two"]]


@pytest.mark.parametrize("priority", [100, 200])
def test_nobody_of_the_same_or_a_higher_priority_goes(cluster: Cluster, priority: int) -> None:
    cluster.node("a", 1)
    cluster.running("other", "a", ["d0"], priority=priority)
    high = cluster.wanting("high")
    assert isinstance(cluster.plan(high), Hopeless)
    assert not evictable(cluster.state, high)


def test_a_pod_that_never_preempts_does_not(cluster: Cluster) -> None:
    cluster.node("a", 1)
    cluster.running("low", "a", ["d0"])
    polite = cluster.wanting("polite", preemptionPolicy="Never")
    assert isinstance(cluster.plan(polite), Hopeless)
    assert not evictable(cluster.state, polite)


def test_nobody_goes_where_the_pod_would_not_fit_all_the_same(cluster: Cluster) -> None:
    cluster.node("a", 2)
    cluster.running("low", "a", ["d0"])
    assert isinstance(cluster.plan(cluster.wanting("high", 3)), Hopeless)


def test_nobody_goes_from_a_node_that_the_pod_may_not_use(cluster: Cluster) -> None:
    cluster.node("a", 1)
    tainted = node("a")
    tainted["spec"] = {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}
    cluster.add(tainted)
    cluster.running("low", "a", ["d0"])
    assert isinstance(cluster.plan(cluster.wanting("high")), Hopeless)


def test_a_shared_claim_costs_all_of_its_pods(cluster: Cluster) -> None:
    cluster.node("a", 2)
    cluster.running("one", "a", ["d0"], priority=5)
    cluster.running("two", "a", ["d0"], priority=6, shares="one-claim")
    cluster.running("single", "a", ["d1"], priority=9)
    # Two of lower priority rather than one of higher, as kube-scheduler has it.
    assert cluster.victims(cluster.wanting("high")) == [["two", "one"]]


def test_a_claim_shared_with_somebody_important_is_not_freed(cluster: Cluster) -> None:
    cluster.node("a", 1)
    cluster.running("low", "a", ["d0"])
    cluster.running("vip", "a", ["d0"], priority=1000, shares="low-claim")
    assert isinstance(cluster.plan(cluster.wanting("high")), Hopeless)


def test_a_claim_reserved_for_something_else_is_not_freed(cluster: Cluster) -> None:
    cluster.node("a", 1)
    cluster.running("low", "a", ["d0"])
    body = claim("low-claim")
    users = [
        {"resource": "pods", "name": "low", "uid": "uid-low"},
        {"apiGroup": "example.com", "resource": "jobs", "name": "j", "uid": "uid-j"},
    ]
    body["status"] = {"allocation": allocation("a", "d0"), "reservedFor": users}
    cluster.add(body)
    assert isinstance(cluster.plan(cluster.wanting("high")), Hopeless)


def test_a_budget_protects(cluster: Cluster) -> None:
    cluster.node("a", 2)
    cluster.running("guarded", "a", ["d0"], priority=0, labels={"app": "guarded"})
    cluster.running("open", "a", ["d1"], priority=7)
    cluster.add(budget("b", 0, app="guarded"))
    high = cluster.wanting("high")
    assert cluster.victims(high) == [["open"]]
    assert isinstance(cluster.plan(cluster.wanting("both", 2)), Hopeless)
    assert cluster.victims(cluster.wanting("both", 2), spare=False) == [["open", "guarded"]]


def _two_guarded(cluster: Cluster, allowed: int) -> list[Pod]:
    cluster.node("a", 2)
    for number in range(2):
        cluster.running(f"guarded-{number}", "a", [f"d{number}"], labels={"app": "guarded"})
    cluster.add(budget("b", allowed, app="guarded"))
    return [cluster.wanting(f"high-{number}") for number in range(2)]


def test_a_budget_is_charged_once_for_all_pods_of_a_group(cluster: Cluster) -> None:
    high = _two_guarded(cluster, 1)
    assert cluster.victims(high[0]) == cluster.victims(high[1])
    assert isinstance(cluster.plan(*high), Hopeless)
    cluster.add(budget("b", 2, app="guarded"))
    assert sorted(cluster.victims(*high)) == [["guarded-0"], ["guarded-1"]]


def test_over_a_budget_the_second_victim_of_a_group_is_the_violation(cluster: Cluster) -> None:
    found = cluster.plan(*_two_guarded(cluster, 1), spare=False)
    assert not isinstance(found, Hopeless)
    assert [plan.violations for plan in found] == [0, 1]


@pytest.mark.parametrize(
    ("change", "helped"),
    [
        pytest.param({}, False, id="runs-still"),
        pytest.param({"deleted": "2026-01-01T00:00:00Z"}, True, id="the-budget-has-counted-it"),
        pytest.param({"uid": "uid-successor"}, True, id="another-pod-by-now"),
    ],
)
def test_a_budget_is_charged_with_victims_of_other_preemptors(
    cluster: Cluster, change: dict[str, Any], *, helped: bool
) -> None:
    high = _two_guarded(cluster, 1)
    first = cluster.plan(high[0])
    assert not isinstance(first, Hopeless)
    (victim,) = first[0].victims
    cluster.state.upsert(replace(victim, meta=replace(victim.meta, **change)))
    state = cluster.state
    held = tuple(
        (item.key, got) for item, got in zip(first[0].answer.claims, first[0].answer.allocations, strict=True)
    )
    state.hold(Nomination(high[0].meta.key, high[0].meta.uid, high[0].priority, "a", held))
    assert isinstance(cluster.plan(high[1], leaving=[victim]), Hopeless) != helped


def test_a_pod_that_a_budget_has_let_go_is_not_charged_again(cluster: Cluster) -> None:
    high = _two_guarded(cluster, 1)
    first = cluster.plan(high[0])
    assert not isinstance(first, Hopeless)
    (victim,) = first[0].victims
    gone_on = budget("b", 1, app="guarded")
    gone_on["status"]["disruptedPods"] = {victim.meta.name: "2026-01-01T00:00:00Z"}
    cluster.add(gone_on)
    found = cluster.plan(*high, leaving=[victim])
    assert not isinstance(found, Hopeless)
    assert sum(len(plan.victims) for plan in found) == 1


def test_two_of_low_priority_go_if_the_budget_of_one_is_not_used_by_another(cluster: Cluster) -> None:
    cluster.node("a", 2)
    cluster.running("one", "a", ["d0"], labels={"app": "guarded"})
    cluster.running("two", "a", ["d0"], shares="one-claim")
    cluster.running("middle", "a", ["d1"], priority=1, labels={"app": "guarded"})
    cluster.add(budget("b", 1, app="guarded"))
    (victims,) = cluster.victims(cluster.wanting("high"))
    assert sorted(victims) == ["one", "two"]


def test_a_pod_that_two_budgets_cover_is_no_victim(cluster: Cluster) -> None:
    cluster.node("a", 2)
    cluster.running("twice", "a", ["d0"], priority=0, labels={"app": "x", "tier": "y"})
    cluster.running("once", "a", ["d1"], priority=7, labels={"app": "x"})
    cluster.add(budget("app", 5, app="x"))
    cluster.add(budget("tier", 5, tier="y"))
    assert cluster.victims(cluster.wanting("high")) == [["once"]]


def test_what_a_successor_of_a_victim_takes_of_its_node_counts(cluster: Cluster) -> None:
    cluster.running("low", "a", ["d0"])
    successor = cluster.state.pods["default", "low"]
    gone = replace(successor, meta=replace(successor.meta, uid="uid-before"))
    stage = EvictionStage(cluster.state)
    stage.remove([gone])
    assert stage.state.usage.keys() == {("default", "low")}
    stage.remove([successor])
    assert not stage.state.usage.keys()


def test_nobody_goes_while_those_that_leave_make_room(cluster: Cluster) -> None:
    cluster.node("a", 2)
    cluster.running("leaving", "a", ["d0"], priority=500, deletionTimestamp="2026-01-01T00:00:00Z")
    cluster.running("low", "a", ["d1"])
    assert cluster.victims(cluster.wanting("high")) == [[]]


def test_four_pods_have_four_victims_or_none(cluster: Cluster) -> None:
    for name in "ab":
        cluster.node(name, 2)
        for number in range(2):
            cluster.running(f"low-{name}{number}", name, [f"d{number}"])
    group: dict[str, Any] = {"schedulingGroup": {"podGroupName": "g"}}
    gang = [cluster.wanting(f"high-{number}", **group) for number in range(4)]
    assert partners(cluster.state, gang[2]) == (gang[2], gang[0], gang[1], gang[3])
    victims = cluster.victims(*gang)
    assert sorted(name for names in victims for name in names) == ["low-a0", "low-a1", "low-b0", "low-b1"]
    cluster.wanting("high-5", **group)
    assert isinstance(cluster.plan(*partners(cluster.state, gang[0])), Hopeless)


def test_what_is_held_is_taken_for_others_but_not_for_the_more_important(cluster: Cluster) -> None:
    cluster.node("a", 1)
    high, low = cluster.wanting("high"), cluster.wanting("low", priority=1)
    vip = cluster.wanting("vip", priority=1000)
    plan = cluster.plan(high)
    assert not isinstance(plan, Hopeless)
    given = tuple(
        (held.key, got) for held, got in zip(plan[0].answer.claims, plan[0].answer.allocations, strict=True)
    )
    state = cluster.state
    state.hold(Nomination(high.meta.key, high.meta.uid, high.priority, "a", given))
    view = next(DeviceViews(state).of_node("a"))
    assert (view.state, view.note) == ("assumed", "reserved for a Pod")
    assert isinstance(decide(state, low, "a", RULES, None), Refused)
    assert not isinstance(decide(state, high, "a", RULES, None), Refused)
    assert not isinstance(decide(state, vip, "a", RULES, None), Refused)
    state.delete("Pod", high.meta.key)
    assert not isinstance(decide(state, low, "a", RULES, None), Refused)


def test_trying_evictions_leaves_no_trace(cluster: Cluster) -> None:
    cluster.node("a", 2)
    cluster.running("one", "a", ["d0"])
    cluster.running("two", "a", ["d0"], shares="one-claim")
    before = dict(cluster.state.taken), cluster.state.stored_claim(("default", "one-claim"))
    stage = EvictionStage(cluster.state)
    pods = [cluster.state.pods["default", name] for name in ("one", "two")]
    stage.remove(pods[:1])
    assert cluster.state.taken == before[0]
    stage.remove(pods[1:])
    assert not cluster.state.taken
    stage.restore(pods)
    assert (dict(cluster.state.taken), cluster.state.stored_claim(("default", "one-claim"))) == before


@st.composite
def _clusters(draw: st.DrawFn) -> tuple[Cluster, Pod]:
    made = Cluster(State())
    made.add(device_class())
    number = 0
    for name in "ab"[: draw(st.integers(1, 2))]:
        made.node(name, 3)
        free = draw(st.integers(0, 2))
        left = [f"d{index}" for index in range(free, 3)]
        while left and number < 6:
            size = draw(st.integers(1, min(2, len(left))))
            devices, left = left[:size], left[size:]
            shares = ""
            for _ in range(draw(st.integers(1, 2))):
                owner = f"p{number}"
                made.running(
                    owner,
                    name,
                    devices,
                    shares=shares,
                    priority=draw(st.integers(0, 3)),
                    labels={"app": draw(st.sampled_from("xy"))},
                    started=f"2026-01-0{draw(st.integers(1, 3))}T00:00:00Z",
                )
                shares = shares or f"{owner}-claim"
                number += 1
    made.add(budget("x", draw(st.integers(0, 2)), app="x"))
    return made, made.wanting("high", draw(st.integers(1, 3)), priority=3)


def _sets(made: Cluster) -> Iterator[tuple[Pod, ...]]:
    """Every set of Pods after whose going the preemptor fits somewhere, by counting devices."""
    asked = made.state.stored_claim(("default", "high-claim"))
    assert asked is not None
    exactly = asked.spec.requests[0].exactly
    assert exactly is not None
    running = [item for item in made.state.pods.values() if item.node_name and item.priority < 3]
    for size in range(len(running) + 1):
        for chosen in combinations(running, size):
            gone = {item.meta.uid for item in chosen}
            kept = [
                item
                for item in made.state.claims()
                if item.allocation is not None and any(user.uid not in gone for user in item.reserved_for)
            ]
            taken = {held.device for item in kept if item.allocation for held in item.allocation.devices}
            for name in made.state.nodes:
                free = 3 - sum(held.pool == name for held in taken)
                if free >= (exactly.count or 1) and all(item.node_name == name for item in chosen):
                    yield chosen


@settings(max_examples=150, deadline=None)
@given(_clusters(), st.booleans())
def test_the_victims_are_the_best_of_all_sets_and_never_in_vain(
    case: tuple[Cluster, Pod], spare: bool
) -> None:
    made, preemptor = case
    budgets = Budgets.of(made.state.budgets.values())
    helping = list(_sets(made))
    costs = [cost_of(chosen, budgets) for chosen in helping if chosen]
    if spare:
        costs = [cost for cost in costs if not cost.violations]
    found = made.plan(preemptor, spare=spare)
    if () in helping:
        assert not isinstance(found, Hopeless)
        assert not found[0].victims
    elif not costs:
        assert isinstance(found, Hopeless)
    else:
        assert not isinstance(found, Hopeless)
        assert cost_of(found[0].victims, budgets) == min(costs)
        assert tuple(sorted(found[0].victims, key=lambda item: item.meta.uid)) in [
            tuple(sorted(chosen, key=lambda item: item.meta.uid)) for chosen in helping
        ]
