import asyncio
from collections.abc import AsyncGenerator

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import NODE, POD, discover
from app.cluster.informers.group import InformerGroup
from app.cluster.informers.informer import Event, Replaced, Upserted
from tests.cluster.fake_apiserver import FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time


def client_of(server: FakeApiServer) -> ApiClient:
    return ApiClient("http://fake", InMemoryTransport(server))


@in_virtual_time
async def test_every_kind_reaches_the_handler_with_its_served_version() -> None:
    server = FakeApiServer()
    server.put("v1", "nodes", {"metadata": {"name": "n"}})
    server.put("resource.k8s.io/v1", "deviceclasses", {"metadata": {"name": "c"}})
    client = client_of(server)
    told: dict[str, list[Event]] = {}
    resources = (NODE, POD, *(await discover(client)).resources())
    group = InformerGroup(client, resources, lambda kind, event: told.setdefault(kind, []).append(event))
    assert group.unsynced() == tuple(resource.kind for resource in resources)
    task = asyncio.create_task(group.run())
    await group.wait_synced()
    assert group.unsynced() == ()
    assert set(told) == {resource.kind for resource in resources}
    first = told["DeviceClass"][0]
    assert isinstance(first, Replaced)
    assert first.objects[0]["apiVersion"] == "resource.k8s.io/v1"
    assert server.open_watches == len(resources)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.open_watches == 0


@in_virtual_time
async def test_not_all_synced_while_one_kind_cannot_be_read() -> None:
    server = FakeApiServer()
    forbidden = Fault(lambda call: "pods" in call.path, times=float("inf"), status=403)
    server.faults.append(forbidden)
    group = InformerGroup(client_of(server), (NODE, POD), lambda _kind, _event: None)
    task = asyncio.create_task(group.run())
    await asyncio.sleep(60)
    assert group.unsynced() == ("Pod",)
    forbidden.times = 0
    await asyncio.sleep(60)
    assert group.unsynced() == ()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@in_virtual_time
async def test_handler_that_fails_on_one_object_gets_the_next_ones(caplog: pytest.LogCaptureFixture) -> None:
    server = FakeApiServer()
    seen: list[str] = []

    def handle(_kind: str, event: Event) -> None:
        if isinstance(event, Upserted):
            name = event.object["metadata"]["name"]
            if name == "poison":
                raise KeyError("spec")
            seen.append(name)

    group = InformerGroup(client_of(server), (NODE,), handle)
    task = asyncio.create_task(group.run())
    await group.wait_synced()
    for name in ("before", "poison", "after"):
        server.put("v1", "nodes", {"metadata": {"name": name}})
        await asyncio.sleep(0.001)
    assert seen == ["before", "after"]
    assert group.handler_failures == {"Node": 1}
    assert caplog.messages == ["the handler of Node failed on Upserted"]
    assert "KeyError" in caplog.text
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_two_resources_of_one_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="one kind"):
        InformerGroup(client_of(FakeApiServer()), (NODE, NODE), lambda _kind, _event: None)


def test_others_run_between_events_that_arrive_together() -> None:
    handled: list[int] = []

    class Burst:
        async def events(self) -> AsyncGenerator[Event, None]:
            for number in range(100):
                yield Upserted({"metadata": {"name": str(number)}})

    async def scene() -> int:
        group = InformerGroup(client_of(FakeApiServer()), (NODE,), lambda _kind, _event: handled.append(1))
        group.informers = {"Node": Burst()}  # type: ignore[dict-item] # what it needs of an informer
        task, most = asyncio.create_task(group.run()), 0
        while not task.done():
            before = len(handled)
            await asyncio.sleep(0)
            most = max(most, len(handled) - before)
        return most

    most = asyncio.run(scene())
    assert len(handled) == 100
    assert most <= 16
