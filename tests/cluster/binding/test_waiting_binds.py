"""Binds that wait, that many share, or that others write beside; and what a restored backup takes back."""

import asyncio
from collections.abc import Callable

import pytest

from app.cluster.informers.store import Replaced
from tests.cluster.binding.cluster import DRA, Cluster, cluster, conditional, names, reserved, tell
from tests.cluster.fake_apiserver import Call, Fault
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, pod


async def waiting(wait_seconds: float) -> Cluster:
    made = await cluster(claim("c"), pods=(pod("p", "c"),), wait_seconds=wait_seconds)
    made.server.put(DRA, "resourceslices", conditional())
    await asyncio.sleep(1)
    return made


@in_virtual_time
async def test_a_bind_waits_for_minutes_as_kube_scheduler_does_for_it() -> None:
    made = await waiting(wait_seconds=620)
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(300)
    uid = made.pod("p")["metadata"]["uid"]
    assert made.binder.under_way(uid) == "n1"
    again = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(200)
    tell(made, "attached", "True")
    assert await bind is None
    assert await again is None
    assert made.writes().count("POST binding") == 1
    assert made.binder.under_way(uid) is None
    await made.stop()


@in_virtual_time
async def test_a_bind_that_comes_again_answers_in_time_whatever_the_first_one_waits_for() -> None:
    made = await waiting(wait_seconds=20)
    first = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(19)
    began = asyncio.get_running_loop().time()
    assert await made.bind("p") is not None
    assert asyncio.get_running_loop().time() - began < 21
    assert await first is not None
    await made.stop()


@in_virtual_time
async def test_binds_that_wait_answer_when_the_process_ends_and_leave_their_claims() -> None:
    made = await waiting(wait_seconds=620)
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(5)
    made.binder.stop_waiting()
    assert "waiting for devices" in str(await bind)
    assert reserved(made.claim("c")) == ["p"]
    await made.stop()


@in_virtual_time
async def test_a_bind_waits_no_longer_than_its_pod_is_there() -> None:
    made = await waiting(wait_seconds=620)
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(5)
    made.server.remove("v1", "pods", "p", "default")
    assert "deleted" in str(await bind)
    assert asyncio.get_running_loop().time() < 30
    assert names(made.claim("c")) == []
    await made.stop()


def deallocated(made: Cluster) -> None:
    """Another client frees the claim: an administrator, or a controller that takes it for unused."""
    made.server.put(DRA, "resourceclaims", made.claim("c") | {"status": {}})


def allocated_anew(made: Cluster) -> None:
    """... and another scheduler gives it another device, whose driver has nothing to attach."""
    deallocated(made)
    made.server.put(
        DRA, "resourceclaims", made.claim("c") | {"status": {"allocation": allocation("n1", "d1")}}
    )


def made_again(made: Cluster) -> None:
    deallocated(made)
    raw = made.claim("c")
    made.server.put(DRA, "resourceclaims", raw | {"metadata": raw["metadata"] | {"finalizers": []}})
    made.server.remove(DRA, "resourceclaims", "c", "default")
    made.server.put(DRA, "resourceclaims", claim("c"))


@pytest.mark.parametrize("happens", [deallocated, allocated_anew, made_again])
@in_virtual_time
async def test_a_pod_is_not_bound_without_the_devices_that_its_bind_waits_for(
    happens: Callable[[Cluster], None],
) -> None:
    made = await waiting(wait_seconds=620)
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(5)
    happens(made)
    error = str(await bind)
    assert "meanwhile" in error
    assert "POST binding" not in made.writes()
    assert asyncio.get_running_loop().time() < 30
    await made.stop()


@in_virtual_time
async def test_a_bind_waits_no_longer_than_its_pod_may_run() -> None:
    made = await waiting(wait_seconds=620)
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(5)
    made.server.put("v1", "pods", made.pod("p") | {"status": {"phase": "Failed"}})
    assert "ended" in str(await bind)
    assert asyncio.get_running_loop().time() < 30
    assert names(made.claim("c")) == []
    await made.stop()


