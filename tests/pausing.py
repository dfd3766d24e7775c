"""Work that is interrupted at one of its pauses, and how much it does between two of them."""

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from app.core.pauses import InterruptedWorkError, on_pause

_COVERAGE = "/slipcover/"
_PROBE = "slipcover.probe"


@contextmanager
def interrupted_after(pauses: int) -> Iterator[None]:
    """Ends the work inside at the pause after so many."""
    left = pauses

    def hook(_cost: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise InterruptedWorkError

    with on_pause(hook):
        yield


@contextmanager
def interrupted_once_after(pauses: int) -> Iterator[list[int]]:
    """The same, as a time slice does it: once. Counts the pauses since, in a list of one number."""
    left, since = pauses, [0]

    def hook(_cost: int) -> None:
        nonlocal left
        left -= 1
        since[0] += left < -1
        if left == -1:
            raise InterruptedWorkError

    with on_pause(hook):
        yield since


@contextmanager
def changed_at_pause(number: int, change: Callable[[], None]) -> Iterator[list[int]]:
    """Makes the change at the pause of that number; gives how many there were."""
    pauses = [0]

    def hook(_cost: int) -> None:
        pauses[0] += 1
        if pauses[0] == number:
            change()

    with on_pause(hook):
        yield pauses


class CallCounter:
    """Counts calls of functions, of Python's and of C's, as a function for ``sys.setprofile``.

    Calls that slipcover makes do not count, nor what they call in turn. It measures coverage by a call in
    each line, and now and then looks at every function of every module, in the thread that happens to run.
    """

    def __init__(self) -> None:
        self.calls = 0
        self._coverage: FrameType | None = None
        """The frame of slipcover that everything runs below, at present."""

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if self._coverage is not None:
            if event == "return" and frame is self._coverage:
                self._coverage = None
        elif event == "call":
            if _COVERAGE in frame.f_code.co_filename:
                self._coverage = frame
            else:
                self.calls += 1
        elif event == "c_call" and getattr(argument, "__module__", None) != _PROBE:
            self.calls += 1


class Meter:
    """Counts calls of functions, of Python's and of C's, between two pauses. A call takes 50 ns to 2 us.

    ``most`` is the largest number so far, ``where`` the place of the pause that ended it, ``total`` the sum.
    """

    def __init__(self, most_pauses: int = 1_000_000) -> None:
        self.most = 0
        self.total = 0
        self.pauses = 0
        self.where = ""
        self._counter = CallCounter()
        self._most_pauses = most_pauses

    def measure(self, work: Callable[[], object]) -> object:
        """Runs the work, and gives what it returns or raises; None if it was interrupted."""
        self._counter.calls = 0
        outer, collects = sys.getprofile(), gc.isenabled()
        gc.disable()  # a collection calls functions of others, at moments that differ from run to run
        sys.setprofile(self._counter)
        try:
            with on_pause(self._paused):
                return work()
        except InterruptedWorkError:
            return None
        except Exception as error:  # noqa: BLE001 - the outcome of what is measured
            return error
        finally:
            sys.setprofile(outer)
            if collects:
                gc.enable()
            self._note("the end")

    def _paused(self, _cost: int) -> None:
        frame = sys._getframe(2)
        self._note(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        self.pauses += 1
        if self.pauses >= self._most_pauses:
            raise InterruptedWorkError

    def _note(self, where: str) -> None:
        calls, self._counter.calls = self._counter.calls, 0
        self.total += calls
        if calls > self.most:
            self.most, self.where = calls, where
