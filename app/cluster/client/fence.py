"""A fence that is checked right before each write: whether this process may write now.

A lease is held for a time, and time passes while a request waits for credentials, for a connection, or
while the process is suspended. So the fence stores the time until which the lease is certain: the renew
deadline after the start of the last successful renewal. Other candidates count the longer lease duration
from when they have *seen* that renewal, which is later. A decision of one term is not written in a later
one: another leader may have decided differently in between.
"""

import asyncio
import functools
import time
from contextvars import ContextVar
from typing import Self

from app.cluster.client.backoff import Clock
from app.cluster.client.errors import NotLeaderError

_decided_in: ContextVar[int] = ContextVar("decided_in", default=0)


_SHARE_OF_WRITES = 0.8
"""Fraction of the time that a write may take; the rest is for bytes in flight."""


class Fence:
    """The terms of one process. ``term`` numbers them from 1; ``until`` is when the last one ends.

    Terms begin, are prolonged and expire on the loop of the election; checks run on the loop that writes.
    What ends a term early, before its time, runs there too, so that it is not between a check and the write.

    Args:
        clock: one that continues while the process or the machine is suspended.
        write_seconds: a write in flight is executed within this time or not at all. Not longer than the
            lease lasts after ``until``.
    """

    def __init__(self, clock: Clock, write_seconds: float = 5.0) -> None:
        self._clock = clock
        self.write_seconds = write_seconds
        self.term = 0
        self.until = float("-inf")
        self._open = False

    @classmethod
    def always_open(cls, write_seconds: float = 5.0) -> Self:
        """The fence of a process without replicas: one term, which does not end."""
        fence = cls(BootClock(), write_seconds)
        fence.start_term(float("inf"))
        fence.admit()
        return fence

    @property
    def request_seconds(self) -> float:
        """The timeout of a write on the API server, so that ``write_seconds`` holds."""
        return self.write_seconds * _SHARE_OF_WRITES

    @property
    def held(self) -> bool:
        """Whether the lease is certainly ours."""
        return self._clock.now() < self.until

    @property
    def open(self) -> bool:
        """Whether decisions may be made and written: the lease is held, and the writes of the previous
        leader are known.
        """
        return self._open and self.held

    def start_term(self, until: float) -> None:
        """Begins a new term, in which nothing may be written yet."""
        self._open = False
        self.term += 1
        self.until = until

    def prolong(self, until: float) -> None:
        self.until = until

    def admit(self) -> None:
        """Writes may begin."""
        self._open = True

    def end(self) -> None:
        self.until = float("-inf")
        self._open = False

    def begin(self) -> None:
        """Binds all further writes of the current task to this term. Raises: NotLeaderError."""
        if not self.open:
            raise NotLeaderError("this replica is not the leader")
        _decided_in.set(self.term)

    def check(self) -> None:
        """Raises: NotLeaderError if a write must not be sent now."""
        if not self.open:
            raise NotLeaderError("this replica is no longer the leader: nothing is written")
        if _decided_in.get() not in {0, self.term}:
            raise NotLeaderError("this was decided in an earlier term of this replica: nothing is written")


class BootClock:
    """Time since boot: it continues while the machine sleeps, and is not the event loop's.

    The loop's time may be that of the beginning of its iteration: a process that was suspended in the
    middle of one would take its lease for fresh.
    """

    # Not on every system; elsewhere the clock may stop while the machine sleeps.
    _seconds = staticmethod(
        functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
        if hasattr(time, "CLOCK_BOOTTIME")
        else time.monotonic
    )

    def now(self) -> float:
        return self._seconds()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