@in_virtual_time
async def test_many_pods_are_written_into_their_claim_together() -> None:
    number = 100
    made = await cluster(claim("c"), pods=tuple(pod(f"p{i}", "c") for i in range(number)))
    made.server.faults.append(Fault(lambda call: call.method == "PATCH", times=1000, delay=0.05))
    ended = await asyncio.gather(*(made.bind(f"p{i}") for i in range(number)))
    assert ended == [None] * number
    assert sorted(reserved(made.claim("c"))) == sorted(f"p{i}" for i in range(number))
    # The finalizer, the first Pods with the allocation, and all that have come meanwhile.
    assert len([write for write in made.writes() if write.startswith("PATCH")]) <= 4
    await made.stop()


@in_virtual_time
async def test_who_writes_other_fields_of_the_claim_all_the_time_is_not_in_the_way() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))

    def write_before_each_patch(call: Call) -> None:
        if call.method == "PATCH" and "resourceclaims" in call.path:
            raw = made.claim("c")
            beat = str(len(made.server.calls))
            made.server.put(
                DRA, "resourceclaims", raw | {"metadata": raw["metadata"] | {"annotations": {"beat": beat}}}
            )

    made.server.before_each = write_before_each_patch
    assert await made.bind("p") is None
    assert names(made.claim("c")) == ["d0"]
    assert made.binder.writer.conflicts == 1
    await made.stop()


@in_virtual_time
async def test_who_allocates_the_claim_meanwhile_is_noticed_without_its_version() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    turns = iter(range(10))

    def write(call: Call) -> None:
        if call.method == "PATCH" and "resourceclaims" in call.path:
            raw, turn = made.claim("c"), next(turns)
            more = (
                {"status": {"allocation": allocation("n1", "d1")}} if turn else {"metadata": raw["metadata"]}
            )
            made.server.put(DRA, "resourceclaims", raw | more)

    made.server.before_each = write
    assert "allocated by another allocator" in str(await made.bind("p"))
    assert names(made.claim("c")) == ["d1"]
    await made.stop()


@in_virtual_time
async def test_a_bind_takes_over_what_its_filter_has_reserved() -> None:
    made = await cluster(claim("c"), claim("d"), pods=(pod("p", "c"), pod("q", "d")))
    assert (await made.reservations.reserve(made.state.pods["default", "p"], ["n1"])).nodes == ("n1",)
    assert await made.bind("p") is None
    assert made.reservations.ended == {"bound": 1}
    written = made.claim("c")
    assert names(written) == ["d0"]
    assert written["status"]["allocation"]["allocationTimestamp"]
    assert made.server.calls[-1].method == "POST"
    await asyncio.sleep(1)
    assert made.state.assumed == {}
    await made.stop()


LATER = {"pods": ("v1", "pods", pod("later")), "resourceclaims": (DRA, "resourceclaims", claim("later"))}


@in_virtual_time
async def test_a_restored_backup_frees_what_was_written_since() -> None:
    made = await cluster(claim("c"), claim("d"), devices=1, pods=(pod("p", "c"), pod("q", "d")))
    backup = made.server.store.backup()
    # Something that is heard of, so that the version known is one that does not exist afterwards.
    for kind in ("pods", "resourceclaims"):
        made.server.put(*LATER[kind])
    await asyncio.sleep(1)
    made.server.frozen = True  # the watch does not tell of our writes
    assert await made.bind("p") is None
    assert made.taken() == {"d0"}
    made.server.store.restore(backup)
    made.server.frozen = False
    made.server.break_watches()
    await asyncio.sleep(60)
    assert made.taken() == set()
    assert await made.bind("q") is None
    assert await made.bind("p") is not None
    assert made.taken() == {"d0"}
    await made.stop()


@in_virtual_time
async def test_a_list_that_was_begun_before_a_write_of_ours_takes_nothing_back() -> None:
    made = await cluster(claim("c"), claim("d"), devices=1, pods=(pod("p", "c"), pod("q", "d")))
    old = made.server.store.select(("resource.k8s.io", "resourceclaims"))
    mark = made.state.writes
    assert await made.bind("p") is None
    made.feed.handle("ResourceClaim", Replaced(tuple(old), tuple(old), (), mark))
    assert made.taken() == {"d0"}
    await made.stop()
