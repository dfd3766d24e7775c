"""Long work on the event loop, in slices: other tasks run every two milliseconds."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

from greenlet import getcurrent, greenlet

from app.core.pauses import InterruptedWorkError, on_pause, pause
from app.event_loop.turns import Turns

T = TypeVar("T")

TURN_SECONDS = 0.002
"""How long a task may hold the loop; a plain filter waits at most this long for others in each turn of it."""

YIELD_SECONDS = 0.01
"""How long such work yields to requests with priority before it runs anyway."""

AT_ONCE_SECONDS = 0.02
"""How long no task may hold the loop."""

LONG_SECONDS = 2 * TURN_SECONDS
"""CPU time after which work is long, and queues with other long work."""

QUANTUM_SECONDS = 0.02
"""CPU time that long work gets until it is another's turn."""

Clock = Callable[[], float]
Stop = Callable[[], bool]


class Deadline:
    """A time limit. ``expired`` may be called during a search."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self.seconds = seconds

    def expired(self) -> bool:
        return self._clock() >= self._end


def at_once(clock: Clock, work: Callable[[], T], seconds: float = AT_ONCE_SECONDS) -> T:
    """Runs a plain function without yielding the loop, so that nothing changes meanwhile.

    Raises: InterruptedWorkError: it takes too long.
    """
    deadline = Deadline(clock, seconds)

    def at_pause(_cost: int) -> None:
        if deadline.expired():
            raise InterruptedWorkError("this takes too long for one step")

    with on_pause(at_pause):
        return work()


def _never() -> bool:
    return False


def _unwatched(_seconds: float) -> None:
    """For use outside a service."""


class TimeSlice:
    """Shares the loop with other tasks. Create one for each piece of work.

    ``cpu_seconds`` is what ``run`` and ``collect`` have taken so far, ``cel_cost`` how many units of CEL.

    Args:
        urgent: whether requests with priority are arriving. Each arrives in several pieces, and would
            wait for one slice of each task at each piece.
        held: called with the CPU seconds of each slice, to monitor their length.
        cpu_clock: CPU seconds of this thread.
        share: of the loop's time, for background work.
        queue: of long work, of which one piece runs at a time. Short work then waits for one slice of it,
            and not for one of each piece.
        turns: of which each slice takes one. ``tenant``: see there.
    """

    def __init__(
        self,
        clock: Clock,
        seconds: float = TURN_SECONDS,
        *,
        urgent: Callable[[], bool] = _never,
        held: Callable[[float], None] = _unwatched,
        cpu_clock: Clock = time.thread_time,
        share: float = 1.0,
        queue: asyncio.Lock | None = None,
        turns: Turns | None = None,
        tenant: Hashable = "",
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._urgent = urgent
        self._held = held
        self._cpu_clock = cpu_clock
        self._rest = 1 / share - 1
        self._ends = clock() + seconds
        self._turns = turns
        self._tenant = tenant
        self._begun = False
        self._queue = queue
        self._has_turn = False
        self._turn_ends = LONG_SECONDS
        self.cpu_seconds = 0.0
        self.cel_cost = 0

    def is_due(self) -> bool:
        """Whether the slice is over."""
        return self._clock() >= self._ends

    async def yield_if_due(self) -> None:
        """Yields to other tasks if the slice is over. Called often; reads the clock."""
        if self.is_due():
            await asyncio.sleep(self._rest * self._seconds)
            latest = self._clock() + YIELD_SECONDS
            while self._urgent() and self._clock() < latest:  # noqa: ASYNC110 - each pass reads from sockets
                await asyncio.sleep(0)
            await self._next_turn()

    async def _next_turn(self) -> None:
        self._begun = True
        if self._turns is not None:
            await self._turns.next(self._tenant)
        self._ends = self._clock() + self._seconds

    async def run(self, work: Callable[[], T], stop: Stop = _never) -> T:
        """Runs a plain function.

        At its pauses (see ``app.core.pauses``) other tasks run. It runs in a greenlet, whose stack is
        suspended at a pause and resumed later. So the state of the cluster may change at a pause, as at
        an await. Once interrupted, it may pause again while it frees what it holds.

        Args:
            stop: called after each slice; True ends the work.
        Raises:
            InterruptedWorkError: ``stop`` has ended it.
        """
        results: list[T] = []
        worker = self._worker(lambda: results.append(work()))
        try:
            if not self._begun:
                await self._next_turn()
            self._timed(worker.switch)
            interrupted = False
            while not worker.dead:
                await self._wait_in_queue()
                await self.yield_if_due()
                interrupted = self._go_on(worker, stop, interrupted=interrupted)
        finally:
            self._leave_queue()
            if not worker.dead:
                await self._ended(worker)
        (result,) = results
        return result

    async def run_short(self, work: Callable[[], T], stop: Stop = _never) -> T:
        """Runs a plain function at once if it takes less than a slice, and else once more, as ``run``.

        For work that is short nearly always, and that can begin again: a greenlet takes six times as long to
        start.

        Raises:
            InterruptedWorkError: as ``run``.
        """
        begin = self._clock()
        ends = begin + self._seconds

        def at_pause(cost: int) -> None:
            self.cel_cost += cost
            if self._clock() >= ends:
                raise InterruptedWorkError("this is longer than a slice")

        try:
            with suppress(InterruptedWorkError), on_pause(at_pause):
                return work()
        finally:
            # By this clock: to read that of the CPU takes a system call, and nothing else runs meanwhile.
            self.cpu_seconds += self._clock() - begin
        return await self.run(work, stop)

    async def collect(
        self, items: Iterable[T], stop: Stop = _never, count: Callable[[], None] = lambda: None
    ) -> tuple[list[T], bool]:
        """Collects the items of a generator.

        Also returns whether ``stop`` ended it. ``count`` is called for each.
        """
        found: list[T] = []

        def gather() -> None:
            for item in items:
                found.append(item)
                count()
                pause()

        try:
            await self.run(gather, stop)
        except InterruptedWorkError:
            return found, True
        return found, False

    async def batches(self, items: Iterable[T], stop: Stop = _never) -> AsyncGenerator[list[T], None]:
        """Yields the items of a generator, those of one slice together: none waits for a later one.

        The generator goes on when the consumer requests the next batch. Consume it within ``aclosing``.

        Raises:
            InterruptedWorkError: ``stop`` has ended it.
        """
        found: list[T] = []

        def gather() -> None:
            for item in items:
                found.append(item)
                pause()

        worker = self._worker(gather)
        interrupted = False
        try:
            if not self._begun:
                await self._next_turn()
            self._timed(worker.switch)
            while found or not worker.dead:
                if found:
                    batch = found[:]
                    found.clear()
                    yield batch
                if not worker.dead:
                    await self.yield_if_due()
                    interrupted = self._go_on(worker, stop, interrupted=interrupted)
        finally:
            await self._ended(worker)

    def _go_on(self, worker: greenlet, stop: Stop, *, interrupted: bool) -> bool:
        """One more slice, which interrupts the work if it is to stop. Returns whether it has been, by now."""
        now = not interrupted and stop()
        self._timed(_interrupt(worker) if now else worker.switch)
        return interrupted or now

    async def _ended(self, worker: greenlet) -> None:
        """Ends work that its caller does not wait for any more: canceled, or the rest is not read."""
        step = worker.throw
        while not worker.dead:
            self._timed(step)
            step = worker.switch
            if not worker.dead:
                await self.yield_if_due()

    async def _wait_in_queue(self) -> None:
        """Queues if the work is long, behind all that waits, each time its quantum is used up."""
        if self._queue is None or self.cpu_seconds < self._turn_ends:
            return
        self._leave_queue()
        await self._queue.acquire()  # first come, first served
        self._has_turn = True
        self._turn_ends = self.cpu_seconds + QUANTUM_SECONDS

    def _leave_queue(self) -> None:
        if self._queue is not None and self._has_turn:
            self._has_turn = False
            self._queue.release()

    def _worker(self, work: Callable[[], object]) -> greenlet:
        """A greenlet for plain work, which returns here at a pause after the slice is over."""
        outside = getcurrent()

        def at_pause(cost: int) -> None:
            self.cel_cost += cost
            if self.is_due():
                outside.switch()

        def inside() -> None:
            with on_pause(at_pause):
                work()

        worker = greenlet(inside)
        worker.gr_context = copy_context()
        return worker

    def _timed(self, step: Callable[[], object]) -> None:
        begin = self._cpu_clock()
        try:
            step()
        finally:
            seconds = self._cpu_clock() - begin
            self.cpu_seconds += seconds
            self._held(seconds)


def _interrupt(worker: greenlet) -> Callable[[], object]:
    return lambda: worker.throw(InterruptedWorkError("time is up"))
