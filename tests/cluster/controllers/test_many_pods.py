"""Thousands of refused Pods, victims and reservations: controllers look at them in short steps."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from app.cluster.controllers.reconciler import Reconciler
from app.cluster.controllers.requeuer import Requeuer
from app.cluster.controllers.unschedulable_pods import RefusedPod, RefusedPods
from app.core.model.parse import InventoryObject, parse
from app.core.model.pod import Pod
from app.core.placement.rules import Rules
from app.core.preemption.candidates import hosts_of_victims
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.attack.loop_meter import LoopMeter
from tests.objects import claim, device_class, node, pod, slice_of
from tests.pausing import Meter

MANY = 3_000


def refused() -> RefusedPods:
    found = RefusedPods(MANY)
    for number in range(MANY):
        found.note(RefusedPod(_pod(f"p{number}"), 7, everywhere=False))
    return found


def _pod(name: str, priority: int = 0, node: str = "", claims: Sequence[str] = ()) -> Pod:
    raw: Any = pod(name, *claims)
    raw["spec"] |= {"priority": priority} | ({"nodeName": node} if node else {})
    item = parse(raw)
    assert isinstance(item, Pod)
    return item


def test_what_was_opened_is_not_lost_when_a_pod_is_looked_at_again() -> None:
    """A new class may make all nodes fit, also for a Pod that is tried again for another reason."""
    pods, state = RefusedPods(9), State()
    again = RefusedPod(_pod("again"), 7, everywhere=False)
    pods.note(again)
    pods.open_everywhere()
    pods.look_again(again)
    assert [item.everywhere for item, _ in pods.waiting(state)] == [True]


def test_what_is_opened_for_a_pod_that_is_being_requeued_counts_if_it_stays_refused() -> None:
    pods, state = RefusedPods(9), State()
    woken = RefusedPod(_pod("woken"), 7, everywhere=False)
    pods.note(woken)
    pods.forget(woken.pod.meta.key, woken.pod.meta.uid)
    pods.open_everywhere()
    pods.take_back(woken)
    assert [item.everywhere for item, _ in pods.waiting(state)] == [True]


def test_a_new_class_opens_all_refused_pods_in_one_step() -> None:
    pods, meter = refused(), Meter()
    meter.measure(pods.open_everywhere)
    assert meter.total < 10
    waiting = [item for item, _ in pods.waiting(State())]
    assert all(item.everywhere for item in waiting)
    for item in waiting:
        pods.looked_at(item, 8, 0)
    assert not any(item.everywhere for item, _ in pods.waiting(State()))


def test_what_is_opened_during_a_look_stays_open() -> None:
    pods = refused()
    waiting = [item for item, _ in pods.waiting(State())]
    pods.open_everywhere()
    for item in waiting:
        assert not pods.stands(item)
        pods.looked_at(item, 8, 0)
    assert {(item.everywhere, item.position) for item, _ in pods.waiting(State())} == {(True, 7)}


def test_refused_pods_are_gone_through_with_pauses() -> None:
    pods, meter = refused(), Meter()
    pods.open_everywhere()
    meter.measure(lambda: pods.waiting(State()))
    assert meter.most < 2 * MANY, meter.where


def test_refused_pods_that_still_fit_nowhere_are_tried_in_short_turns() -> None:
    state, meter = State(), LoopMeter()
    objects = [device_class(), node("n1"), slice_of("n1"), *(claim(f"c{number}") for number in range(500))]
    for raw in objects:
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    requeuer = Requeuer(cast("Any", None), state, Rules(SelectorCache(), str))

    async def look() -> None:
        for number in range(500):
            requeuer.refused(_pod(f"p{number}", claims=(f"c{number}",)), 0)
        with meter.measuring():
            await asyncio.create_task(requeuer._look())

    asyncio.run(look())
    assert requeuer.looked_at == 500
    assert meter.most_calls < 25_000, meter.where


def test_victims_are_looked_for_with_pauses() -> None:
    state, meter = State(), Meter()
    for number in range(MANY):
        item: Any = pod(f"p{number}", "c")
        item["spec"]["nodeName"] = f"n{number}"
        found = parse(item)
        assert isinstance(found, InventoryObject)
        state.upsert(found)
    hosts: list[frozenset[str]] = []
    meter.measure(lambda: hosts.append(hosts_of_victims(state, _pod("high", priority=9))))
    assert len(hosts[0]) == MANY
    assert meter.most < MANY, meter.where


def test_claims_with_many_users_are_checked_with_pauses() -> None:
    state, meter, nothing = State(), Meter(), cast("Any", None)
    for number in range(100):
        raw = claim(f"c{number}")
        users = [{"resource": "pods", "name": f"p{index}", "uid": f"u{index}"} for index in range(256)]
        raw["status"] = {"allocation": {"devices": {"results": []}}, "reservedFor": users}
        found = parse(raw)
        assert isinstance(found, InventoryObject)
        state.upsert(found)
    reconciler = Reconciler(
        nothing,
        nothing,
        state,
        Rules(SelectorCache(), str),
        writer=nothing,
        extended=nothing,
        alone_with=nothing,
        fence=nothing,
        clock=lambda: 0.0,
    )
    meter.measure(reconciler._due)
    assert reconciler.suspects == 100
    assert meter.most < 15_000, meter.where
