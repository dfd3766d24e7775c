"""Frees on the event loop, in time slices, what large objects leave when they end."""

import asyncio
from collections import deque
from functools import partial
from typing import Any

from app.core.pauses import emptied, received_by
from app.event_loop.time_slice import Clock, TimeSlice

_SHARE = 0.5
"""Of the loop's time: requests come first, and memory that waits is not free for them."""


async def free_leftovers(clock: Clock) -> None:
    """Runs until canceled. What is left when it ends is freed with its queue."""
    loop, arrived, queue = asyncio.get_running_loop(), asyncio.Event(), deque[list[Any]]()

    def receive(parts: list[Any]) -> None:
        queue.append(parts)
        loop.call_soon_threadsafe(arrived.set)

    with received_by(receive):
        while True:
            await arrived.wait()
            arrived.clear()
            while queue:
                await TimeSlice(clock, share=_SHARE).run(partial(emptied, queue.popleft(), every=1))
