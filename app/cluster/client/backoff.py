"""A clock that tests can replace, and a jittered exponential backoff."""

import asyncio
import random
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Monotonic time in seconds, and waiting in it."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class LoopClock:
    """The running event loop's clock: it never jumps, and in a simulation it is the virtual time."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


# Spreads the calls of many clients; not for secrets.
spread = random.Random().uniform  # noqa: S311 - jitter, not a secret


class Backoff:
    """Delays that double from ``initial_seconds`` to ``cap_seconds``, each drawn from [0, it] (full jitter).

    The defaults are client-go's (tools/cache/reflector.go): 0.8 s, 30 s, reset after two minutes without
    a failure. Full jitter rather than a fixed part: after a restart of the API server every watch of
    every client comes back at once, and only a wide spread flattens that.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        initial_seconds: float = 0.8,
        cap_seconds: float = 30.0,
        reset_after_seconds: float = 120.0,
        uniform: Callable[[float, float], float] = spread,
    ) -> None:
        self._clock = clock
        self._initial = initial_seconds
        self._cap = cap_seconds
        self._reset_after = reset_after_seconds
        self.uniform = uniform
        self._ceiling = initial_seconds
        self._resumed_at: float | None = None

    def next_delay(self, at_least_seconds: float = 0.0) -> float:
        """Seconds to wait after a failure; ``at_least_seconds`` is the server's Retry-After."""
        now = self._clock.now()
        if self._resumed_at is not None and now - self._resumed_at >= self._reset_after:
            self._ceiling = self._initial
        delay = at_least_seconds + self.uniform(0.0, self._ceiling)
        self._ceiling = min(self._ceiling * 2, self._cap)
        self._resumed_at = now + delay
        return delay
