"""Lists of thousands of objects: read, compared and applied in short steps, and not kept."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import POD
from app.cluster.informers.feed import Feed
from app.cluster.informers.group import InformerGroup
from app.cluster.informers.informer import TOGETHER, Event, Replaced
from app.cluster.informers.store import Store, usable_key
from app.core.model.resource_slice import ResourceSlice
from app.core.pauses import on_pause, received_by
from app.core.state.state import State
from tests.attack.loop_meter import LoopMeter
from tests.cluster.fake_apiserver import FakeApiServer, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, device, node, pod, slice_of, template
from tests.pausing import Meter

MANY = 3_000


def _listed() -> list[Any]:
    found = [pod(f"p{number}", "c") for number in range(MANY)]
    for raw in found:
        raw["metadata"]["resourceVersion"] = "1"
    return found


def test_a_list_is_compared_with_pauses() -> None:
    store, meter, raws = Store(), Meter(), _listed()
    for _ in range(2):
        meter.measure(lambda: store.replace((usable_key(raw), raw) for raw in raws))  # type: ignore[misc]
    assert meter.most < 3 * MANY, meter.where


def test_a_list_without_changes_is_applied_in_few_steps_however_long() -> None:
    feed, raws, left = Feed(State()), tuple(_listed()), list[list[Any]]()
    first, again = Replaced(raws, raws, ()), Replaced(raws[1:], (), ())
    for event in (first, again):
        meter = Meter()
        meter.measure(lambda event=event: feed.read_ahead("Pod", event))  # type: ignore[misc]
        assert meter.most < 5 * MANY, meter.where
        meter = Meter()
        with received_by(left.append):
            meter.measure(lambda event=event: feed.handle("Pod", event))  # type: ignore[misc]
    assert len(feed._state.pods) == MANY - 1
    assert meter.total < 200
    assert [len(parts) for parts in left] == [MANY, MANY - 1]  # to be freed one by one


def _holding(name: str, device: str, version: str = "1") -> Any:
    raw = claim(name) | {"status": {"allocation": allocation("n1", device)} if device else {}}
    raw["metadata"]["resourceVersion"] = version
    return raw


def _before_and_after() -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Claims that are the same, free their device, get one of those, go, and come; a few exchange theirs."""
    before, after = list[Any](), list[Any]()
    for number in range(MANY // 10):
        a, b, c, d = (f"{letter}{number}" for letter in "abcd")
        before += [_holding(a, a), _holding(b, b), _holding(f"e{number}", ""), _holding(f"f{number}", c)]
        after += [_holding(a, a, "2"), _holding(b, "", "2"), _holding(f"e{number}", b, "2")]
        after += [_holding(f"g{number}", f"g{number}", "2"), _holding(f"h{number}", c, "2")]
        if number < 5:
            before += [_holding(f"x{number}", f"x{number}"), _holding(f"y{number}", d)]
            after += [_holding(f"x{number}", d, "2"), _holding(f"y{number}", f"x{number}", "2")]
    return tuple(before), tuple(after)


@pytest.mark.parametrize("is_read_ahead", [True, False])
def test_a_list_with_many_changes_is_applied_with_pauses_to_the_same_end(is_read_ahead: bool) -> None:
    before, after = _before_and_after()
    compared, meter = list[Any](), Meter()
    feed = Feed(State(), claim_changed=compared.append)

    def apply(event: Replaced) -> None:
        if is_read_ahead:
            feed.read_ahead("ResourceClaim", event)
        feed.handle("ResourceClaim", event)

    for raws in (before, after):
        meter.measure(lambda raws=raws: apply(Replaced(raws, raws, ())))  # type: ignore[misc]
    assert feed._state.keys("ResourceClaim") == {_key(raw) for raw in after}
    assert _taken(feed._state) == _devices(after)
    # Also those that are gone: what they held is held once, perhaps.
    told = [_key(raw) for raw in (*before, *after)]
    assert compared[: len(told)] == told
    assert set(compared[len(told) :]) == set(map(_key, before)) - set(map(_key, after))
    assert (meter.most < 20_000) == is_read_ahead, meter.where


def test_no_device_seems_free_while_a_list_is_applied() -> None:
    before, after = _before_and_after()
    feed, seen = Feed(State()), list[set[str]]()
    feed.handle("ResourceClaim", Replaced(before, before, ()))
    assert _taken(feed._state) == _devices(before)
    with on_pause(lambda _cost: seen.append(_taken(feed._state))):
        feed.read_ahead("ResourceClaim", Replaced(after, after, ()))
    assert _taken(feed._state) == _devices(after)
    assert len(set(map(len, seen))) > 3
    assert all(_devices(before) & _devices(after) <= taken for taken in seen)


def _slices(pools: int, parts: int, generation: int) -> tuple[Any, ...]:
    """Slices of pools, those of one pool far from each other."""
    return tuple(
        slice_of(
            f"n{pool}",
            device(f"d{part}"),
            generation=generation,
            count=parts,
            suffix=f"-{part}",
        )
        for part in range(parts)
        for pool in range(pools)
    )


def test_a_list_of_slices_is_applied_pool_by_pool() -> None:
    before, after = _slices(500, 3, 1), _slices(400, 4, 2)
    feed, meter, incomplete = Feed(State()), Meter(), list[str]()
    inventory = feed._state.inventory

    def look(_cost: int) -> None:
        for pool, slices in _by_pool(inventory.slices.values()).items():
            newest = max(item.generation for item in slices)
            counted = [item for item in slices if item.generation == newest]
            if len(counted) != counted[0].slice_count:
                incomplete.append(pool)

    feed.read_ahead("ResourceSlice", Replaced(before, before, ()))
    feed.handle("ResourceSlice", Replaced(before, before, ()))
    event = Replaced(after, after, ())
    with on_pause(look):
        feed.read_ahead("ResourceSlice", event)
    feed.handle("ResourceSlice", event)

    assert not incomplete
    assert set(inventory.slices) == {raw["metadata"]["name"] for raw in after}
    assert {len(slices) for slices in _by_pool(inventory.slices.values()).values()} == {4}
    meter.measure(lambda: feed.read_ahead("ResourceSlice", Replaced((), (), ())))
    assert not inventory.slices
    assert meter.most < 5_000, meter.where


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        pytest.param("Node", node, id="nodes"),
        pytest.param("ResourceClaimTemplate", template, id="templates"),
        # One pool of them all.
        pytest.param("ResourceSlice", lambda name: slice_of("n", device(name), suffix=name), id="slices"),
    ],
)
def test_long_lists_of_any_kind_are_applied_with_pauses(kind: str, make: Callable[[str], Any]) -> None:
    raws = tuple(make(f"x{number}") for number in range(MANY))
    feed = Feed(State())
    for listed in (raws, ()):
        meter, event = Meter(), Replaced(listed, listed, ())
        meter.measure(lambda event=event: feed.read_ahead(kind, event))  # type: ignore[misc]
        assert meter.most < 8 * MANY, meter.where
        assert len(feed._state.keys(kind)) == len(listed)
        feed.handle(kind, event)


