"""Binds of Pods whose devices take CPU of their node: what is written into the Pod, and when."""

import asyncio
from typing import Any

from app.core.state.pledges import Pledge
from tests.cluster.binding.cluster import DRA, Cluster, on
from tests.cluster.fake_apiserver import FakeApiServer, Fault
from tests.cluster.virtual_time import in_virtual_time
from tests.node_allocatable import mapped, using, with_room
from tests.objects import claim, device, device_class, slice_of

STATUS = "nodeAllocatableResourceClaimStatuses"
ENTRY = {"resourceClaimName": "c", "containers": ["c"], "mapping": [{"name": "cpu", "quantity": "6"}]}


async def made_of(
    *objects: dict[str, Any], devices: tuple[dict[str, Any], ...] = (mapped("a", "6"),)
) -> Cluster:
    """A cluster with a node of 10 CPUs and these Pods and claims."""
    server = FakeApiServer()
    server.put("v1", "nodes", with_room())
    server.put(DRA, "deviceclasses", device_class())
    server.put(DRA, "resourceslices", slice_of("n1", *devices))
    for item in objects:
        plural = "pods" if item["kind"] == "Pod" else "resourceclaims"
        server.put(item["apiVersion"], plural, item)
    made = Cluster(server)
    await made.start()
    return made


def amounts(made: Cluster, name: str = "p") -> Any:
    return (made.pod(name).get("status") or {}).get(STATUS)


@in_virtual_time
async def test_the_amounts_are_written_after_the_claim_and_before_the_binding() -> None:
    made = await made_of(claim("c"), using("p", "c", cpu="4"))
    assert await made.bind("p") is None
    assert amounts(made) == [ENTRY]
    assert made.writes() == ["PATCH c", "PATCH status", "PATCH status", "POST binding"]
    paths = [call.path for call in made.server.calls if call.method == "PATCH"]
    assert paths[-1].endswith("/pods/p/status")
    await asyncio.sleep(1)
    assert made.state.usage.of("n1")["cpu"] == 10 * 10**9
    await made.stop()


@in_virtual_time
async def test_a_pod_without_such_devices_costs_no_write_more() -> None:
    made = await made_of(claim("c"), using("p", "c", cpu="4"), devices=(device("a"),))
    assert await made.bind("p") is None
    assert made.writes() == ["PATCH c", "PATCH status", "POST binding"]
    await made.stop()


@in_virtual_time
async def test_a_node_that_lacks_the_cpus_is_refused_and_nothing_is_written() -> None:
    made = await made_of(claim("c"), using("p", "c", cpu="5"))
    assert await made.bind("p") == "Insufficient cpu"
    assert made.writes() == []
    await made.stop()


@in_virtual_time
async def test_a_reservation_that_ends_leaves_what_a_bind_has_counted() -> None:
    """kube-scheduler has not heard of the bind, and filters the Pod again. Nor does the watch show it yet."""
    made = await made_of(claim("c"), using("p", "c", cpu="4"), using("next", cpu="1"))
    made.server.frozen = True
    waits = made.state.pods["default", "p"]
    assert await made.bind("p") is None
    assert (await made.reservations.reserve(waits, ("n1",))).nodes == ("n1",)
    made.reservations.release(waits.meta.uid, "filtered")
    assert await made.bind("next") == "Insufficient cpu beside Pods that are being bound"
    await made.stop()


@in_virtual_time
async def test_others_learn_of_devices_that_a_pod_without_room_had_reserved() -> None:
    made = await made_of(claim("c"), using("p", "c", cpu="5"), devices=(device("a"),))
    pod = made.state.pods["default", "p"]
    assert (await made.reservations.reserve(pod, ["n1"])).nodes == ("n1",)
    other = Pledge(frozenset({"n1"}), {"cpu": 6 * 10**9}, firm=True, by_devices=True)
    made.state.pledge("uid-other", other)
    taken: list[set[str]] = []
    made.reservations.lifted = lambda: taken.append(made.taken())
    assert await made.bind("p") == "Insufficient cpu beside Pods that are being bound"
    assert taken == [set()]
    assert not made.state.residents._pods
    await made.stop()


@in_virtual_time
async def test_a_refused_binding_takes_the_amounts_back() -> None:
    made = await made_of(claim("c"), using("p", "c"))
    made.server.faults.append(Fault(on("POST", "binding"), status=500))
    assert await made.bind("p") is not None
    assert amounts(made) == []
    assert (await made.bind("p"), amounts(made)) == (None, [ENTRY])
    await made.stop()


@in_virtual_time
async def test_amounts_that_cannot_be_written_undo_the_claim() -> None:
    made = await made_of(claim("c"), using("p", "c"))
    made.server.faults.append(Fault(on("PATCH", "/pods/p/status"), status=500))
    assert await made.bind("p") is not None
    assert made.claim("c").get("status", {}).get("allocation") is None
    assert not made.pod("p")["spec"].get("nodeName")
    await made.stop()


@in_virtual_time
async def test_amounts_of_an_attempt_before_are_removed_from_a_pod_with_other_devices() -> None:
    stale = using("p", "c") | {"status": {STATUS: [ENTRY]}}
    made = await made_of(claim("c"), stale, devices=(device("plain"),))
    assert await made.bind("p") is None
    assert amounts(made) == []
    await made.stop()
