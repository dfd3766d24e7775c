"""Another allocator beside this one: noticed, given way to, never overwritten."""

import asyncio
import datetime as dt
from typing import Any

import pytest

from app.cluster.binding.bind_limiter import BindLimiter
from app.cluster.client.fence import Fence
from app.cluster.controllers.double_allocations import ForeignAllocations
from app.cluster.events.claim_events import ClaimEvents
from app.cluster.events.event_writer import EventWriter
from app.core.model.allocation import read_allocation
from app.core.model.parse import parse
from app.core.model.resource_claim import FINALIZER, ResourceClaim
from app.core.state.double_allocations import double_allocations
from app.core.state.state import State
from app.core.state.taken import PoolTaken, take
from tests.cluster.binding.cluster import DRA, Cluster, cluster, conditional, names, on, reserved, tell
from tests.cluster.fake_apiserver import Call, Fault
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, pod
from tests.pausing import Meter


def give(made: Cluster, name: str, device: str) -> None:
    """Another allocator's write."""
    raw = made.claim(name)
    metadata = raw["metadata"] | {"finalizers": [FINALIZER]}
    status = {
        "allocation": allocation("n1", device),
        "reservedFor": [{"resource": "pods", "name": "x", "uid": "x"}],
    }
    made.server.put(DRA, "resourceclaims", raw | {"metadata": metadata, "status": status})


def when(made: Cluster, method: str, end: str, then: Any) -> None:
    """Does something right before a request arrives, and lets the watch tell of it meanwhile."""
    done: list[Call] = []

    def matches(call: Call) -> bool:
        if not done and call.method == method and call.path.endswith(end):
            done.append(call)
            then()
            return True
        return False

    made.server.faults.append(Fault(matches, delay=0.5))


@in_virtual_time
async def test_a_rival_heard_of_while_the_binding_waits_for_its_turn_is_given_way_to() -> None:
    made = await cluster(claim("c"), claim("foreign"), pods=(pod("p", "c"),))
    slots = made.binder._slots = BindLimiter(1)
    writing = asyncio.Event()
    made.server.faults.append(Fault(lambda call: call.path.endswith("/c") and not writing.set(), delay=0.1))

    async def another_binding() -> None:
        await writing.wait()
        async with slots.end:
            await asyncio.sleep(2)

    other = asyncio.create_task(another_binding())
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(1)
    assert names(made.claim("c")) == ["d0"]
    give(made, "foreign", "d0")
    error = await bind
    await other
    assert error is not None
    assert "by another allocator" in error
    assert names(made.claim("c")) == []
    assert "nodeName" not in made.pod("p")["spec"]
    await made.stop()


@in_virtual_time
async def test_a_rival_heard_of_while_the_api_server_has_no_time_for_the_binding_is_given_way_to() -> None:
    made = await cluster(claim("c"), claim("foreign"), pods=(pod("p", "c"),))
    busy = Fault(lambda call: call.path.endswith("/binding"), status=429, retry_after=2)
    made.server.faults.append(busy)
    bind = asyncio.create_task(made.bind("p"))
    await asyncio.sleep(1)
    assert names(made.claim("c")) == ["d0"]
    give(made, "foreign", "d0")
    error = await bind
    assert error is not None
    assert "by another allocator" in error
    assert made.binder.withdrawn == 1
    assert names(made.claim("c")) == []
    assert "nodeName" not in made.pod("p")["spec"]
    await made.stop()


@pytest.mark.parametrize(
    ("method", "end"),
    [
        pytest.param("PATCH", "resourceclaims/c", id="before the finalizer"),
        pytest.param("PATCH", "resourceclaims/c/status", id="before the allocation"),
    ],
)
@in_virtual_time
async def test_a_bind_gives_way_to_a_device_that_was_given_away_meanwhile(method: str, end: str) -> None:
    made = await cluster(claim("c"), claim("foreign"), pods=(pod("p", "c"),))
    when(made, method, end, lambda: give(made, "foreign", "d0"))
    error = await made.bind("p")
    assert error is not None
    assert "by another allocator" in error
    assert made.binder.withdrawn == 1
    assert not made.pod("p")["spec"].get("nodeName")
    assert (names(made.claim("c")), reserved(made.claim("c"))) == ([], [])
    assert names(made.claim("foreign")) == ["d0"]
    await asyncio.sleep(1)
    # What the other has is still known to be taken after ours is gone, and the Pod gets another device.
    assert await made.bind("p") is None
    assert names(made.claim("c")) == ["d1"]
    await made.stop()


