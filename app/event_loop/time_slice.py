"""Long work on the event loop, in slices: everybody else gets the loop every two milliseconds."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import TypeVar

from greenlet import getcurrent, greenlet

from app.core.pauses import InterruptedWorkError, on_pause

T = TypeVar("T")

TURN_SECONDS = 0.002
"""What one piece of work may hold the loop for; a plain filter waits at most this long for each
other request that is being worked on."""

YIELD_SECONDS = 0.01
"""How long such work stands back for requests that go first, before it takes a turn all the same."""

AT_ONCE_SECONDS = 0.02
"""What nobody may hold the loop for, whatever it is for."""

Clock = Callable[[], float]
Stop = Callable[[], bool]


class Deadline:
    """When to stop. ``expired`` may be asked in the middle of a search."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self.seconds = seconds

    def expired(self) -> bool:
        return self._clock() >= self._end


def at_once(clock: Clock, work: Callable[[], T], seconds: float = AT_ONCE_SECONDS) -> T:
    """What a plain function returns, without giving the loop to others: nothing changes meanwhile.

    Raises:
        InterruptedWorkError: it takes longer than may be.
    """
    deadline = Deadline(clock, seconds)

    def at_pause(_cost: int) -> None:
        if deadline.expired():
            raise InterruptedWorkError("this takes too long to be done in one go")

    with on_pause(at_pause):
        return work()


def _never() -> bool:
    return False


def _unwatched(_seconds: float) -> None:
    """Outside of a service."""


class TimeSlice:
    """Takes turns with everybody else on the loop. One for each piece of work.

    ``cpu_seconds`` is what ``run`` and ``collect`` have taken so far, ``cel_cost`` how many units of CEL.

    Args:
        urgent: whether requests are coming in that go first. Each is read in several pieces, and would
            wait for a slice of everybody at each of them.
        held: is given the CPU seconds of each slice, for whoever watches that none is long.
        cpu_clock: CPU seconds of this thread.
        share: of the loop's time, for work that nobody waits for.
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
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._urgent = urgent
        self._held = held
        self._cpu_clock = cpu_clock
        self._rest = 1 / share - 1
        self._ends = clock() + seconds
        self.cpu_seconds = 0.0
        self.cel_cost = 0

    def is_due(self) -> bool:
        """Whether the slice is over."""
        return self._clock() >= self._ends

    async def yield_if_due(self) -> None:
        """Lets the others work if the slice is over. Called often; costs a look at the clock."""
        if self.is_due():
            await asyncio.sleep(self._rest * self._seconds)
            latest = self._clock() + YIELD_SECONDS
            while self._urgent() and self._clock() < latest:  # noqa: ASYNC110 - each pass reads from sockets
                await asyncio.sleep(0)
            self._ends = self._clock() + self._seconds

    async def run(self, work: Callable[[], T], stop: Stop = _never) -> T:
        """What a plain function returns. At its pauses (see ``app.core.pauses``) others get the loop.

        It runs in a greenlet: a stack of its own, which is left at a pause and gone back to later. So the
        state of the cluster may be another one after a pause, as after an await.

        Args:
            stop: asked after each slice; True ends the work.
        Raises:
            InterruptedWorkError: ``stop`` has ended it.
        """
        outside = getcurrent()

        def at_pause(cost: int) -> None:
            self.cel_cost += cost
            if self.is_due():
                outside.switch()

        results: list[T] = []

        def inside() -> None:
            with on_pause(at_pause):
                results.append(work())

        worker = greenlet(inside)
        worker.gr_context = copy_context()
        try:
            self._timed(worker.switch)
            while not worker.dead:
                await self.yield_if_due()
                self._timed(_interrupt(worker) if stop() else worker.switch)
        finally:
            if not worker.dead:  # cancelled: whoever has asked does not wait any more
                worker.throw()
        (result,) = results
        return result

    async def collect(
        self, items: Iterable[T], stop: Stop = _never, count: Callable[[], None] = lambda: None
    ) -> tuple[list[T], bool]:
        """The items that plain code yields, and whether ``stop`` came first.

        ``count`` is called for each.
        """
        found: list[T] = []

        def gather() -> None:
            for item in items:
                found.append(item)
                count()

        try:
            await self.run(gather, stop)
        except InterruptedWorkError:
            return found, True
        return found, False

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
