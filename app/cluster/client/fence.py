"""Whether this process may write now: asked right before every write leaves.

A lease is held by time, and time passes while a request waits for credentials, for a connection, or while
the whole process is stopped. So holding it is not a fact but a moment until which it is sure: the start of
the last renewal that succeeded, and the renew deadline after it. The others count the longer lease from when
they have *seen* that renewal, which is later. What is decided in one term is not written in a later one:
another leader may have decided otherwise in between.
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
"""Of the time that a write may take; the rest is for bytes under way."""


class Fence:
    """The terms of one process. `term` numbers them from 1; `until` is when the last stops being sure.

    Args:
        clock: one that goes on while the process, or the machine, is stopped.
        write_seconds: a write that has left is carried out within this time or not at all. Not longer than
            the lease goes on after `until`.
    """

    def __init__(self, clock: Clock, write_seconds: float = 5.0) -> None:
        self._clock = clock
        self.write_seconds = write_seconds
        self.term = 0
        self.until = float("-inf")
        self._open = False

    @classmethod
    def always_open(cls, write_seconds: float = 5.0) -> Self:
        """Of a process that has no replicas: one term, which does not end."""
        fence = cls(BootClock(), write_seconds)
        fence.start_term(float("inf"))
        fence.admit()
        return fence

    @property
    def request_seconds(self) -> float:
        """How long the API server may take for a write, so that `write_seconds` holds."""
        return self.write_seconds * _SHARE_OF_WRITES

    @property
    def held(self) -> bool:
        """Whether the lease is ours for sure."""
        return self._clock.now() < self.until

    @property
    def open(self) -> bool:
        """Whether decisions may be made and written: held, and the leader before has been caught up with."""
        return self._open and self.held

    def start_term(self, until: float) -> None:
        """A new term, in which nothing may be written yet."""
        self.term += 1
        self.until = until
        self._open = False

    def prolong(self, until: float) -> None:
        self.until = until

    def admit(self) -> None:
        """Writes may begin."""
        self._open = True

    def end(self) -> None:
        self.until = float("-inf")
        self._open = False

    def begin(self) -> None:
        """Ties what the current task writes from here on to this term. Raises: NotLeaderError."""
        if not self.open:
            raise NotLeaderError("this replica is not the leader")
        _decided_in.set(self.term)

    def check(self) -> None:
        """Raises: NotLeaderError if a write must not leave now."""
        if not self.open:
            raise NotLeaderError("this replica is not the leader any more: nothing is written")
        if _decided_in.get() not in {0, self.term}:
            raise NotLeaderError("this was decided in an earlier term of this replica: nothing is written")


class BootClock:
    """Time since the machine started: goes on while it sleeps, and is not the event loop's.

    The loop's time may be that of the beginning of its round: a process that was stopped in the middle of one
    would take its lease for fresh.
    """

    # Not on every system; elsewhere the clock may stand still while the machine sleeps.
    _seconds = staticmethod(
        functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
        if hasattr(time, "CLOCK_BOOTTIME")
        else time.monotonic
    )

    def now(self) -> float:
        return self._seconds()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
