"""What a process that was killed in the middle of a bind leaves, and who puts it right."""

import asyncio
import copy
import datetime as dt
from typing import Any

import httpx
import pytest

from app.cluster.client.backoff import LoopClock
from app.cluster.client.fence import Fence
from app.cluster.controllers.reconciler import Reconciler, ReconcilerSettings
from app.core.model.resource_claim import FINALIZER
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.stale_claims import StaleClaim
from tests.cluster.binding.cluster import DRA, Cluster, cluster, conditional, names, on, reserved, tell
from tests.cluster.binding.gpu_pods import GPU, gpu_pod
from tests.cluster.fake_apiserver import Call, FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, device_class, pod

GRACE = 120.0


class KilledError(BaseException):
    """Not an Exception: nothing in the program may take it for an error and clean up."""


class KillingTransport(InMemoryTransport):
    """Ends the process at its n-th write: before the server hears of it, or before the answer comes."""

    def __init__(self, server: FakeApiServer, write: int, *, carried_out: bool) -> None:
        super().__init__(server)
        self._left = write
        self._carried_out = carried_out
        self.killed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.killed:
            raise KilledError
        if request.method != "GET":
            self._left -= 1
            if self._left == 0:
                self.killed = True
                if self._carried_out:
                    await super().handle_async_request(request)
                raise KilledError
        return await super().handle_async_request(request)


class LateTransport(InMemoryTransport):
    """Of the first write to a claim's status the answer is lost at once; it is carried out seconds later."""

    def __init__(self, server: FakeApiServer) -> None:
        super().__init__(server)
        self.lost = asyncio.Event()
        self._late: asyncio.Task[Any] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH" and request.url.path.endswith("c/status") and self._late is None:
            self._late = asyncio.create_task(self._carry_out(request))
            self.lost.set()
            raise httpx.ReadError("connection reset")
        return await super().handle_async_request(request)

    async def _carry_out(self, request: httpx.Request) -> None:
        await asyncio.sleep(3)
        await super().handle_async_request(request)


def reconciler(made: Cluster, *, fence: Fence | None = None) -> Reconciler:
    loop = asyncio.get_running_loop()
    resource = made.served.resource_claim
    start = dt.datetime(2026, 11, 23, 10, tzinfo=dt.UTC)
    rules = Rules(SelectorCache(), lambda: "share", now=lambda: start + dt.timedelta(seconds=loop.time()))
    return Reconciler(
        made.client,
        resource,
        made.state,
        rules,
        writer=made.binder.writer,
        extended=made.binder.extended,
        alone_with=made.binder.freeing,
        fence=fence or Fence.always_open(),
        clock=loop.time,
        settings=ReconcilerSettings(grace_seconds=GRACE),
    )


async def reconciled(made: Cluster, seconds: float = GRACE + 60, **options: Any) -> Reconciler:
    """Lets a reconciler work for a while."""
    found = reconciler(made, **options)
    task = asyncio.create_task(found.run())
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return found


async def killed(made: Cluster, write: int, *, carried_out: bool) -> bool:
    """Binds Pod p, ended at a write; False if the bind has no such write any more."""
    transport = KillingTransport(made.server, write, carried_out=carried_out)
    other = Cluster(made.server, transport)
    await other.start()
    task = asyncio.create_task(other.bind("p"))
    await asyncio.wait([task])
    await other.stop()
    if transport.killed:
        assert isinstance(task.exception(), KilledError)
    return transport.killed


def claims_of(made: Cluster) -> list[dict[str, Any]]:
    return made.server.store.select(("resource.k8s.io", "resourceclaims"))


def bystanders() -> tuple[dict[str, Any], ...]:
    """Claims of others that look just like what a crash leaves."""
    finalizer = claim("theirs-finalizer")
    finalizer["metadata"]["finalizers"] = [FINALIZER]
    reserved_one = claim("theirs-reserved")
    reserved_one["metadata"]["finalizers"] = [FINALIZER]
    reserved_one["status"] = {
        "allocation": allocation("n1", "d7"),
        "reservedFor": [{"resource": "pods", "name": "q", "uid": "uid-1"}],
    }
    return finalizer, reserved_one


async def scene(*pods: dict[str, Any], claims: tuple[dict[str, Any], ...]) -> Cluster:
    made = await cluster(*claims, *bystanders(), devices=8, pods=(pod("q"), *pods))
    uid = made.pod("q")["metadata"]["uid"]
    theirs = copy.deepcopy(made.claim("theirs-reserved"))
    theirs["status"]["reservedFor"][0]["uid"] = uid
    made.server.put(DRA, "resourceclaims", theirs)
    raw = device_class()
    raw["spec"]["extendedResourceName"] = GPU
    made.server.put(DRA, "deviceclasses", raw)
    await asyncio.sleep(1)
    return made


# Of a Pod with two claims and extended resources: two for each claim, the third claim's creation and its
# allocation, the Pod's status, the binding; and where the binding is refused, one for each claim to free its
# devices, and one more to delete the third.
BIND_WRITES, UNDO_WRITES = 8, 4


