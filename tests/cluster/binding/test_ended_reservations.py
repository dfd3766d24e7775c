"""What ends a reservation, and what a bind that takes one over still looks at."""

import asyncio

from app.cluster.binding.reservations import DEFAULT_SECONDS
from app.cluster.informers.informer import Deleted
from app.core.model.pod import Pod
from app.core.placement.decision import decide
from tests.cluster.binding.cluster import DRA, cluster, names, on
from tests.cluster.binding.kept import Kept
from tests.cluster.fake_apiserver import Fault
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import claim, pod, slice_of


@in_virtual_time
async def test_a_claim_made_anew_does_not_get_what_was_kept_for_the_one_before() -> None:
    made = await cluster(claim("shared", 1), pods=(pod("p", "shared"), pod("q", "shared")))
    await made.reservations.reserve(made.state.pods["default", "p"], ["n1"])
    made.server.remove(DRA, "resourceclaims", "shared", "default")
    await asyncio.sleep(1)
    again = claim("shared", 2)
    again["metadata"]["uid"] = "uid-2"
    made.server.put(DRA, "resourceclaims", again)
    await asyncio.sleep(1)
    await made.reservations.reserve(made.state.pods["default", "q"], ["n1"])
    assert await made.bind("q") is None
    assert names(made.claim("shared")) == ["d0", "d1"]
    await made.stop()


@in_virtual_time
async def test_a_pod_whose_bind_failed_does_not_count_on_the_node() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    await made.reservations.reserve(made.state.pods["default", "p"], ["n1"])
    made.server.faults.append(Fault(on("POST", "binding"), status=403))
    assert await made.bind("p") is not None
    assert not made.state.residents._pods
    await made.stop()


@in_virtual_time
async def test_a_bind_that_fails_before_its_first_write_says_that_its_devices_are_free() -> None:
    """No event tells so, and another kube-scheduler may have a Pod that was refused for them."""
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    await made.reservations.reserve(made.state.pods["default", "p"], ["n1"])
    taken: list[set[str]] = []
    made.reservations.lifted = lambda: taken.append(made.taken())
    made.server.faults.append(Fault(on("PATCH", "resourceclaims/c"), status=403))
    assert await made.bind("p") is not None
    assert taken == [set()]
    await made.stop()


@in_virtual_time
async def test_a_bind_of_a_pod_that_is_gone_ends_what_was_kept() -> None:
    """Deleted while its filter was answered."""
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    known = made.state.pods["default", "p"]
    made.server.remove("v1", "pods", "p", "default")
    await asyncio.sleep(1)
    await made.reservations.reserve(known, ["n1"])
    assert await made.binder.bind("default", "p", known.meta.uid, "n1") is not None
    assert len(made.reservations) == 0
    await made.stop()


@in_virtual_time
async def test_a_nominated_pod_that_ends_without_a_node_keeps_nothing() -> None:
    kept = Kept()
    await kept.reserve("p")
    kept.notify("p", nominatedNodeName="n1")
    kept.notify("p", nominatedNodeName="n1", phase="Failed")
    await asyncio.sleep(10 * DEFAULT_SECONDS)
    assert kept.taken() == set()


@in_virtual_time
async def test_nothing_is_restored_for_a_pod_that_is_deleted_meanwhile() -> None:
    kept = Kept()
    for name, node in (("p", "n1"), ("q", "n2")):
        kept.put(pod(name, *(("c",) if name == "p" else ("d",))) | {"status": {"nominatedNodeName": node}})
    reserve = kept.reservations.reserve

    async def slow(item: Pod, nodes: tuple[str, ...]) -> object:
        await asyncio.sleep(0.01)  # as on a busy loop: decide_on_nodes lets other tasks run
        return await reserve(item, nodes)

    kept.reservations.reserve = slow  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(kept.reservations.restore())
    await asyncio.sleep(0.015)  # the one of p is made, that of q is not
    kept.state.delete("Pod", ("default", "q"))
    kept.reservations.changed("Pod", Deleted(pod("q")))
    await task
    assert kept.taken() == {"n1/d0"}


@in_virtual_time
async def test_a_bind_that_takes_over_looks_at_shared_capacity_again() -> None:
    """Two plans that hold the same share, as gang.py leaves them: the binder is the last line."""
    claims = [claim("c"), claim("d")]
    shared = {"name": "d0", "allowMultipleAllocations": True, "capacity": {"memory": {"value": "1"}}}
    for raw in claims:
        raw["spec"]["devices"]["requests"][0]["exactly"]["capacity"] = {"requests": {"memory": "1"}}
    made = await cluster(*claims, pods=(pod("p", "c"), pod("q", "d")))
    made.server.put(DRA, "resourceslices", slice_of("n1", shared, generation=2))
    await asyncio.sleep(1)
    pods = [made.state.pods["default", name] for name in "pq"]
    decided = [decide(made.state, item, "n1", made.reservations._rules, None) for item in pods]
    for item, what in zip(pods, decided, strict=True):
        assert isinstance(what, tuple)
        made.reservations.plan(item, "n1", what, "g")
    errors = [await made.bind("p"), await made.bind("q")]
    assert errors.count(None) == 1  # else memory 2 of 1 is written
    await made.stop()
