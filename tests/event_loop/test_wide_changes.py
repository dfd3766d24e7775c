"""Changes that concern all nodes wait for filters in progress, but not for ever."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from app.event_loop.wide_changes import FLOW_SECONDS, WideChanges


def scene(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_without_a_filter_no_change_waits() -> None:
    async def work() -> None:
        changes = WideChanges(seconds=3_600)
        for _ in range(1_000):
            await changes.wait()

    scene(work)


def test_a_change_waits_until_the_last_filter_has_ended() -> None:
    async def work() -> None:
        changes = WideChanges(seconds=3_600)
        with changes:
            with changes:
                waiting = asyncio.create_task(changes.wait())
                await turns()
            await turns()
            assert not waiting.done()
        await turns()
        assert waiting.done()

    scene(work)


def test_where_filters_never_end_changes_go_on_for_a_while_after_one_that_has_waited() -> None:
    async def work() -> None:
        changes = WideChanges(seconds=0.0)
        now = [0.0]
        asyncio.get_running_loop().time = lambda: now[0]  # type: ignore[method-assign] # a fake clock
        with changes:
            await changes.wait()
            for _ in range(100):
                at_once = asyncio.create_task(changes.wait())
                await asyncio.sleep(0)
                assert at_once.done()
            now[0] += 2 * FLOW_SECONDS
            again = asyncio.create_task(changes.wait())
            await asyncio.sleep(0)
            assert not again.done()
            await again

    scene(work)
