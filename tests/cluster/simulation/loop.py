"""An event loop that decides by a seed which of the ready callbacks comes next.

Time is counted, not waited for. Every callback has an owner, found in its context: one process of the
simulation. An owner can be stopped (SIGSTOP: its callbacks wait) or dead (kill -9: they never come), which a
cancelled task would not be like: that one still runs its `finally`.
"""

import asyncio
import heapq
import random
import selectors
from collections import deque
from contextvars import Context, ContextVar
from typing import Any

OWNER: ContextVar[str] = ContextVar("owner", default="world")


class DeadlockError(RuntimeError):
    """Everything waits, and no timer is set."""


class SimulationLoop(asyncio.SelectorEventLoop):
    """`steps` counts the callbacks that have run."""

    def __init__(self, seed: int) -> None:
        super().__init__(selectors.SelectSelector())
        self._now = 0.0
        self._order = random.Random(seed)  # noqa: S311 - a seed that replays
        self._held: dict[str, list[Any]] = {}
        self._dead: set[str] = set()
        self._ending = False
        self.steps = 0

    def time(self) -> float:
        return self._now

    def stop_owner(self, owner: str) -> None:
        self._held.setdefault(owner, [])

    def go_on(self, owner: str) -> None:
        if owner in self._dead:
            return
        self._ready_now.extend(self._held.pop(owner, ()))

    def kill_owner(self, owner: str) -> None:
        self._dead.add(owner)
        self.stop_owner(owner)

    def raise_all(self) -> None:
        """At the end: everything may run again, to be cancelled."""
        self._ending = True
        self._dead.clear()
        for owner in list(self._held):
            self.go_on(owner)

    @property
    def _ready_now(self) -> deque[Any]:
        return self._ready  # type: ignore[attr-defined, no-any-return]

    def _run_once(self) -> None:
        ready = self._ready_now
        while True:
            if not ready:
                self._next_timers(ready)
            place = 0 if self._ending else int(self._order.random() * len(ready))
            handle = ready[place]
            del ready[place]
            if handle._cancelled:
                if not ready and self._stopping:  # type: ignore[attr-defined]
                    return
                continue
            context: Context = handle._context
            owner = context.get(OWNER, "world")
            if owner in self._held:
                self._held[owner].append(handle)
                continue
            break
        self.steps += 1
        handle._run()

    def _next_timers(self, ready: deque[Any]) -> None:
        timers: list[Any] = self._scheduled  # type: ignore[attr-defined]
        while not ready:
            if not timers:
                raise DeadlockError("everything waits, and no timer is set")
            self._now = max(self._now, timers[0]._when)
            while timers and timers[0]._when <= self._now:
                timer = heapq.heappop(timers)
                timer._scheduled = False
                if not timer._cancelled:
                    ready.append(timer)