@in_virtual_time
async def test_a_bind_that_waits_for_its_device_gives_way_at_the_next_attempt() -> None:
    made = await cluster(claim("c"), claim("foreign"), pods=(pod("p", "c"),))
    made.server.put(DRA, "resourceslices", conditional())
    await asyncio.sleep(1)
    assert "waiting" in str(await made.bind("p"))
    give(made, "foreign", "d0")
    tell(made, "attached", "True")
    await asyncio.sleep(1)
    assert "by another allocator" in str(await made.bind("p"))
    assert names(made.claim("c")) == []
    await made.stop()


@in_virtual_time
async def test_a_claim_that_other_pods_run_with_is_not_withdrawn() -> None:
    made = await cluster(claim("c"), claim("foreign"), pods=(pod("p", "c"), pod("q", "c")))
    assert await made.bind("p") is None
    give(made, "foreign", "d0")
    await asyncio.sleep(1)
    assert await made.bind("q") is None
    assert reserved(made.claim("c")) == ["p", "q"]
    assert made.binder.withdrawn == 0
    await made.stop()


@in_virtual_time
async def test_a_device_given_twice_is_told_once_and_stays_taken_when_one_lets_go(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = await cluster(
        claim("c"), claim("foreign"), claim("e"), devices=1, pods=(pod("p", "c"), pod("q", "e"))
    )
    events = ClaimEvents(
        EventWriter(made.client, "replica", lambda: dt.datetime.now(dt.UTC)),
        fence=Fence.always_open(),
    )
    watch = ForeignAllocations(made.state, events.warn)
    made.feed._claim_changed = watch.changed
    writing = asyncio.create_task(events.run())
    assert await made.bind("p") is None
    give(made, "foreign", "d0")
    await asyncio.sleep(1)
    give(made, "foreign", "d0")
    await asyncio.sleep(1)
    assert (watch.seen, watch.now) == (1, 1)
    written = made.server.store.select(("events.k8s.io", "events"))
    assert [item["regarding"]["name"] for item in written] == ["c", "foreign"]
    assert {(item["reason"], item["note"]) for item in written} == {("DeviceHeldTwice", caplog.messages[0])}
    writing.cancel()
    assert caplog.messages == [
        "device gpu.example.com/n1/d0 is allocated to ResourceClaims default/c and default/foreign: "
        "another allocator is active"
    ]
    made.server.put(DRA, "resourceclaims", made.claim("c") | {"status": {}})
    await asyncio.sleep(1)
    assert (watch.seen, watch.now) == (1, 0)
    assert "in use" in str(await made.bind("q"))
    made.server.put(DRA, "resourceclaims", made.claim("foreign") | {"status": {}})
    await asyncio.sleep(1)
    assert await made.bind("q") is None
    await made.stop()


@in_virtual_time
async def test_a_missed_release_is_no_clash_when_the_list_brings_both() -> None:
    """After a relist: the new holder comes first in the list, the old one's release after it."""
    made = await cluster(claim("a"), claim("b"), devices=1, pods=(pod("p", "b"),))
    watch = ForeignAllocations(made.state)
    made.feed._claim_changed = watch.changed
    assert await made.bind("p") is None
    await asyncio.sleep(1)
    made.server.down = True
    made.server.break_watches()
    made.server.put(DRA, "resourceclaims", made.claim("b") | {"status": {}})
    give(made, "a", "d0")
    made.server.store.compact()
    made.server.down = False
    await asyncio.sleep(120)
    assert names(made.claim("a")) == ["d0"]
    assert watch.seen == 0
    await made.stop()


def test_of_many_claims_with_the_same_devices_each_is_compared_with_two(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("ERROR")
    state, meter, told = State(), Meter(), list[str]()
    watch = ForeignAllocations(state, lambda _claim, text: told.append(text))
    everything = allocation("n1", *(f"d{number}" for number in range(32)))

    def put(number: int, status: Any) -> None:
        item = parse(claim(f"c{number}") | {"status": status})
        assert isinstance(item, ResourceClaim)
        state.upsert(item)
        meter.measure(lambda: watch.changed(item.meta.key))

    for number in range(100):
        put(number, {"allocation": everything})
    assert (watch.now, watch.seen, len(told)) == (32, 32 * 99, 2 * 32 * 99)
    for number in range(100):
        put(number, {"allocation": everything})
    assert watch.seen == 32 * 99
    for number in range(1, 99):
        put(number, {})
        assert watch.now == 32
    put(99, {})
    assert watch.now == 0
    assert meter.most < 25_000


def test_a_claim_is_not_compared_with_thousands_of_shares_beside_its_own() -> None:
    state, meter = State(), Meter()
    watch = ForeignAllocations(state)
    everything = allocation("n1", *(f"d{number}" for number in range(32)))
    for number in range(500):
        for result in everything["devices"]["results"]:
            result["shareID"] = f"{number}"
        item = parse(claim(f"c{number}") | {"status": {"allocation": everything}})
        assert isinstance(item, ResourceClaim)
        state.upsert(item)
    meter.measure(lambda: watch.changed(item.meta.key))
    assert meter.most < 1_000


def test_a_whole_device_beside_shares_is_told_once() -> None:
    state, told = State(), list[str]()
    watch = ForeignAllocations(state, lambda _claim, text: told.append(text))
    for _ in range(3):
        for name, share in (("a", "1"), ("b", "2"), ("w", "")):
            status = {"allocation": allocation("n1", "d0")}
            if share:
                status["allocation"]["devices"]["results"][0]["shareID"] = share
            item = parse(claim(name) | {"status": status})
            assert isinstance(item, ResourceClaim)
            state.upsert(item)
            watch.changed(item.meta.key)
    assert (watch.seen, watch.now, len(told)) == (2, 1, 4)


def held(**more: Any) -> Any:
    raw = allocation("n1", "d0")
    raw["devices"]["results"][0] |= more
    return read_allocation(raw)


@pytest.mark.parametrize(
    ("ours", "theirs", "clash"),
    [
        pytest.param({}, {}, True, id="whole and whole"),
        pytest.param({}, {"shareID": "a"}, True, id="whole and a share"),
        pytest.param({"shareID": "b"}, {"shareID": "a"}, False, id="two shares"),
        pytest.param({}, {"adminAccess": True}, False, id="admin access disturbs nobody"),
        pytest.param({"adminAccess": True}, {}, False, id="nor is it disturbed"),
    ],
)
def test_which_holders_exclude_each_other(ours: dict[str, Any], theirs: dict[str, Any], clash: bool) -> None:
    taken: dict[Any, PoolTaken] = {}
    take(taken, ("default", "theirs"), held(**theirs).devices)
    take(taken, ("default", "ours"), held(**ours).devices)
    assert bool(double_allocations(taken, ("default", "ours"), held(**ours))) is clash


@in_virtual_time
async def test_the_binding_is_not_made_over_a_device_given_away_after_the_claim_was_written() -> None:
    made = await cluster(claim("c"), claim("d"), claim("foreign"), devices=3, pods=(pod("p", "c", "d"),))
    when(made, "PATCH", "resourceclaims/d/status", lambda: give(made, "foreign", "d0"))
    assert "by another allocator" in str(await made.bind("p"))
    assert not any(on("POST", "binding")(call) for call in made.server.calls)
    assert [names(made.claim(name)) for name in ("c", "d")] == [[], []]
    await made.stop()


@in_virtual_time
async def test_a_pod_that_is_bound_already_keeps_its_devices_whoever_has_them_too() -> None:
    """kube-scheduler may ask again before anybody here has heard that the Pod is bound."""
    made = await cluster(claim("c"), claim("foreign"), pods=(pod("p", "c"),))
    before = made.state.pods["default", "p"]
    assert await made.bind("p") is None
    give(made, "foreign", "d0")
    await asyncio.sleep(1)
    made.state.upsert(before)
    assert await made.bind("p") is None
    assert names(made.claim("c")) == ["d0"]
    assert reserved(made.claim("c")) == ["p"]
    await made.stop()


@in_virtual_time
async def test_a_pod_that_is_bound_already_loses_nothing_to_a_bind_that_cannot_be_written() -> None:
    made = await cluster(claim("c"), pods=(pod("p", "c"),))
    before = made.state.pods["default", "p"]
    assert await made.bind("p") is None
    await asyncio.sleep(1)
    made.state.upsert(before)
    made.server.faults.append(Fault(on("POST", "binding"), times=100, status=429, retry_after=20))
    assert await made.bind("p") is None
    made.state.upsert(before)
    made.server.faults.append(Fault(on("GET", "pods/p"), status=403))
    assert "403" in str(await made.bind("p"))
    assert names(made.claim("c")) == ["d0"]
    assert reserved(made.claim("c")) == ["p"]
    await made.stop()
