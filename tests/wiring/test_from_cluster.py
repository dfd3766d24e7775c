"""Events of the cluster, and what others on the event loop notice of them."""

import asyncio
from typing import Any

import pytest

from app.cluster.informers.feed import Feed
from app.cluster.informers.store import Deleted, Upserted
from app.core.state.pool_viewers import MAX_VIEWERS
from app.core.state.state import State
from app.event_loop.wide_changes import WideChanges
from app.wiring.from_cluster import in_slices
from tests.objects import device, node, slice_of

EVENTS = 4


@pytest.mark.parametrize(
    ("what", "seconds", "waits"), [("takes longer than a slice", 0.003, EVENTS - 1), ("is short", 0.0001, 0)]
)
def test_others_have_a_turn_between_two_events_if_applying_one(what: str, seconds: float, waits: int) -> None:
    async def deliver() -> list[int]:
        now, turns, seen = [0.0], [0], list[int]()

        async def others() -> None:
            while True:
                turns[0] += 1
                await asyncio.sleep(0)

        prepare = in_slices(Feed(State()), WideChanges(), lambda: now[0])
        task = asyncio.create_task(others())
        for number in range(EVENTS):
            await prepare("Node", Upserted(node(f"n{number}")))
            seen.append(turns[0])
            now[0] += seconds  # applying it takes this long
        task.cancel()
        return seen

    seen = asyncio.run(deliver())
    assert len(set(seen)) - 1 == waits, what


@pytest.mark.parametrize(
    ("where", "waits"),
    [({"nodeName": "n0"}, False), ({"allNodes": True}, True), ({"perDeviceNodeSelection": True}, True)],
)
@pytest.mark.parametrize("kind", [Upserted, Deleted])
def test_slices_for_all_nodes_wait_for_filters(
    kind: type[Upserted | Deleted], where: dict[str, Any], waits: bool
) -> None:
    async def deliver() -> bool:
        changes = WideChanges(seconds=3_600)
        prepare = in_slices(Feed(State()), changes)
        item = slice_of("n0", device("d0"))
        del item["spec"]["nodeName"]
        item["spec"] |= where
        with changes:
            delivered = asyncio.create_task(prepare("ResourceSlice", kind(item)))
            for _ in range(10):
                await asyncio.sleep(0)
            waited = not delivered.done()
        await delivered
        return waited

    assert asyncio.run(deliver()) is waits


def test_a_slice_of_one_node_waits_if_its_pool_has_too_many_nodes_to_distinguish() -> None:
    state = State()
    feed = Feed(state)
    raws = []
    for number in range(MAX_VIEWERS + 2):
        item = slice_of(f"n{number}", device(f"d{number}"))
        item["metadata"]["name"] = f"s{number}"
        item["spec"]["pool"] |= {"name": "wide", "resourceSliceCount": 100}
        raws.append(item)
    wide = []
    for raw in raws:
        feed.handle("ResourceSlice", Upserted(raw))
        wide.append(feed.is_wide("ResourceSlice", Upserted(raw)))
    assert wide == [False] * MAX_VIEWERS + [True] * 2
    assert not feed.is_wide("Node", Upserted(node("n0")))
    assert not feed.is_wide("ResourceSlice", Upserted({"metadata": {"name": "x"}, "spec": None}))
