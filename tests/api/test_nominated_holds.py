"""Whoever kube-scheduler evicts Pods for gets the devices of these Pods."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.core.json_object import JsonObject
from tests.api.in_cluster import started
from tests.cluster.fake_apiserver import FakeApiServer
from tests.cluster.fake_store import Place
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of

SECONDS = 30.0


class Preempting:
    """One node, whose device the Pod `low` holds; kube-scheduler has evicted it for `high`."""

    def __init__(self, server: FakeApiServer, client: httpx.AsyncClient) -> None:
        self.server = server
        self._client = client

    async def named(self, name: str) -> list[str]:
        body = {"Pod": self.pod(name), "Nodes": None, "NodeNames": ["n1"]}
        found: list[str] = (await self.post("filter", body))["NodeNames"]
        return found

    async def post(self, verb: str, body: JsonObject) -> Any:
        while (answer := await self._client.post(f"/scheduler/{verb}", json=body)).status_code == 503:  # noqa: ASYNC110 - as kube-scheduler asks
            await asyncio.sleep(0.01)
        return answer.raise_for_status().json()

    def pod(self, name: str) -> JsonObject:
        return self.server.store.find(Place("", "pods", "default", name))

    def is_requeued(self, name: str) -> bool:
        return "dra-extender/devices-appeared" in self.pod(name)["metadata"].get("annotations", {})

    async def nominate(self, node_name: str | None) -> None:
        status = {"nominatedNodeName": node_name} if node_name else {}
        self.server.put("v1", "pods", self.pod("high") | {"status": status})
        await asyncio.sleep(0.1)


def running(server: FakeApiServer, name: str, priority: int, node_name: str = "") -> JsonObject:
    raw = pod(name, f"of-{name}")
    raw["spec"] |= {"priority": priority} | ({"nodeName": node_name} if node_name else {})
    return server.put("v1", "pods", raw)


@asynccontextmanager
async def preempting(*, chosen: bool = True, **settings: Any) -> AsyncIterator[Preempting]:
    server = FakeApiServer()
    user = {"resource": "pods", "name": "low", "uid": running(server, "low", 0, "n1")["metadata"]["uid"]}
    running(server, "high", 10)
    for name, priority in (("rival", 5), ("above", 11)):
        running(server, name, priority)
    held = {"status": {"allocation": allocation("n1", "d0"), "reservedFor": [user]}}
    objects = [
        ("nodes", node("n1")),
        ("deviceclasses", device_class()),
        ("resourceslices", slice_of("n1", device("d0"))),
        ("resourceclaims", claim("of-low") | held),
        *(("resourceclaims", claim(f"of-{name}")) for name in ("high", "rival", "above")),
    ]
    async with started(server, objects, preemption_hold_seconds=SECONDS, **settings) as client:
        scene = Preempting(server, client)
        assert await scene.named("high") == []
        victims = {"n1": {"Pods": [{"UID": user["uid"]}], "NumPDBViolations": 0}}
        body = {"Pod": scene.pod("high"), "NodeNameToMetaVictims": victims}
        assert (await scene.post("preempt", body))["NodeNameToMetaVictims"] == victims
        if chosen:
            await scene.nominate("n1")
            server.remove("v1", "pods", "low", "default")
            server.remove("resource.k8s.io/v1", "resourceclaims", "of-low", "default")
        await asyncio.sleep(0.1)
        yield scene


def beside(test: Callable[[Preempting], Coroutine[Any, Any, None]], **settings: Any) -> None:
    @in_virtual_time
    async def run() -> None:
        async with preempting(**settings) as scene:
            await test(scene)

    run()


@pytest.mark.parametrize("preemption", ["off", "answer"])
def test_a_pod_of_lower_priority_does_not_get_them_first(preemption: str) -> None:
    async def test(scene: Preempting) -> None:
        assert await scene.named("rival") == []
        assert await scene.named("high") == ["n1"]
        uid = scene.pod("high")["metadata"]["uid"]
        binding = {"PodName": "high", "PodNamespace": "default", "PodUID": uid, "Node": "n1"}
        assert (await scene.post("bind", binding))["Error"] == ""

    beside(test, preemption=preemption)


def test_one_of_higher_priority_does() -> None:
    async def test(scene: Preempting) -> None:
        assert await scene.named("above") == ["n1"]

    beside(test)


def test_they_are_free_when_kube_scheduler_takes_its_choice_back() -> None:
    async def test(scene: Preempting) -> None:
        assert await scene.named("rival") == []
        await scene.nominate(None)
        assert await scene.named("rival") == ["n1"]

    beside(test)


@pytest.mark.parametrize("kept", [True, False])
def test_they_are_free_when_the_pod_is_gone_or_does_not_come_back(kept: bool) -> None:
    async def test(scene: Preempting) -> None:
        if not kept:
            scene.server.remove("v1", "pods", "high", "default")
        await asyncio.sleep(SECONDS if kept else 0.1)
        assert await scene.named("rival") == ["n1"]

    beside(test)


def test_who_was_refused_for_them_is_tried_again() -> None:
    """kube-scheduler knows nothing of holds."""

    async def test(scene: Preempting) -> None:
        assert await scene.named("rival") == []
        for name in ("high", "above"):
            scene.server.remove("resource.k8s.io/v1", "resourceclaims", f"of-{name}", "default")
        await asyncio.sleep(SECONDS + 1)
        assert scene.is_requeued("rival")

    beside(test)


def changed(scene: Preempting, **changes: Any) -> None:
    raw = scene.pod("high")
    scene.server.put("v1", "pods", raw | {key: raw.get(key, {}) | value for key, value in changes.items()})


def replaced(scene: Preempting) -> None:
    scene.server.remove("v1", "pods", "high", "default")
    running(scene.server, "high", 10)


ENDS: dict[str, Callable[[Preempting], None]] = {
    "it is deleted": lambda scene: scene.server.remove("v1", "pods", "high", "default"),
    "another Pod has its name": replaced,
    "it has a node": lambda scene: changed(scene, spec={"nodeName": "n2"}),
    "it has failed": lambda scene: changed(scene, status={"phase": "Failed"}),
    "it is nominated elsewhere": lambda scene: changed(scene, status={"nominatedNodeName": "n2"}),
    "its nomination is taken back": lambda scene: changed(scene, status={"nominatedNodeName": ""}),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_who_was_refused_for_them_is_tried_again_soon(end: Callable[[Preempting], None]) -> None:
    async def test(scene: Preempting) -> None:
        for name in ("high", "above"):
            scene.server.remove("resource.k8s.io/v1", "resourceclaims", f"of-{name}", "default")
        assert await scene.named("rival") == []
        await asyncio.sleep(5)
        assert not scene.is_requeued("rival")
        end(scene)
        await asyncio.sleep(5)
        assert scene.is_requeued("rival")

    beside(test)


def test_an_answer_from_before_the_pod_passed_is_not_used() -> None:
    """kube-scheduler shows the node of a Pod that waits for volumes as it does after a preemption."""

    async def test(scene: Preempting) -> None:
        server = scene.server
        server.put("resource.k8s.io/v1", "resourceslices", slice_of("n1", device("d0"), device("d1")))
        await asyncio.sleep(0.1)
        assert await scene.named("high") == ["n1"]
        await scene.nominate("n1")
        server.remove("resource.k8s.io/v1", "resourceclaims", "of-low", "default")
        await asyncio.sleep(0.1)
        assert await scene.named("rival") == ["n1"]

    beside(test, chosen=False)


def evicting(*, ends: bool) -> tuple[FakeApiServer, list[tuple[str, JsonObject]]]:
    """A cluster in which kube-scheduler has evicted `low` for `high` some seconds ago."""
    server = FakeApiServer()
    low = running(server, "low", 0, "n1")
    if ends:
        server.put("v1", "pods", low | {"metadata": low["metadata"] | {"finalizers": ["test/ends"]}})
        server.remove("v1", "pods", "low", "default")
    server.put("v1", "pods", running(server, "high", 10) | {"status": {"nominatedNodeName": "n1"}})
    running(server, "rival", 5)
    user = {"resource": "pods", "name": "low", "uid": low["metadata"]["uid"]}
    held = {"status": {"allocation": allocation("n1", "d0"), "reservedFor": [user]}}
    return server, [
        ("nodes", node("n1")),
        ("deviceclasses", device_class()),
        ("resourceslices", slice_of("n1", device("d0"))),
        ("resourceclaims", claim("of-low") | held),
        *(("resourceclaims", claim(f"of-{name}")) for name in ("high", "rival")),
    ]


REPLICA = {"leader_elect": True, "leader_elect_namespace": "dra"}
CASES = {
    "alone": ({}, True, []),
    "replica": (REPLICA, True, []),
    "nobody ends": ({}, False, ["n1"]),
    "without reservations": ({"candidates": 0}, True, ["n1"]),
}


@pytest.mark.parametrize(("settings", "ends", "named"), CASES.values(), ids=CASES)
def test_a_process_that_starts_while_the_victims_end_holds_them(
    settings: JsonObject, ends: bool, named: list[str]
) -> None:
    async def test() -> None:
        server, objects = evicting(ends=ends)
        async with started(server, objects, **settings) as client:
            scene = Preempting(server, client)
            assert await scene.named("rival") == []
            low = Place("", "pods", "default", "low")
            if ends:
                server.store.update(low, lambda raw: raw | {"metadata": raw["metadata"] | {"finalizers": []}})
            else:
                server.store.delete(low)
            server.remove("resource.k8s.io/v1", "resourceclaims", "of-low", "default")
            await asyncio.sleep(0.2)
            assert await scene.named("rival") == named
            if not named:
                assert await scene.named("high") == ["n1"]

    asyncio.run(asyncio.wait_for(test(), 30))
