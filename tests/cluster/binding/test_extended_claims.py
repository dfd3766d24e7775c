"""Binds of Pods with extended resources: the claim that is made, and taken back."""

import asyncio
from typing import Any

import pytest

from app.cluster.controllers.deallocator import Deallocator
from app.core.model.resource_claim import FINALIZER
from tests.cluster.binding.cluster import DRA, Cluster, cluster, names, on, reserved
from tests.cluster.binding.gpu_pods import GPU, gpu_pod
from tests.cluster.fake_apiserver import Call, Fault
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import claim, device_class


async def backed(*pods: dict[str, Any], devices: int = 2, claims: tuple[dict[str, Any], ...] = ()) -> Cluster:
    made = await cluster(*claims, devices=devices, pods=pods)
    raw = device_class()
    raw["spec"]["extendedResourceName"] = GPU
    made.server.put(DRA, "deviceclasses", raw)
    await asyncio.sleep(1)
    return made


def reading_a_claim(call: Call) -> bool:
    return call.method == "GET" and "/resourceclaims/" in call.path


def claims_of(made: Cluster) -> list[dict[str, Any]]:
    return made.server.store.select(("resource.k8s.io", "resourceclaims"))


@in_virtual_time
async def test_the_claim_is_made_told_to_the_pod_and_then_the_pod_is_bound() -> None:
    made = await backed(gpu_pod(count=2))
    assert await made.bind("p") is None
    (written,) = claims_of(made)
    meta = written["metadata"]
    assert meta["name"].startswith("p-extended-resources-")
    assert meta["generateName"] == "p-extended-resources-"
    assert meta["annotations"] == {"resource.kubernetes.io/extended-resource-claim": "true"}
    uid = made.pod("p")["metadata"]["uid"]
    assert meta["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid, "controller": True}
    ]
    assert meta["finalizers"] == [FINALIZER]
    (request,) = written["spec"]["devices"]["requests"]
    assert request == {
        "name": "container-0-request-1",
        "exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 2},
    }
    assert names(written) == ["d0", "d1"]
    assert reserved(written) == ["p"]
    assert made.pod("p")["status"]["extendedResourceClaimStatus"] == {
        "resourceClaimName": meta["name"],
        "requestMappings": [
            {"containerName": "c", "resourceName": GPU, "requestName": "container-0-request-1"}
        ],
    }
    assert made.writes() == [
        "POST resourceclaims",
        "PATCH status",
        "PATCH status",
        "POST binding",
    ]
    assert made.pod("p")["spec"]["nodeName"] == "n1"
    await asyncio.sleep(1)
    assert made.state.assumed == {}
    await made.stop()


@in_virtual_time
async def test_a_pod_may_have_claims_of_its_own_besides() -> None:
    made = await backed(gpu_pod("p", 1, "c"), claims=(claim("c"),))
    assert await made.bind("p") is None
    assert sorted(name for item in claims_of(made) for name in names(item)) == ["d0", "d1"]
    await made.stop()


@in_virtual_time
async def test_a_node_that_has_the_resource_by_device_plugin_needs_no_claim() -> None:
    made = await backed(gpu_pod())
    offering = {"metadata": {"name": "n1", "labels": {}}, "status": {"allocatable": {GPU: "1"}}}
    made.server.put("v1", "nodes", {"apiVersion": "v1", "kind": "Node"} | offering)
    await asyncio.sleep(1)
    assert await made.bind("p") is None
    assert claims_of(made) == []
    await made.stop()


