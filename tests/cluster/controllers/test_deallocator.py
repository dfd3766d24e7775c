import asyncio

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import discover
from app.cluster.controllers.deallocator import Deallocator
from app.core.model.parse import parse
from app.core.model.resource_claim import ResourceClaim
from app.core.state.state import State
from tests.cluster.binding.cluster import Cluster, cluster, names, reserved
from tests.cluster.fake_apiserver import FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, pod

DRA = "resource.k8s.io/v1"
RESERVED = {"resource": "pods", "name": "p", "uid": "u"}


async def start(server: FakeApiServer) -> tuple[Deallocator, State, ResourceClaim]:
    client = ApiClient("http://fake", InMemoryTransport(server))
    status = {"allocation": allocation("n1", "d0"), "reservedFor": [RESERVED]}
    item = parse(server.put(DRA, "resourceclaims", claim("c") | {"status": status}))
    assert isinstance(item, ResourceClaim)
    state = State()
    state.upsert(item)
    served = await discover(client)
    return Deallocator(client, served.resource_claim, state), state, item


@in_virtual_time
async def test_devices_and_reservation_go_and_the_index_knows_at_once() -> None:
    server = FakeApiServer()
    deallocator, state, item = await start(server)
    assert await deallocator.deallocate(item)
    (stored,) = server.store.select(("resource.k8s.io", "resourceclaims"))
    assert stored["status"] == {}
    assert state.taken == {}


@in_virtual_time
async def test_a_claim_reserved_in_the_meantime_keeps_its_devices() -> None:
    server = FakeApiServer()
    deallocator, state, item = await start(server)
    (stored,) = server.store.select(("resource.k8s.io", "resourceclaims"))
    more = [*stored["status"]["reservedFor"], RESERVED | {"uid": "v"}]
    server.put(DRA, "resourceclaims", stored | {"status": stored["status"] | {"reservedFor": more}})
    assert not await deallocator.deallocate(item)
    assert deallocator.results["overtaken"] == 1
    assert state.taken != {}


@in_virtual_time
async def test_a_refusal_is_logged_and_two_calls_at_a_time_are_one(caplog: pytest.LogCaptureFixture) -> None:
    server = FakeApiServer()
    deallocator, _, item = await start(server)
    server.faults.append(Fault(lambda call: call.method == "PATCH", status=500, delay=1))
    assert await asyncio.gather(deallocator.deallocate(item), deallocator.deallocate(item)) == [False, False]
    assert len(caplog.messages) == 1
    assert "default/c could not be deallocated" in caplog.messages[0]
    assert await deallocator.deallocate(item)


@in_virtual_time
async def test_a_decision_on_a_newer_claim_is_carried_out_after_a_write_that_was_overtaken() -> None:
    server = FakeApiServer()
    deallocator, state, item = await start(server)
    (stored,) = server.store.select(("resource.k8s.io", "resourceclaims"))
    newer = parse(
        server.put(DRA, "resourceclaims", stored | {"metadata": stored["metadata"] | {"labels": {"a": "b"}}})
    )
    assert isinstance(newer, ResourceClaim)
    server.faults.append(Fault(lambda call: call.method == "PATCH", status=409, delay=1))
    outcomes = await asyncio.gather(deallocator.deallocate(item), deallocator.deallocate(newer))
    assert outcomes == [True, False]
    assert deallocator.results == {"overtaken": 1, "freed": 1}
    assert state.taken == {}


def deallocator_of(made: Cluster) -> Deallocator:
    resource, binder = made.served.resource_claim, made.binder
    return Deallocator(made.client, resource, made.state, alone_with=binder.freeing)


async def left_reserved() -> Cluster:
    """A claim that is allocated, and reserved for a Pod that is not bound."""
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    user = {"resource": "pods", "name": "p", "uid": made.pod("p")["metadata"]["uid"]}
    status = {"allocation": allocation("n1", "d0"), "reservedFor": [user]}
    made.server.put(DRA, "resourceclaims", made.claim("c") | {"status": status})
    await asyncio.sleep(1)
    return made


@in_virtual_time
async def test_a_bind_waits_for_the_end_of_a_deallocation_and_allocates_anew() -> None:
    made = await left_reserved()
    held = made.state.stored_claim(("default", "c"))
    assert held is not None
    made.server.faults.append(Fault(lambda call: call.method == "PATCH", delay=2))
    freeing = asyncio.create_task(deallocator_of(made).deallocate(held))
    await asyncio.sleep(1)
    assert await made.bind("p") is None
    assert await freeing
    assert made.pod("p")["spec"]["nodeName"] == "n1"
    assert names(made.claim("c")) == ["d0"]
    assert reserved(made.claim("c")) == ["p"]
    await made.stop()


@in_virtual_time
async def test_a_claim_that_a_bind_is_under_way_to_is_not_deallocated() -> None:
    made = await left_reserved()
    held = made.state.stored_claim(("default", "c"))
    assert held is not None
    made.server.faults.append(Fault(lambda call: call.path.endswith("/binding"), delay=2))
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(1)
    deallocator = deallocator_of(made)
    assert not await deallocator.deallocate(held)
    assert deallocator.results == {"overtaken": 1}
    assert await bind is None
    assert names(made.claim("c")) == ["d0"]
    await made.stop()


@in_virtual_time
async def test_a_pod_that_runs_unheard_of_keeps_its_devices() -> None:
    made = await left_reserved()
    held = made.state.stored_claim(("default", "c"))
    assert held is not None
    made.server.frozen = True
    bound = made.pod("p")
    made.server.put("v1", "pods", bound | {"spec": bound["spec"] | {"nodeName": "n1"}})
    deallocator = deallocator_of(made)
    assert not await deallocator.deallocate(held)
    assert deallocator.results == {"overtaken": 1}
    assert names(made.claim("c")) == ["d0"]
    made.server.frozen = False
    await made.stop()