def _by_pool(slices: Iterable[ResourceSlice]) -> dict[str, list[ResourceSlice]]:
    found: dict[str, list[ResourceSlice]] = {}
    for item in slices:
        found.setdefault(item.pool, []).append(item)
    return found


def _key(raw: Any) -> tuple[str, str]:
    return raw["metadata"]["namespace"], raw["metadata"]["name"]


def _devices(raws: tuple[Any, ...]) -> set[str]:
    held = (raw["status"].get("allocation") for raw in raws)
    return {item["devices"]["results"][0]["device"] for item in held if item}


def _taken(state: State) -> set[str]:
    return {name for pool in state.taken.values() for name in pool.whole}


@pytest.mark.parametrize("watch_list", [True, False])
@in_virtual_time
async def test_the_objects_of_a_list_are_not_kept_while_the_watch_goes_on(watch_list: bool) -> None:
    server = FakeApiServer(watch_list=watch_list)
    for number in range(MANY):
        server.put("v1", "pods", pod(f"p{number}", "c"))
    samples: list[Any] = []
    left: list[list[Any]] = []

    def handle(_kind: str, event: Event) -> None:
        if isinstance(event, Replaced):
            samples.append(event.objects[0])

    async def prepare(_kind: str, _event: Event) -> None:
        await asyncio.sleep(0)

    group = InformerGroup(
        ApiClient("http://fake", InMemoryTransport(server)), (POD,), handle, prepare=prepare
    )
    meter = LoopMeter()
    with received_by(left.append), meter.measuring(count=False):
        task = asyncio.create_task(group.run())
        await group.wait_synced()
        await asyncio.sleep(1)
    (sample,), (parts,) = samples, left
    assert len(parts) == MANY
    parts.clear()
    samples.clear()
    assert sys.getrefcount(sample) == 2
    assert meter.turns > (MANY // TOGETHER if watch_list else 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
