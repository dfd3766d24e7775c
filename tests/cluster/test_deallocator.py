from __future__ import annotations

import asyncio

from app.cluster.client import ApiClient
from app.cluster.deallocator import Deallocator
from app.cluster.discovery import discover
from app.core.model.parse import parse
from app.core.model.resource_claim import ResourceClaim
from app.core.state.state import State
from tests.cluster.fake_apiserver import FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim

DRA = "resource.k8s.io/v1"
RESERVED = {"resource": "pods", "name": "p", "uid": "u"}


async def start(server: FakeApiServer) -> tuple[Deallocator, State, ResourceClaim, list[str]]:
    client = ApiClient("http://fake", InMemoryTransport(server))
    status = {"allocation": allocation("n1", "d0"), "reservedFor": [RESERVED]}
    item = parse(server.put(DRA, "resourceclaims", claim("c") | {"status": status}))
    assert isinstance(item, ResourceClaim)
    state = State()
    state.upsert(item)
    problems: list[str] = []
    served = await discover(client)
    return Deallocator(client, served.resource_claim, state, problems.append), state, item, problems


@in_virtual_time
async def test_devices_and_reservation_go_and_the_index_knows_at_once() -> None:
    server = FakeApiServer()
    deallocator, state, item, _ = await start(server)
    assert await deallocator.deallocate(item)
    (stored,) = server.store.select(("resource.k8s.io", "resourceclaims"))
    assert stored["status"] == {}
    assert state.taken == {}


@in_virtual_time
async def test_a_claim_reserved_in_the_meantime_keeps_its_devices() -> None:
    server = FakeApiServer()
    deallocator, state, item, _ = await start(server)
    (stored,) = server.store.select(("resource.k8s.io", "resourceclaims"))
    more = [*stored["status"]["reservedFor"], RESERVED | {"uid": "v"}]
    server.put(DRA, "resourceclaims", stored | {"status": stored["status"] | {"reservedFor": more}})
    assert not await deallocator.deallocate(item)
    assert deallocator.results["overtaken"] == 1
    assert state.taken != {}


@in_virtual_time
async def test_a_refusal_is_reported_and_two_calls_at_a_time_are_one() -> None:
    server = FakeApiServer()
    deallocator, _, item, problems = await start(server)
    server.faults.append(Fault(lambda call: call.method == "PATCH", status=500, delay=1))
    assert await asyncio.gather(deallocator.deallocate(item), deallocator.deallocate(item)) == [False, False]
    assert len(problems) == 1
    assert "default/c could not be deallocated" in problems[0]
    assert await deallocator.deallocate(item)
