"""An event loop whose time is counted, not waited for: an hour of backoff takes milliseconds.

Nothing needs to know: asyncio.sleep, asyncio.timeout and loop.time() all go by the loop's clock. It is for
code that does no real I/O. With a seed, tasks that are ready together run in an order drawn from it, so that
every await is a point where another task may come first, and a seed replays a run.
"""

import asyncio
import functools
import random
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

_ENDLESS_SECONDS = 12 * 3600
"""A program that watches and renews is never in a deadlock: what has not come by then does not come."""


class DeadlockError(RuntimeError):
    """Every task waits for something that cannot come."""


class _CountingSelector(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError("all tasks wait, and no timer is set")
        self.now += max(timeout, 0.0)
        return super().select(0)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self, seed: int | None = None) -> None:
        self._counter = _CountingSelector()
        super().__init__(self._counter)
        self._order = None if seed is None else random.Random(seed)  # noqa: S311 - a seed that replays

    def time(self) -> float:
        return self._counter.now

    def _run_once(self) -> None:
        ready: deque[Any] = self._ready  # type: ignore[attr-defined]
        if self._order is not None and len(ready) > 1:
            self._order.shuffle(ready)
        super()._run_once()  # type: ignore[misc]


def run(main: Coroutine[Any, Any, T], *, seed: int | None = None) -> T:
    """Runs a coroutine in virtual time that starts at 0. Raises: TimeoutError after half a day of it."""

    async def bounded() -> T:
        async with asyncio.timeout(_ENDLESS_SECONDS):
            return await main

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(seed)) as runner:
        return runner.run(bounded())


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Makes an async test a plain one that runs in virtual time."""

    @functools.wraps(test)
    def plain(*args: P.args, **kwargs: P.kwargs) -> None:
        run(test(*args, **kwargs))

    return plain
