from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest

from app.cluster.client import ApiClient
from app.cluster.discovery import NODE, POD, discover
from app.cluster.feed import Feed
from app.cluster.waker import ANNOTATION, Waker
from app.cluster.watcher import InformerGroup
from app.core.cel import SelectorCache
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.rules import Rules
from app.core.state.state import State
from tests.cluster.fake_apiserver import FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of

DRA = "resource.k8s.io/v1"


class Waking:
    """Nodes without devices, Pods that were refused, and a waker."""

    def __init__(self, server: FakeApiServer) -> None:
        self.server = server
        self.state = State()
        self.problems: list[str] = []

    async def start(self) -> None:
        client = ApiClient("http://fake", InMemoryTransport(self.server))
        numbers = count()
        rules = Rules(SelectorCache(), lambda: f"share-{next(numbers)}")
        self.waker = Waker(client, self.state, rules, report=self.problems.append)
        feed = Feed(
            self.state,
            lambda error: self.problems.append(str(error)),
            self.waker.changed,
            pod_gone=self.waker.gone,
        )
        served = await discover(client)
        self.group = InformerGroup(client, (NODE, POD, *served.resources()), feed.handle)
        self.tasks = [asyncio.create_task(self.group.run()), asyncio.create_task(self.waker.run())]
        await self.group.wait_synced()
        for pending in list(self.state.pods.values()):
            self.waker.refused(pending)
        await asyncio.sleep(5)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def woken(self) -> set[str]:
        pods = self.server.store.select(("", "pods"))
        return {
            raw["metadata"]["name"] for raw in pods if ANNOTATION in raw["metadata"].get("annotations", {})
        }


async def waiting(number: int, *more: dict[str, Any], priorities: tuple[int, ...] = ()) -> Waking:
    server = FakeApiServer()
    server.put(DRA, "deviceclasses", device_class())
    for name in ("n1", "n2"):
        server.put("v1", "nodes", node(name))
    for index in range(number):
        server.put(DRA, "resourceclaims", claim(f"c{index}"))
        raw = pod(f"p{index}", f"c{index}")
        raw["spec"]["priority"] = priorities[index] if priorities else 0
        server.put("v1", "pods", raw)
    for item in more:
        server.put(DRA, "resourceslices", item)
    made = Waking(server)
    await made.start()
    return made


@in_virtual_time
async def test_one_new_device_wakes_one_of_a_thousand_pods() -> None:
    made = await waiting(1000)
    assert made.woken() == set()
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(5)
    assert len(made.woken()) == 1
    assert made.waker.woken == 1
    await made.stop()


@in_virtual_time
async def test_the_most_urgent_pods_are_woken() -> None:
    made = await waiting(4, priorities=(1, 5, 3, 9))
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0"), device("d1")))
    await asyncio.sleep(5)
    assert made.woken() == {"p1", "p3"}
    await made.stop()


@in_virtual_time
async def test_a_slice_that_helps_nobody_wakes_nobody() -> None:
    made = await waiting(2)
    raw = slice_of("n1", device("d0"))
    raw["spec"]["devices"][0]["taints"] = [{"key": "k", "effect": "NoSchedule"}]
    made.server.put(DRA, "resourceslices", raw)
    await asyncio.sleep(5)
    assert made.woken() == set()
    await made.stop()


@in_virtual_time
async def test_a_taint_rule_that_goes_away_wakes() -> None:
    rule = {
        "metadata": {"name": "r"},
        "spec": {"deviceSelector": {"pool": "n1"}, "taint": {"key": "k", "effect": "NoSchedule"}},
    }
    server_slice = slice_of("n1", device("d0"))
    made = await waiting(0)
    made.server.put(DRA, "devicetaintrules", rule)
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", server_slice)
    made.server.put(DRA, "resourceclaims", claim("c0"))
    made.server.put("v1", "pods", pod("p0", "c0"))
    await asyncio.sleep(5)
    made.waker.refused(made.state.pods["default", "p0"])
    assert made.woken() == set()
    made.server.remove(DRA, "devicetaintrules", "r")
    await asyncio.sleep(5)
    assert made.woken() == {"p0"}
    await made.stop()


@in_virtual_time
async def test_a_pod_that_could_not_run_there_for_other_reasons_sleeps_on() -> None:
    made = await waiting(1)
    made.server.put("v1", "nodes", node("n1") | {"spec": {"unschedulable": True}})
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(5)
    assert made.woken() == set()
    await made.stop()


