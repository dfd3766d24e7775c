"""How much each turn of an event loop does: the longest that anybody has held it for."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tests.pausing import is_call


class LoopMeter:
    """``most_calls`` is the largest number of calls of functions, of Python's and of C's, in one turn.

    A call takes from 50 ns to 2 us; 20 ms are some 100,000. ``most_seconds`` is CPU time, for people: tests
    compare calls, which no busy machine changes.
    """

    def __init__(self) -> None:
        self.most_calls = 0
        self.most_seconds = 0.0
        self.where = ""
        self.slowest = ""
        self._calls = 0

    @contextmanager
    def measuring(self, *, count: bool = True) -> Iterator[None]:
        """Measures every loop of this thread that runs meanwhile. ``count``: calls as well."""
        run = asyncio.Handle._run
        meter = self

        def measured(handle: asyncio.Handle) -> None:
            meter._calls = 0
            begin = time.thread_time()
            if count:
                sys.setprofile(meter._count)
            try:
                run(handle)
            finally:
                if count:
                    sys.setprofile(None)
                seconds = time.thread_time() - begin
                if meter._calls > meter.most_calls:
                    meter.most_calls, meter.where = meter._calls, repr(handle)[:300]
                if seconds > meter.most_seconds:
                    meter.most_seconds, meter.slowest = seconds, repr(handle)[:300]

        asyncio.Handle._run = measured  # type: ignore[method-assign] # what all loops of asyncio go through
        try:
            yield
        finally:
            asyncio.Handle._run = run  # type: ignore[method-assign] # put back

    def _count(self, frame: FrameType, event: str, argument: Any) -> None:
        if is_call(frame, event, argument):
            self._calls += 1