@pytest.mark.parametrize("carried_out", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", range(1, BIND_WRITES + UNDO_WRITES + 1))
@in_virtual_time
async def test_whatever_write_a_bind_is_killed_at_nothing_is_left_behind(
    write: int, carried_out: bool
) -> None:
    made = await scene(gpu_pod("p", 1, "c", "d"), claims=(claim("c"), claim("d")))
    if write > BIND_WRITES:
        made.server.faults.append(Fault(on("POST", "binding"), status=500))
    theirs = [copy.deepcopy(made.claim(name)) for name in ("theirs-finalizer", "theirs-reserved")]
    assert await killed(made, write, carried_out=carried_out)
    bound = bool(made.pod("p")["spec"].get("nodeName"))
    assert bound is (write == BIND_WRITES and carried_out)
    before = copy.deepcopy([item for item in claims_of(made) if item["metadata"]["name"] in ("c", "d")])

    worker = await reconciled(made)

    assert [made.claim(name) for name in ("theirs-finalizer", "theirs-reserved")] == theirs
    own = [made.claim(name) for name in ("c", "d")]
    made_ones = [item for item in claims_of(made) if "extended" in item["metadata"]["name"]]
    if bound:
        assert own == before
        assert [names(item) for item in made_ones] == [["d2"]]
    else:
        assert made_ones == []
        for item in own:
            assert names(item) == []
            assert reserved(item) == []
        held = {name for pool in made.state.taken.values() for name in pool.whole}
        assert held == {"d7"}
        assert await made.bind("p") is None
    done = sum(worker.results[what] for what in ("reservation", "extended"))
    again = await reconciled(made)
    assert sum(again.results[what] for what in ("reservation", "extended")) == 0
    assert done <= 3
    await made.stop()


@in_virtual_time
async def test_a_bind_that_comes_again_goes_on_where_the_first_ended() -> None:
    made = await scene(pod("p", "c", "d"), claims=(claim("c"), claim("d")))
    assert await killed(made, 4, carried_out=True)
    await asyncio.sleep(1)
    assert names(made.claim("c")) == ["d0"]
    assert await made.bind("p") is None
    assert [names(made.claim(name)) for name in ("c", "d")] == [["d0"], ["d1"]]
    await made.stop()


@in_virtual_time
async def test_nothing_is_touched_before_the_grace_time_is_over_or_by_a_follower() -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await killed(made, 2, carried_out=True)
    before = copy.deepcopy(made.claim("c"))
    await reconciled(made, seconds=GRACE - 20)
    assert made.claim("c") == before
    worker = await reconciled(made, fence=Fence(LoopClock()))
    assert made.claim("c") == before
    assert worker.results == {}
    await made.stop()


@in_virtual_time
async def test_a_new_leader_waits_the_whole_grace_time_itself() -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await killed(made, 2, carried_out=True)
    fence = Fence(LoopClock())
    fence.start_term(float("inf"))
    asyncio.get_running_loop().call_later(100, fence.admit)
    await reconciled(made, seconds=100 + GRACE - 20, fence=fence)
    assert names(made.claim("c")) == ["d0"]
    await made.stop()


@in_virtual_time
async def test_a_claim_whose_bind_waits_for_the_device_is_left_alone() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    made.server.put(DRA, "resourceslices", conditional())
    await asyncio.sleep(1)
    assert "waiting" in str(await made.bind("p"))
    worker = await reconciled(made)
    assert names(made.claim("c")) == ["d0"]
    assert worker.results == {}
    tell(made, "attached", "True")
    assert await made.bind("p") is None
    await made.stop()


@in_virtual_time
async def test_a_shared_claim_loses_only_the_reservation_that_was_left() -> None:
    made = await scene(pod("p", "c"), pod("r", "c"), claims=(claim("c"),))
    assert await made.bind("r") is None
    assert await killed(made, 1, carried_out=True)
    assert reserved(made.claim("c")) == ["r", "p"]
    worker = await reconciled(made)
    assert worker.results["reservation"] == 1
    assert reserved(made.claim("c")) == ["r"]
    assert names(made.claim("c")) == ["d0"]
    assert made.claim("c")["metadata"]["finalizers"] == [FINALIZER]
    await made.stop()


@in_virtual_time
async def test_what_somebody_has_written_since_is_not_ours_any_more() -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await killed(made, 2, carried_out=True)
    left = made.claim("c")
    made.server.put(DRA, "resourceclaims", left | {"status": {}})
    made.server.put(DRA, "resourceclaims", made.claim("c") | {"status": left["status"]})
    worker = await reconciled(made)
    assert worker.results["not_ours"] > 0
    assert names(made.claim("c")) == ["d0"]
    assert reserved(made.claim("c")) == ["p"]
    await made.stop()


@in_virtual_time
async def test_a_pod_bound_without_the_watch_s_knowing_keeps_its_devices() -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await killed(made, 2, carried_out=True)
    await asyncio.sleep(1)
    made.server.frozen = True
    made.server.put("v1", "pods", made.pod("p") | {"spec": made.pod("p")["spec"] | {"nodeName": "n1"}})
    worker = await reconciled(made)
    assert worker.results["in_use"] > 0
    assert names(made.claim("c")) == ["d0"]
    made.server.frozen = False
    await made.stop()


@in_virtual_time
async def test_a_bind_that_starts_while_a_claim_is_mended_waits_and_writes_it_anew() -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await killed(made, 2, carried_out=True)
    mending = asyncio.Event()

    def slow(call: Call) -> bool:
        found = call.method == "PATCH" and call.path.endswith("c/status")
        if found:
            mending.set()
        return found

    made.server.faults.append(Fault(slow, delay=5))
    task = asyncio.create_task(reconciled(made))
    await mending.wait()
    assert await made.bind("p") is None
    assert names(made.claim("c")) == ["d0"]
    assert reserved(made.claim("c")) == ["p"]
    assert made.claim("c")["metadata"]["finalizers"] == [FINALIZER]
    await task
    assert names(made.claim("c")) == ["d0"]
    await made.stop()


@in_virtual_time
async def test_no_bind_builds_on_a_claim_that_a_late_write_may_still_take_back() -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await killed(made, 2, carried_out=True)
    late = LateTransport(made.server)
    other = Cluster(made.server, late)
    await other.start()
    task = asyncio.create_task(reconciled(other))
    await late.lost.wait()
    assert await other.bind("p") is None
    await task
    assert made.pod("p")["spec"]["nodeName"] == "n1"
    assert names(made.claim("c")) == ["d0"]
    assert reserved(made.claim("c")) == ["p"]
    await other.stop()
    await made.stop()


@in_virtual_time
async def test_an_api_server_that_refuses_is_asked_again_in_the_next_round() -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await killed(made, 2, carried_out=True)
    made.server.faults.append(Fault(on("PATCH", "c/status"), times=2, status=500))
    worker = await reconciled(made)
    assert worker.results["api_error"] == 2
    assert worker.results["reservation"] == 1
    assert names(made.claim("c")) == []
    await made.stop()


@in_virtual_time
async def test_claims_of_pods_that_are_done_are_kube_controller_manager_s() -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await killed(made, 2, carried_out=True)
    made.server.put("v1", "pods", made.pod("p") | {"status": {"phase": "Failed"}})
    before = copy.deepcopy(made.claim("c"))
    worker = await reconciled(made)
    assert made.claim("c") == before
    assert not worker.results.keys() & {what.value for what in StaleClaim}
    await made.stop()


@pytest.mark.parametrize("anew", [False, True], ids=["deleted", "deleted and made anew"])
@in_virtual_time
async def test_a_claim_of_a_pod_that_is_gone_is_freed_when_nobody_else_did(anew: bool) -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await made.bind("p") is None
    made.server.remove("v1", "pods", "p", "default")
    if anew:
        made.server.put("v1", "pods", pod("p"))
    theirs = copy.deepcopy(made.claim("theirs-reserved"))
    worker = await reconciled(made, seconds=GRACE - 20)
    assert names(made.claim("c")) == ["d0"]
    worker = await reconciled(made)
    assert worker.results["abandoned"] == 1
    assert (names(made.claim("c")), reserved(made.claim("c"))) == ([], [])
    assert made.claim("theirs-reserved") == theirs
    await made.stop()


@in_virtual_time
async def test_of_a_shared_claim_only_the_reservation_of_the_pod_that_is_gone_is_taken() -> None:
    made = await scene(pod("p", "c"), pod("r", "c"), claims=(claim("c"),))
    assert await made.bind("p") is None
    assert await made.bind("r") is None
    made.server.remove("v1", "pods", "p", "default")
    worker = await reconciled(made)
    assert worker.results["abandoned"] == 1
    assert reserved(made.claim("c")) == ["r"]
    assert names(made.claim("c")) == ["d0"]
    await made.stop()


@in_virtual_time
async def test_a_claim_of_somebody_else_stays_reserved_for_a_pod_that_is_gone() -> None:
    made = await scene(claims=())
    before = copy.deepcopy(made.claim("theirs-reserved"))
    made.server.remove("v1", "pods", "q", "default")
    worker = await reconciled(made)
    assert worker.results == {"not_ours": 1}
    assert made.claim("theirs-reserved") == before
    await made.stop()


@in_virtual_time
async def test_a_pod_that_the_watch_has_lost_keeps_its_devices() -> None:
    made = await scene(pod("p", "c"), claims=(claim("c"),))
    assert await made.bind("p") is None
    await asyncio.sleep(1)
    made.state.delete("Pod", ("default", "p"))
    worker = await reconciled(made)
    assert worker.results["in_use"] > 0
    assert names(made.claim("c")) == ["d0"]
    await made.stop()


@in_virtual_time
async def test_devices_for_extended_resources_of_a_pod_that_is_gone_are_freed() -> None:
    made = await scene(gpu_pod("p", 1), claims=())
    assert await made.bind("p") is None
    made.server.remove("v1", "pods", "p", "default")
    worker = await reconciled(made)
    assert worker.results["extended"] == 1
    (left,) = [item for item in claims_of(made) if "extended" in item["metadata"]["name"]]
    assert (names(left), reserved(left)) == ([], [])
    await made.stop()