FAULTS = {
    "the claim is refused": Fault(on("POST", "resourceclaims"), status=403, reason="Forbidden"),
    "the finalizer is refused": Fault(on("PATCH", ""), status=500),
    "the Pod's status is refused": Fault(on("PATCH", "pods/p/status"), status=500),
    "the binding is refused": Fault(on("POST", "binding"), status=500),
    "the allocation's answer is lost": Fault(
        lambda call: (
            call.method == "PATCH" and "resourceclaims" in call.path and call.path.endswith("status")
        ),
        cut="after",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
@in_virtual_time
async def test_after_a_failed_bind_no_claim_is_left_and_the_next_bind_makes_another(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    made = await backed(gpu_pod(), devices=1)
    made.server.faults.append(FAULTS[name])
    assert await made.bind("p") is not None
    await asyncio.sleep(1)
    assert claims_of(made) == []
    assert made.state.taken == {}
    assert made.state.assumed == {}
    assert await made.bind("p") is None
    assert [names(item) for item in claims_of(made)] == [["d0"]]
    assert caplog.messages == []
    await made.stop()


@pytest.mark.parametrize("status", [0, 500])
@in_virtual_time
async def test_a_claim_whose_creation_got_no_answer_is_found_again(status: int) -> None:
    made = await backed(gpu_pod())
    made.server.faults.append(Fault(on("POST", "resourceclaims"), cut="after", status=status))
    assert await made.bind("p") is None
    assert len(claims_of(made)) == 1
    await made.stop()


async def kill_a_bind_that_cannot_take_back(made: Cluster) -> None:
    """The binding is refused and no claim can be read, for as long as the bind lives."""
    made.server.faults.append(Fault(on("POST", "binding"), status=500))
    made.server.faults.append(Fault(reading_a_claim, times=float("inf"), status=500))
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(60)
    assert bind.cancel()
    await asyncio.wait([bind])
    made.server.faults.clear()


@in_virtual_time
async def test_a_claim_that_a_crash_left_is_used_by_the_next_bind() -> None:
    made = await backed(gpu_pod(), devices=1)
    await kill_a_bind_that_cannot_take_back(made)
    (left,) = claims_of(made)
    await asyncio.sleep(1)
    assert await made.bind("p") is None
    assert [item["metadata"]["uid"] for item in claims_of(made)] == [left["metadata"]["uid"]]
    assert made.pod("p")["status"]["extendedResourceClaimStatus"]["requestMappings"]
    await made.stop()


@in_virtual_time
async def test_another_claim_of_that_name_is_not_touched() -> None:
    made = await backed(gpu_pod())
    assert await made.bind("p") is None
    (mine,) = claims_of(made)
    other = await backed(gpu_pod())
    raw = claim(mine["metadata"]["name"])
    other.server.put(DRA, "resourceclaims", raw)
    await asyncio.sleep(1)
    error = await other.bind("p")
    assert error is not None
    assert "another ResourceClaim" in error
    (kept,) = claims_of(other)
    assert "status" not in kept or kept["status"] == {}
    assert not kept["metadata"].get("finalizers")
    await made.stop()
    await other.stop()


@in_virtual_time
async def test_a_stale_claim_is_deleted_to_make_room() -> None:
    made = await backed(gpu_pod())
    await kill_a_bind_that_cannot_take_back(made)
    await asyncio.sleep(1)
    left = made.state.extended_claim(made.state.pods["default", "p"])
    assert left is not None
    assert left.allocation is not None
    deallocator = Deallocator(made.client, made.served.resource_claim, made.state)
    assert await deallocator.deallocate(left)
    assert claims_of(made) == []
    assert made.state.taken == {}
    await asyncio.sleep(1)
    assert await made.bind("p") is None
    await made.stop()


@in_virtual_time
async def test_a_late_event_of_a_claim_that_was_taken_back_does_not_hide_its_successor() -> None:
    made = await backed(gpu_pod(), devices=1)
    made.server.faults.append(Fault(on("POST", "binding"), status=500))
    made.server.frozen = True  # the watch is behind
    assert await made.bind("p") is not None
    assert await made.bind("p") is None
    (written,) = claims_of(made)
    made.server.frozen = False
    await asyncio.sleep(1)
    held = made.state.stored_claim(("default", written["metadata"]["name"]))
    assert held is not None
    assert held.meta.uid == written["metadata"]["uid"]
    assert {name for pool in made.state.taken.values() for name in pool.whole} == {"d0"}
    await made.stop()
