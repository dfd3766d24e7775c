"""Lists of thousands of objects: read, compared and applied in short steps, and not kept."""

import asyncio
import sys
from typing import Any

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import POD
from app.cluster.informers.feed import Feed
from app.cluster.informers.group import InformerGroup
from app.cluster.informers.informer import TOGETHER, Event, Replaced
from app.cluster.informers.store import Store, usable_key
from app.core.pauses import received_by
from app.core.state.state import State
from tests.attack.loop_meter import LoopMeter
from tests.cluster.fake_apiserver import FakeApiServer, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import pod
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
