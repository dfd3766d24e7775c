"""Binds of Pods that share the claim of their PodGroup."""

import asyncio
from typing import Any

from app.cluster.controllers.deallocator import Deallocator
from tests.cluster.binding.cluster import Cluster, cluster, names, on
from tests.cluster.fake_apiserver import Fault
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import claim, grouped, of_group, pod, pod_group


def reserved_for(made: Cluster) -> list[dict[str, str]]:
    """What the claim is reserved for, but for the uids, which the API server gives."""
    users = made.claim("g-t")["status"]["reservedFor"]
    return [{key: value for key, value in user.items() if key != "uid"} for user in users]


GROUP = [{"apiGroup": "scheduling.k8s.io", "resource": "podgroups", "name": "g"}]


async def group_of(size: int, **how: Any) -> Cluster:
    pods = tuple(grouped(pod(f"p{number}", templates=("t",)), "g", t="g-t") for number in range(size))
    group = pod_group("g", templates=("t",))
    return await cluster(of_group(claim("g-t"), "g"), pods=pods, groups=(group,), **how)


@in_virtual_time
async def test_the_claim_is_written_once_and_reserved_for_the_group_alone() -> None:
    made = await group_of(3)
    assert await asyncio.gather(*(made.bind(f"p{number}") for number in range(3))) == [None] * 3
    assert reserved_for(made) == GROUP
    assert made.writes().count("PATCH status") == 1
    assert made.state.assumed == {}
    await made.stop()


@in_virtual_time
async def test_a_pod_that_cannot_be_bound_leaves_the_claim_to_the_others() -> None:
    made = await group_of(2)
    made.server.faults.append(Fault(on("POST", "p0/binding"), status=403))
    assert await made.bind("p0") is not None
    assert reserved_for(made) == GROUP
    assert await made.bind("p1") is None
    assert len(names(made.claim("g-t"))) == 1
    await made.stop()


@in_virtual_time
async def test_a_write_without_a_response_takes_no_device_that_another_claim_has() -> None:
    made = await group_of(1, devices=1)
    # It is carried out, but nobody hears of that, and the Pod's bind fails.
    made.server.faults.append(Fault(on("PATCH", "g-t/status"), cut="after", times=1))
    made.server.faults.append(Fault(on("POST", "p0/binding"), status=403))
    assert await made.bind("p0") is not None
    await asyncio.sleep(30)
    assert made.taken() == set(names(made.claim("g-t")))
    await made.stop()


@in_virtual_time
async def test_a_claim_of_the_group_is_deallocated_unless_one_of_its_pods_was_bound() -> None:
    made = await group_of(2)
    made.server.faults.append(Fault(on("POST", "p0/binding"), status=403, times=1))
    await made.bind("p0")
    deallocator = Deallocator(
        made.client, made.served.resource_claim, made.state, alone_with=made.binder.freeing
    )
    held = made.state.stored_claim(("default", "g-t"))
    assert held is not None
    assert await deallocator.deallocate(held)
    assert made.claim("g-t").get("status") == {}
    assert await made.bind("p1") is None
    held = made.state.stored_claim(("default", "g-t"))
    assert held is not None
    assert not await deallocator.deallocate(held)
    assert reserved_for(made) == GROUP
    await made.stop()
