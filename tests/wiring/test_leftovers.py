"""What large objects leave is freed on the event loop, with other work between."""

import asyncio
import time
from itertools import pairwise

from app.core.pauses import leave
from app.wiring.leftovers import free_leftovers

PARTS = 4_000


class Part:
    """Tells how many of its kind are left."""

    alive = 0

    def __init__(self) -> None:
        Part.alive += 1

    def __del__(self) -> None:
        Part.alive -= 1


def test_what_is_left_is_freed_in_slices_while_others_run() -> None:
    seen: list[int] = []

    async def scene() -> None:
        # Each slice is over at its first look at the clock.
        ticks = iter(range(1_000_000))
        task = asyncio.create_task(free_leftovers(lambda: float(next(ticks))))
        await asyncio.sleep(0)
        leave([Part() for _ in range(PARTS)])
        leave([Part() for _ in range(PARTS)])
        while Part.alive:
            seen.append(Part.alive)
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(asyncio.wait_for(scene(), 60))
    assert seen[0] == 2 * PARTS
    assert max(before - after for before, after in pairwise(seen)) <= PARTS // 10


def test_parts_of_another_thread_are_freed_too() -> None:
    async def scene() -> None:
        task = asyncio.create_task(free_leftovers(time.monotonic))
        await asyncio.sleep(0)
        await asyncio.to_thread(leave, [Part()])
        while Part.alive:  # noqa: ASYNC110 - freed by the other task
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(asyncio.wait_for(scene(), 60))


def test_without_a_receiver_parts_end_at_once() -> None:
    leave([Part() for _ in range(PARTS)])
    assert Part.alive == 0
