"""Work that was too expensive for the request that brought it, continued after the response."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable

from app.core.pauses import InterruptedWorkError
from app.event_loop.time_slice import Clock, TimeSlice

_SHARE = 0.15
"""Of the event loop, while it has work: others keep four fifths of their rate."""
_MAX_WAITING = 16
"""Pieces of work of one tenant; what comes on top has to be brought again."""
_MAX_TENANTS = 1024
_REMEMBERED = 1024
_REMEMBERED_SECONDS = 600.0

Work = Callable[[], object]


class Backlog:
    """One piece after the other; tenants take turns, so that each waits for at most one piece of each other.

    The work has to keep what it finds out by itself. ``carried_on`` counts pieces that came to an end,
    ``given_up`` those that used up their time.

    Args:
        cpu_seconds: of one piece. Then it is given up, and ``is_hopeless`` for ten minutes.
    """

    def __init__(self, clock: Clock, cpu_seconds: float) -> None:
        self._clock = clock
        self.cpu_seconds = cpu_seconds
        self._waiting: OrderedDict[str, OrderedDict[Hashable, Work]] = OrderedDict()
        self._hopeless: OrderedDict[Hashable, float] = OrderedDict()
        self._some = asyncio.Event()
        self._running: str | None = None
        self.carried_on = 0
        self.given_up = 0

    def has(self, tenant: str) -> bool:
        """Whether there is work of the tenant."""
        return tenant == self._running or tenant in self._waiting

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + (self._running is not None)

    def is_hopeless(self, key: Hashable) -> bool:
        """Whether work of this key has used up its time."""
        until = self._hopeless.get(key)
        if until is not None and until <= self._clock():
            del self._hopeless[key]
            return False
        return until is not None

    def add(self, tenant: str, key: Hashable, work: Work) -> None:
        """Adds work, unless the key has work already or the tenant has too much."""
        if tenant not in self._waiting and len(self._waiting) >= _MAX_TENANTS:
            return
        waiting = self._waiting.setdefault(tenant, OrderedDict())
        if len(waiting) < _MAX_WAITING:
            waiting.setdefault(key, work)
        self._some.set()

    async def run(self) -> None:
        """Runs until canceled."""
        while True:
            await self._some.wait()
            while self._waiting:
                tenant, waiting = self._waiting.popitem(last=False)
                key, work = waiting.popitem(last=False)
                if waiting:
                    self._waiting[tenant] = waiting  # behind all others
                self._running = tenant
                try:
                    await self._carry_on(key, work)
                finally:
                    self._running = None
            self._some.clear()

    async def _carry_on(self, key: Hashable, work: Work) -> None:
        time_slice = TimeSlice(self._clock, share=_SHARE)
        try:
            await time_slice.run(work, lambda: time_slice.cpu_seconds >= self.cpu_seconds)
        except InterruptedWorkError:
            self.given_up += 1
            now = self._clock()
            self._hopeless[key] = now + _REMEMBERED_SECONDS
            # Each may be a claim of 1.5 MB: those that are forgotten need no memory either.
            while len(self._hopeless) > _REMEMBERED or next(iter(self._hopeless.values())) <= now:
                self._hopeless.popitem(last=False)
        else:
            self.carried_on += 1
