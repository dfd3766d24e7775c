"""A second event loop, in its own thread, for work that must go on while the first loop is held."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

T = TypeVar("T")


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

    Both loops share the interpreter, which switches between them every 5 ms, and never within one call of
    a function in C.
    """

    async def __aenter__(self) -> Self:
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

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._second) as runner:
            runner.get_loop().run_forever()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._second))

    def soon(self, step: Callable[[], object]) -> None:
        self._second.call_soon_threadsafe(step)

    async def on_first(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._first))
