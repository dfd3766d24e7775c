"""What runs on a second loop goes on while the first one is held."""

import asyncio
import threading
import time

import pytest

from app.event_loop.second_loop import SecondLoop
from app.event_loop.time_slice import TURN_SECONDS

PATIENCE_SECONDS = 30.0
WAITS = 100


def test_it_runs_while_the_first_loop_is_held() -> None:
    turned = threading.Event()

    async def turns() -> int:
        for _ in range(3):
            await asyncio.sleep(0)
        turned.set()
        return threading.get_ident()

    async def scene() -> None:
        async with SecondLoop() as second:
            work = asyncio.create_task(second.run(turns()))
            await asyncio.sleep(0)  # it is handed over
            assert turned.wait(PATIENCE_SECONDS), "this holds the first loop"
            assert await work != threading.get_ident()

    asyncio.run(scene())


def test_a_first_loop_that_is_always_busy_does_not_starve_it() -> None:
    """Each time the first loop looks for events it gives the interpreter up, and wakes the other in vain."""

    async def waits() -> None:
        for _ in range(WAITS):
            await asyncio.sleep(0.0001)  # gives the interpreter up, and needs it again

    async def scene() -> int:
        turns = 0
        async with SecondLoop() as second:
            work = asyncio.create_task(second.run(waits()))
            while not work.done():
                turns += 1
                end = time.thread_time() + TURN_SECONDS
                while time.thread_time() < end:
                    pass
                await asyncio.sleep(0)
        return turns

    assert asyncio.run(scene()) < 3 * WAITS


def test_a_call_back_runs_on_the_first_loop_and_errors_come_through() -> None:
    async def here() -> int:
        return threading.get_ident()

    async def fails() -> None:
        raise LookupError("broken")

    async def scene() -> None:
        async with SecondLoop() as second:

            async def there() -> int:
                with pytest.raises(LookupError):
                    await second.on_first(fails())
                return await second.on_first(here())

            assert await second.run(there()) == threading.get_ident()
            with pytest.raises(LookupError):
                await second.run(fails())

    asyncio.run(scene())


def test_leaving_cancels_what_runs_and_waits_for_its_end() -> None:
    ended: list[str] = []
    begun = threading.Semaphore(0)

    async def endless(name: str) -> None:
        try:
            begun.release()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    async def started(second: SecondLoop, name: str) -> asyncio.Task[None]:
        """A coroutine that is cancelled before its first step ends without any."""
        work = asyncio.create_task(second.run(endless(name)))
        await asyncio.sleep(0)  # it is handed over
        assert begun.acquire(timeout=PATIENCE_SECONDS)
        return work

    async def scene() -> None:
        async with SecondLoop() as second:
            (await started(second, "cancelled")).cancel()
            left = await started(second, "left")
        assert sorted(ended) == ["cancelled", "left"]
        left.cancel()

    asyncio.run(scene())
