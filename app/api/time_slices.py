"""Long work on the event loop, in turns: everybody else gets the loop every two milliseconds."""

import asyncio
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

from app.core.pauses import Pauses

T = TypeVar("T")

TURN_SECONDS = 0.002
"""What one piece of work may hold the loop for; a plain filter waits at most this long for each
other request that is being worked on."""

YIELD_SECONDS = 0.01
"""How long such work stands back for requests that go first, before it takes a turn all the same."""

Clock = Callable[[], float]


class Deadline:
    """When to stop. ``expired`` may be asked in the middle of a search."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self.seconds = seconds

    def expired(self) -> bool:
        return self._clock() >= self._end


class Turns:
    """Takes turns with everybody else on the loop. One for each piece of work.

    Args:
        urgent: whether requests are coming in that go first. Each is read in several pieces, and would
            wait for a turn of everybody at each of them.
    """

    def __init__(
        self, clock: Clock, turn_seconds: float = TURN_SECONDS, urgent: Callable[[], bool] = lambda: False
    ) -> None:
        self._clock = clock
        self._seconds = turn_seconds
        self._urgent = urgent
        self._ends = clock() + turn_seconds

    async def rest(self) -> None:
        """Lets the others work if the turn is over. Called often; costs a look at the clock."""
        if self._clock() >= self._ends:
            await asyncio.sleep(0)
            latest = self._clock() + YIELD_SECONDS
            while self._urgent() and self._clock() < latest:  # noqa: ASYNC110 # each pass reads from sockets
                await asyncio.sleep(0)
            self._ends = self._clock() + self._seconds

    async def collect(
        self, steps: Iterable[T | None], deadline: Deadline, count: Callable[[], None] = lambda: None
    ) -> tuple[list[T], bool]:
        """What the steps yield, pauses (None) left out, and whether the deadline came first.

        ``count`` is called for each thing found.
        """
        found: list[T] = []
        for item in steps:
            if item is not None:
                found.append(item)
                count()
            if self._clock() >= self._ends:
                await self.rest()
                if deadline.expired():
                    return found, True
        return found, False

    async def finish(self, steps: Generator[None, None, T]) -> T:
        """What the steps return in the end; those that can take long look at the deadline themselves."""
        pauses = Pauses(steps)
        for _ in pauses:
            await self.rest()
        return pauses.result
