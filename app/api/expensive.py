"""Expensive requests: each takes a place, ends within a time limit, and ends when its client has left."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import Request
from starlette.types import Scope

from app.api.errors import HttpError
from app.core.pauses import InterruptedWorkError
from app.event_loop.time_slice import Stop, TimeSlice
from app.settings.serving import is_loopback

T = TypeVar("T")
CALLER = "dra-extender.caller"
"""Where a request's scope has the name of its caller, if that is known."""


def caller_of(scope: Scope) -> str:
    """The caller's name or address; empty for this machine, where all callers count as one person."""
    client = scope.get("client")
    host = client[0] if client and not is_loopback(client[0]) else ""
    return str(scope.get(CALLER) or host)


MAX_WAIT_SECONDS = 10.0
"""How long a request waits for those before it; each may take minutes."""


class Places:
    """Admits a few requests at a time and queues as many for a while; one caller gets at most half of that.

    ``count`` are those that are there, ``progress`` is by the name that a dry run was given.
    """

    def __init__(
        self, at_a_time: int, turned_away: Callable[[], None], wait_seconds: float = MAX_WAIT_SECONDS
    ) -> None:
        self._slots = asyncio.Semaphore(at_a_time)
        self._wait_seconds = wait_seconds
        self._most = 2 * at_a_time
        self._turned_away = turned_away
        self._of_caller: Counter[str] = Counter()
        self.count = 0
        self.progress: dict[str, tuple[int, int]] = {}

    @asynccontextmanager
    async def watched(self, name: str, pods: int) -> AsyncIterator[Callable[[], None]]:
        """Returns a function to call for each Pod of a run. A run without a name has no progress to read."""

        def count() -> None:
            if name:
                self.progress[name] = (self.progress.get(name, (0, pods))[0] + 1, pods)

        try:
            yield count
        finally:
            self.progress.pop(name, None)

    @asynccontextmanager
    async def place(self, caller: str = "") -> AsyncIterator[None]:
        """Raises: HttpError, 429."""
        if self.count >= self._most or self._of_caller[caller] >= self._most_of(caller):
            raise self._too_many()
        self.count += 1
        self._of_caller[caller] += 1
        try:
            await self._slot()
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self.count -= 1
            self._of_caller[caller] -= 1
            self._of_caller += Counter()  # leaves out those that have none

    async def _slot(self) -> None:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise self._too_many() from None

    def _too_many(self) -> HttpError:
        self._turned_away()
        text = "too many expensive requests are in progress; webhooks come first"
        return HttpError(429, "TooManyRequests", text, retry_after_seconds=1)

    def _most_of(self, caller: str) -> int:
        return max(1, self._most // 2) if caller else self._most


@dataclass(frozen=True, slots=True, eq=False)
class Expensive:
    """How the work for one request shares the loop, and when it must end."""

    time_slice: TimeSlice
    stop: Stop
    seconds: float
    leftovers: list[Callable[[], None]] = field(default_factory=list)
    """Free what the work has left, with pauses: called when the response is made, or the work has failed."""

    async def run(self, work: Callable[[], T]) -> T:
        """Runs plain code and returns its result. Raises: HttpError, 503, at the time limit."""
        try:
            return await self.time_slice.run(work, self.stop)
        except InterruptedWorkError:
            raise self.time_up("the answer could not be found") from None

    async def clear(self) -> None:
        """Calls the ``leftovers``."""
        while self.leftovers:
            await self.time_slice.run(self.leftovers.pop())

    def time_up(self, what: str, where: str = "") -> HttpError:
        """``what`` was not done in time."""
        return HttpError(503, "TimeUp", f"{what} within {self.seconds:g} s", where, retry_after_seconds=5)


@asynccontextmanager
async def until_client_leaves(request: Request) -> AsyncIterator[Stop]:
    """Gives a function that returns whether the client has left. Enter it after the body is read."""
    left = False

    async def watch() -> None:
        nonlocal left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left = True

    task = asyncio.create_task(watch())
    try:
        yield lambda: left
    finally:
        task.cancel()