@in_virtual_time
async def test_pods_that_are_gone_or_passed_are_not_woken() -> None:
    made = await waiting(2)
    made.waker.passed(made.state.pods["default", "p0"])
    made.server.remove("v1", "pods", "p1", "default")
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0"), device("d1")))
    await asyncio.sleep(5)
    assert made.woken() == set()
    await made.stop()


@in_virtual_time
async def test_a_refused_patch_is_reported_and_the_next_pod_is_woken() -> None:
    made = await waiting(2)
    made.server.faults.append(Fault(lambda call: call.method == "PATCH", status=403))
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0"), device("d1")))
    await asyncio.sleep(5)
    assert len(made.woken()) == 1
    assert len(made.problems) == 1
    assert "could not be woken" in made.problems[0]
    await made.stop()


def refuse(made: Waking, name: str, *claims: str, everywhere: bool = False) -> None:
    """Refuses a Pod as kube-scheduler has sent it, whatever the informers know."""
    item = parse(made.server.put("v1", "pods", pod(name, *claims)))
    assert isinstance(item, Pod)
    made.waker.refused(item, everywhere=everywhere)


async def full() -> Waking:
    """The only device is held, and a Pod was refused just now."""
    made = await waiting(0)
    holder = claim("holder") | {"status": {"allocation": allocation("n1", "d0")}}
    for raw in (holder, claim("c0")):
        made.server.put(DRA, "resourceclaims", raw)
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(10)
    refuse(made, "p0", "c0")
    return made


@in_virtual_time
async def test_a_pod_that_is_refused_before_it_is_heard_of_is_woken() -> None:
    """kube-scheduler's watch of Pods may be ahead of ours."""
    made = await waiting(0)
    made.server.put(DRA, "resourceclaims", claim("c0"))
    await asyncio.sleep(1)
    made.server.faults.append(Fault(lambda call: call.path == "/api/v1/pods", times=99, status=500))
    made.server.break_watches()
    await asyncio.sleep(0)
    refuse(made, "late", "c0")
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(60)
    assert ("default", "late") not in made.state.pods
    assert made.woken() == {"late"}
    await made.stop()


@in_virtual_time
async def test_a_pod_that_is_gone_unheard_leaves_its_device_to_the_next() -> None:
    made = await waiting(1)
    item = parse(pod("never-heard-of", "c0") | {"spec": {"priority": 9}})
    assert isinstance(item, Pod)
    made.waker.refused(item)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(5)
    assert made.woken() == {"p0"}
    assert not made.problems
    await made.stop()


@in_virtual_time
async def test_a_claim_that_is_heard_of_after_the_refusal_wakes_its_pod() -> None:
    made = await waiting(0, slice_of("n1", device("d0")))
    refuse(made, "early", "c0", everywhere=True)
    await asyncio.sleep(1)
    assert made.woken() == set()
    made.server.put(DRA, "resourceclaims", claim("c0"))
    await asyncio.sleep(5)
    assert made.woken() == {"early"}
    await made.stop()


@pytest.mark.parametrize(("seconds", "woken"), [(1, {"p0"}), (10, set())], ids=["soon-after", "long-after"])
def test_a_device_that_gets_free_wakes_whom_kube_scheduler_may_have_tried_too_early(
    seconds: float, woken: set[str]
) -> None:
    """Later, kube-scheduler retries the Pod by itself."""

    @in_virtual_time
    async def run() -> None:
        made = await full()
        await asyncio.sleep(seconds)
        made.server.remove(DRA, "resourceclaims", "holder", "default")
        await asyncio.sleep(5)
        assert made.woken() == woken
        await made.stop()

    run()


@in_virtual_time
async def test_a_list_made_again_wakes_whom_it_shows_a_device_for() -> None:
    """What happened while a watch was away may be long heard of by kube-scheduler."""
    made = await full()
    made.server.faults.append(
        Fault(lambda call: call.path.endswith("/resourceclaims") and call.is_watch, times=1, status=410)
    )
    made.server.break_watches()
    made.server.remove(DRA, "resourceclaims", "holder", "default")
    await asyncio.sleep(40)
    assert made.woken() == {"p0"}
    await made.stop()


@in_virtual_time
async def test_only_so_many_refused_pods_are_remembered() -> None:
    made = await waiting(0)
    waker = made.waker
    for index in range(10_005):
        item = parse(pod(f"q{index}"))
        waker.refused(item)  # type: ignore[arg-type]
    assert len(waker._refused) == 10_000
    await made.stop()
