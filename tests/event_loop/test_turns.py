"""However much work is in progress, each turn of the loop has one slice of it, and tenants share alike."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from app.core.pauses import pause
from app.event_loop.time_slice import TimeSlice
from app.event_loop.turns import Turns


class Clock:
    """Each look takes a millisecond."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def scene(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


@pytest.mark.parametrize("pieces", [1, 4, 200])
def test_a_turn_of_the_loop_has_one_slice_however_many_pieces_of_work_there_are(pieces: int) -> None:
    async def work() -> None:
        turns, slices = Turns(), Counter[int]()
        turn = 0

        def long() -> None:
            for _ in range(10):
                slices[turn] += 1
                for _ in range(3):
                    pause()

        made = [asyncio.create_task(TimeSlice(Clock(), turns=turns).run(long)) for _ in range(pieces)]
        while not all(task.done() for task in made):
            await asyncio.sleep(0)
            turn += 1
        assert sum(slices.values()) == 10 * pieces
        assert max(slices.values()) <= 2  # a slice may end one part and begin the next

    scene(work)


def test_a_tenant_waits_for_one_slice_of_each_other_tenant() -> None:
    async def work() -> None:
        turns, order = Turns(), list[str]()

        def served(name: str) -> Callable[[], None]:
            return lambda: order.append(name)

        made = [
            asyncio.create_task(TimeSlice(Clock(), turns=turns, tenant="many").run(served(f"many {number}")))
            for number in range(40)
        ]
        made.append(asyncio.create_task(TimeSlice(Clock(), turns=turns, tenant="one").run(served("one"))))
        await asyncio.gather(*made)
        assert order.index("one") <= 2
        assert [name for name in order if name != "one"] == [f"many {number}" for number in range(40)]

    scene(work)


def test_work_alone_waits_for_nothing() -> None:
    async def work() -> None:
        turns, turn = Turns(), 0
        await turns.next()
        waiting = asyncio.create_task(turns.next())
        while not waiting.done():
            await asyncio.sleep(0)
            turn += 1
        assert turn <= 3
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        direct = turns.next()
        with pytest.raises(StopIteration):
            direct.send(None)

    scene(work)


def test_canceled_work_does_not_keep_the_others_waiting() -> None:
    async def work() -> None:
        turns = Turns()
        await turns.next()
        first, second, third = (asyncio.create_task(turns.next(name)) for name in "abc")
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait_for(asyncio.gather(first, third), 10)
        assert second.cancelled()

    scene(work)


@pytest.mark.parametrize(("first", "share"), [(0, 1.0), (1, 0.2), (3, 0.2)])
def test_work_behind_that_of_others_has_a_fifth_of_the_slices_beside_it(first: int, share: float) -> None:
    async def work() -> None:
        webhooks = Turns()
        others, slices = Turns(behind=webhooks), Counter[str]()

        async def served(turns: Turns, name: str) -> None:
            while sum(slices.values()) < 1000:
                await turns.next()
                slices[name] += 1
                await asyncio.sleep(0)

        made = [served(webhooks, "first") for _ in range(first)]
        await asyncio.gather(*made, *(served(others, "behind") for _ in range(2)))
        assert slices["behind"] / sum(slices.values()) == pytest.approx(share, abs=0.01)

    scene(work)


def test_work_behind_goes_on_when_what_comes_first_waits_for_something_else() -> None:
    async def work() -> None:
        webhooks = Turns()
        others = Turns(behind=webhooks)
        await webhooks.next()
        waiting = asyncio.create_task(others.next())
        turn = 0
        while not waiting.done():
            await asyncio.sleep(0)
            turn += 1
        assert turn <= 4

    scene(work)
