"""Events of the cluster, and what others on the event loop notice of them."""

import asyncio

import pytest

from app.cluster.informers.feed import Feed
from app.cluster.informers.store import Upserted
from app.core.state.state import State
from app.wiring.from_cluster import in_slices
from tests.objects import node

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

        prepare = in_slices(Feed(State()), lambda: now[0])
        task = asyncio.create_task(others())
        for number in range(EVENTS):
            await prepare("Node", Upserted(node(f"n{number}")))
            seen.append(turns[0])
            now[0] += seconds  # applying it takes this long
        task.cancel()
        return seen

    seen = asyncio.run(deliver())
    assert len(set(seen)) - 1 == waits, what
