"""How much each turn of an event loop does: the longest that anybody has held it for."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.pausing import CallCounter


class LoopMeter:
    """``most_calls`` is the largest number of calls of functions, of Python's and of C's, in one turn.
    ``turns``: callbacks that have run.

    A call takes from 50 ns to 2 us; 20 ms are some 100,000. ``most_seconds`` is CPU time, for people: tests
    compare calls, which no busy machine changes.
    """

    def __init__(self) -> None:
        self.turns = 0
        self.most_calls = 0
        self.most_seconds = 0.0
        self.where = ""
        self.slowest = ""

    @contextmanager
    def measuring(self, *, count: bool = True) -> Iterator[None]:
        """Measures every loop of this thread that runs meanwhile. ``count``: calls as well."""
        run = asyncio.Handle._run
        meter, counter = self, CallCounter()

        def measured(handle: asyncio.Handle) -> None:
            counter.calls = 0
            meter.turns += 1
            begin = time.thread_time()
            if count:
                sys.setprofile(counter)
            try:
                run(handle)
            finally:
                if count:
                    sys.setprofile(None)
                seconds = time.thread_time() - begin
                if counter.calls > meter.most_calls:
                    meter.most_calls, meter.where = counter.calls, repr(handle)[:300]
                if seconds > meter.most_seconds:
                    meter.most_seconds, meter.slowest = seconds, repr(handle)[:300]

        asyncio.Handle._run = measured  # type: ignore[method-assign] # what all loops of asyncio go through
        try:
            yield
        finally:
            asyncio.Handle._run = run  # type: ignore[method-assign] # put back
