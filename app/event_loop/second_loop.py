"""A second event loop, in its own thread, for work that must go on while the first loop is held."""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from app.event_loop.time_slice import TURN_SECONDS

T = TypeVar("T")

SWITCH_SECONDS = TURN_SECONDS / 4
"""How long a thread waits for the interpreter before it demands it.

A busy first loop gives the interpreter up for some microseconds in each of its turns. That wakes the
thread which waits, too late to get it, and the wait begins again: with Python's 5 ms, which are longer than a
turn, it seldom ends. Each of the dozen steps of a probe took 0.1 s, and those of a renewal of the lease.
"""


class Loops(Protocol):
    """Two event loops, for a part that lives on the second one and is used from the first.

    Raises (from ``run`` and ``on_first``): the errors of the coroutine.
    """

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the second loop. Called on the first."""

    def soon(self, step: Callable[[], object]) -> None:
        """Has the second loop call a function. Called on the first."""

    async def on_first(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the first loop. Called on the second."""


class OneLoop:
    """``Loops`` of which both are the current one."""

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        return await work

    def soon(self, step: Callable[[], object]) -> None:
        step()

    async def on_first(self, work: Coroutine[Any, Any, T]) -> T:
        return await work


class SecondLoop:
    """Enter it on the first loop. Leaving it cancels what runs on the second loop, and waits for that.

    Both loops share the interpreter, which switches between them every ``SWITCH_SECONDS``, and never within
    one call of a function in C.
    """

    async def __aenter__(self) -> Self:
        self._before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._first = asyncio.get_running_loop()
        self._second = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="second loop", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._second.call_soon_threadsafe(self._second.stop)
        await asyncio.to_thread(self._thread.join)
        sys.setswitchinterval(self._before)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._second) as runner:
            runner.get_loop().run_forever()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._second))

    def soon(self, step: Callable[[], object]) -> None:
        self._second.call_soon_threadsafe(step)

    async def on_first(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._first))
