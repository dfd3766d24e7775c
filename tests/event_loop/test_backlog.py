"""Work that nobody waits for: tenants take turns, and what is beyond any budget ends."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from app.core.pauses import pause
from app.event_loop.backlog import Backlog
from app.event_loop.shares import Shares


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def carry_out(scene: Callable[[Backlog], Coroutine[Any, Any, None]], clock: Clock, seconds: float) -> None:
    async def run() -> None:
        backlog = Backlog(clock, seconds)
        task = asyncio.create_task(backlog.run())
        await scene(backlog)
        task.cancel()

    asyncio.run(run())


async def until_idle(backlog: Backlog) -> None:
    while len(backlog):  # noqa: ASYNC110 - there is nothing to wait for but its end
        await asyncio.sleep(0)


def test_tenants_take_turns() -> None:
    done: list[str] = []

    async def scene(backlog: Backlog) -> None:
        for key in ("a1", "a2", "a3", "b1"):
            backlog.add(key[0], key, lambda key=key: done.append(key))
        assert backlog.has("a")
        assert not backlog.has("c")
        await until_idle(backlog)
        assert backlog.carried_on == 4

    carry_out(scene, Clock(), 1.0)
    assert done == ["a1", "b1", "a2", "a3"]


def test_one_tenant_fills_its_own_queue_alone() -> None:
    async def scene(backlog: Backlog) -> None:
        for number in range(1_000):
            backlog.add("a", number, lambda: None)
        backlog.add("b", "b", lambda: None)
        assert len(backlog) <= 18

    carry_out(scene, Clock(), 1.0)


def test_the_same_work_waits_once() -> None:
    async def scene(backlog: Backlog) -> None:
        for _ in range(5):
            backlog.add("a", "same", lambda: None)
        assert len(backlog) == 1

    carry_out(scene, Clock(), 1.0)


def _endless(clock: Clock) -> None:
    while True:
        clock.now += 1.0
        pause()


def test_work_beyond_its_budget_is_given_up_and_remembered_for_a_while() -> None:
    clock = Clock()
    endless = partial(_endless, clock)

    async def scene(backlog: Backlog) -> None:
        backlog.add("a", "dear", endless)
        backlog.add("a", "cheap", lambda: None)
        await until_idle(backlog)
        assert (backlog.given_up, backlog.carried_on) == (1, 1)
        assert backlog.is_hopeless("dear")
        assert not backlog.is_hopeless("cheap")
        clock.now += 601
        assert not backlog.is_hopeless("dear")

    carry_out(scene, clock, 1e-9)


def test_what_is_not_remembered_any_more_is_not_kept_either() -> None:
    """The key of given up work may be a claim of 1.5 MB, which nobody asks about again."""
    clock = Clock()
    endless = partial(_endless, clock)

    async def scene(backlog: Backlog) -> None:
        for number in range(4):
            backlog.add("a", f"dear-{number}", endless)
            await until_idle(backlog)
            clock.now += 400
        assert list(backlog._hopeless) == ["dear-2", "dear-3"]

    carry_out(scene, clock, 1e-9)


def test_a_tenant_that_has_used_up_its_share_gets_it_back_with_time() -> None:
    clock = Clock()
    shares = Shares(clock, share=0.1, most=0.5)
    assert shares.left("a") == 0.5
    shares.spend("a", 0.8)
    assert shares.left("a") < 0
    assert shares.left("b") == 0.5
    clock.now += 4
    assert 0 < shares.left("a") <= 0.11
    clock.now += 1_000
    assert shares.left("a") == 0.5
