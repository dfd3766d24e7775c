"""Long work takes turns with everybody else, and lets some go first."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from contextvars import ContextVar
from itertools import count, groupby
from typing import Self

import orjson
import pytest

from app.api.dry_run.json_answers import encoded_nodes, node_verdict
from app.core.pauses import InterruptedWorkError, in_order, on_pause, paced, pause
from app.core.placement.node_result import NodeResult
from app.event_loop.time_slice import Deadline, TimeSlice, at_once

FIELD: ContextVar[str] = ContextVar("field", default="")


def milliseconds() -> Callable[[], float]:
    """A clock on which one passes at each look."""
    return (number / 1000 for number in count()).__next__


class Others:
    """Somebody else on the loop, who counts how often it gets a turn."""

    def __init__(self) -> None:
        self.turns = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._take_turns())
        return self

    async def __aexit__(self, *_details: object) -> None:
        self._task.cancel()

    async def _take_turns(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


def test_others_get_the_loop_between_the_verdicts_of_nodes() -> None:
    answers = [NodeResult(f"n{number}", "fits", score=number) for number in range(320)]

    async def encode() -> tuple[list[bytes], int]:
        async with Others() as others:
            time_slice = TimeSlice(count().__next__)
            return await time_slice.run(lambda: encoded_nodes(answers, full=False)), others.turns

    found, turns = asyncio.run(encode())
    assert turns >= len(answers) / 16 - 1
    assert [*map(orjson.loads, found)] == [node_verdict(answer, full=False) for answer in answers]


@pytest.mark.parametrize(("urgent", "least", "most"), [(0, 1, 3), (5, 6, 8), (10_000, 8, 40)])
def test_long_work_stands_back_for_what_is_urgent_but_not_for_ever(
    urgent: int, least: int, most: int
) -> None:
    """A millisecond passes at each look at the clock, and ten are the most to stand back for."""
    left = urgent

    def is_urgent() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    async def work() -> int:
        async with Others() as others:
            await TimeSlice(milliseconds(), 0.001, urgent=is_urgent).yield_if_due()
            return others.turns

    assert least <= asyncio.run(work()) <= most


def test_work_goes_on_where_it_paused_and_others_run_meanwhile() -> None:
    async def work() -> tuple[int, int]:
        async with Others() as others:
            found = await TimeSlice(milliseconds(), 0.001).run(lambda: sum(paced(range(1000), 10)))
            return found, others.turns

    found, turns = asyncio.run(work())
    assert found == sum(range(1000))
    assert turns > 50


def test_two_pieces_of_work_take_turns() -> None:
    seen: list[str] = []

    def work(name: str) -> None:
        for _ in range(5):
            seen.append(name)
            pause()

    async def both() -> None:
        clock = milliseconds()
        await asyncio.gather(*(TimeSlice(clock, 0).run(lambda name=name: work(name)) for name in "ab"))

    asyncio.run(both())
    assert "".join(seen) == "ab" * 5


class Piece:
    """Work of ``slices`` slices of 2 ms of CPU time each, which notes in ``seen`` when it runs."""

    def __init__(self, name: str, slices: int, seen: list[str], queue: asyncio.Lock) -> None:
        self._name, self._slices, self._seen, self._cpu = name, slices, seen, 0.0
        self._time_slice = TimeSlice(milliseconds(), 0, cpu_clock=lambda: self._cpu, queue=queue)

    async def run(self, stop: Callable[[], bool] = lambda: False) -> None:
        await self._time_slice.run(self._work, stop)

    def _work(self) -> None:
        for number in range(self._slices):
            if number:
                pause()
            self._seen.append(self._name)
            self._cpu += 0.002


def test_long_work_queues_so_that_short_work_waits_for_one_piece_of_it_only() -> None:
    seen: list[str] = []

    async def all_of_them() -> None:
        queue = asyncio.Lock()
        long = [asyncio.create_task(Piece(name, 30, seen, queue).run()) for name in "abcdefgh"]
        for _ in range(20):
            await asyncio.sleep(0)
        before = len(seen)
        await Piece("-", 2, seen, queue).run()
        assert seen[before:].count("-") == 2
        assert len(seen) - before <= 2 * (2 + 1)
        await asyncio.gather(*long)

    asyncio.run(all_of_them())
    # After two slices each, ten at a time: 20 ms of CPU time.
    assert [seen.count(name) for name in "abcdefgh"] == [30] * 8
    runs = ["".join(run) for _, run in groupby(name for name in seen[16:] if name != "-")]
    assert max(map(len, runs)) in {10, 11}


@pytest.mark.parametrize("end", ["stopped", "canceled", "failed"])
def test_long_work_that_ends_early_leaves_the_queue(end: str) -> None:
    seen: list[str] = []

    def stop() -> bool:
        if end == "failed" and len(seen) > 20:
            raise ZeroDivisionError
        return end == "stopped" and len(seen) > 20

    async def one_after_the_other() -> None:
        queue = asyncio.Lock()
        task = asyncio.create_task(Piece("a", 1000, seen, queue).run(stop))
        for _ in range(30):
            await asyncio.sleep(0)
        if end == "canceled":
            task.cancel()
        with pytest.raises((InterruptedWorkError, asyncio.CancelledError, ZeroDivisionError)):
            await task
        await Piece("b", 30, seen, queue).run()

    asyncio.run(one_after_the_other())
    assert seen.count("b") == 30


def test_what_the_work_raises_is_raised() -> None:
    def work() -> None:
        pause()
        raise ValueError("as it comes")

    with pytest.raises(ValueError, match="as it comes"):
        asyncio.run(TimeSlice(milliseconds(), 0).run(work))


def test_when_to_stop_is_asked_after_each_slice_and_cleans_up() -> None:
    cleaned: list[bool] = []

    def work() -> None:
        try:
            while True:
                pause()
        finally:
            cleaned.append(True)

    async def limited() -> None:
        clock = milliseconds()
        await TimeSlice(clock, 0.002).run(work, Deadline(clock, 0.05).expired)

    with pytest.raises(InterruptedWorkError):
        asyncio.run(limited())
    assert cleaned == [True]


def test_work_that_nobody_waits_for_any_more_ends() -> None:
    cleaned: list[bool] = []

    def work() -> None:
        try:
            while True:
                pause()
        finally:
            cleaned.append(True)

    async def cancelled() -> None:
        task = asyncio.create_task(TimeSlice(milliseconds(), 0).run(work))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert cleaned == [True]


def test_what_was_found_before_the_end_is_kept() -> None:
    def numbers() -> Iterator[int]:
        for number in count():
            pause()
            yield number

    async def some() -> tuple[list[int], bool, int]:
        clock, counted = milliseconds(), []
        stop = Deadline(clock, 0.1).expired
        found, late = await TimeSlice(clock, 0).collect(numbers(), stop, lambda: counted.append(1))
        return found, late, len(counted)

    found, late, counted = asyncio.run(some())
    assert late
    assert found == list(range(len(found)))
    assert counted == len(found) > 5


def test_the_context_of_the_caller_is_that_of_the_work() -> None:
    async def asks() -> str:
        FIELD.set("pod")
        return await TimeSlice(milliseconds(), 0).run(lambda: (pause(), FIELD.get())[1])

    assert asyncio.run(asks()) == "pod"


def test_each_slice_is_told_to_who_watches() -> None:
    held: list[float] = []

    async def watched() -> float:
        time_slice = TimeSlice(milliseconds(), 0, held=held.append, cpu_clock=milliseconds())
        await time_slice.run(lambda: [pause() for _ in range(4)])
        return time_slice.cpu_seconds

    total = asyncio.run(watched())
    assert len(held) == 5
    assert total == pytest.approx(sum(held))


def test_what_is_done_at_once_is_not_long() -> None:
    assert at_once(milliseconds(), lambda: 7) == 7
    with pytest.raises(InterruptedWorkError):
        at_once(milliseconds(), lambda: list(paced(range(10**6), 1)))


@pytest.mark.parametrize(("steps", "attempts"), [(1, 1), (40, 2)], ids=["short", "longer than a slice"])
def test_what_is_short_nearly_always_begins_again_where_it_is_not(steps: int, attempts: int) -> None:
    begun = 0

    def work() -> str:
        nonlocal begun
        begun += 1
        for _ in range(steps):
            pause(7)
        return "done"

    async def ask() -> tuple[str, int]:
        time_slice = TimeSlice(milliseconds(), 0.01)
        return await time_slice.run_short(work), time_slice.cel_cost

    result, cost = asyncio.run(ask())
    assert (result, begun) == ("done", attempts)
    assert cost >= 7 * steps  # what the first attempt has spent counts as well


def test_short_work_that_is_not_short_can_be_stopped() -> None:
    async def ask() -> None:
        await TimeSlice(milliseconds(), 0.01).run_short(forever, lambda: True)

    def forever() -> None:
        while True:
            pause()

    with pytest.raises(InterruptedWorkError):
        asyncio.run(ask())


def test_batches_have_the_items_of_a_slice_each() -> None:
    async def collect() -> list[list[int]]:
        return [batch async for batch in TimeSlice(milliseconds(), 0.005).batches(range(20))]

    found = asyncio.run(collect())
    assert [item for batch in found for item in batch] == list(range(20))
    assert len(found) > 3
    assert all(batch and len(batch) <= 6 for batch in found)


def test_a_slow_consumer_stops_the_generator() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    async def consume() -> None:
        async with aclosing(TimeSlice(milliseconds(), 0.005).batches(items())) as batches:
            first = await anext(batches)
            assert made == first
            await anext(batches)

    asyncio.run(consume())
    assert len(made) < 15


def test_batches_end_when_they_are_stopped() -> None:
    found: list[int] = []

    async def consume() -> None:
        async for batch in TimeSlice(milliseconds(), 0.005).batches(range(1000), lambda: len(found) > 10):
            found.extend(batch)

    with pytest.raises(InterruptedWorkError):
        asyncio.run(consume())
    assert 10 < len(found) < 20


def test_order_is_found_with_pauses() -> None:
    rest = [(number * 7919 % 5000,) for number in range(5000)]
    pauses = 0

    def count_pause(_cost: int) -> None:
        nonlocal pauses
        pauses += 1

    with on_pause(count_pause):
        assert list(in_order(rest)) == sorted(rest)
    assert pauses >= 2 * 5000 // 256 - 1


def never_ends(freed: list[int]) -> None:
    """Work that frees what it holds, with pauses, when it is ended."""
    try:
        while True:
            pause()
    finally:
        for number in range(20):
            freed.append(number)
            pause()


def test_work_that_is_interrupted_frees_what_it_holds_in_slices() -> None:
    """The pauses of its ``finally`` are as those before: it is not interrupted again."""

    async def scene() -> None:
        clock, freed, turns = Ticks(), list[int](), 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        with pytest.raises(InterruptedWorkError):
            await TimeSlice(clock, seconds=2).run(lambda: never_ends(freed), lambda: clock.now > 10)
        assert freed == list(range(20))
        assert turns > 5
        counting.cancel()

    asyncio.run(scene())


def test_work_that_is_canceled_frees_what_it_holds_in_slices() -> None:
    async def scene() -> None:
        freed: list[int] = []

        task = asyncio.create_task(TimeSlice(Ticks(), seconds=2).run(lambda: never_ends(freed)))
        await asyncio.sleep(0)
        task.cancel()
        seen = []
        while not task.done():
            await asyncio.sleep(0)
            seen.append(len(freed))
        assert freed == list(range(20))
        assert len(set(seen)) > 5

    asyncio.run(scene())


class Ticks:
    """A clock on which each look takes a second."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now
