"""Work that is interrupted at one of its pauses, and how much it does between two of them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from app.core.pauses import InterruptedWorkError, on_pause

_COVERAGE = "/slipcover/"


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


def is_call(frame: FrameType, event: str, argument: Any) -> bool:
    """Whether an event of ``sys.setprofile`` is a call of a function of Python or C.

    Calls of slipcover, and those that it makes, are not: it measures coverage by a call in each line.
    """
    if event == "call":
        return _COVERAGE not in frame.f_code.co_filename
    if event != "c_call":
        return False
    return getattr(argument, "__module__", None) != "slipcover.probe" and (
        _COVERAGE not in frame.f_code.co_filename
    )


class Meter:
    """Counts calls of functions, of Python's and of C's, between two pauses. A call takes 50 ns to 2 us.

    ``most`` is the largest number so far, ``where`` the place of the pause that ended it, ``total`` the sum.
    """

    def __init__(self, most_pauses: int = 1_000_000) -> None:
        self.most = 0
        self.total = 0
        self.pauses = 0
        self.where = ""
        self._calls = 0
        self._most_pauses = most_pauses

    def measure(self, work: Callable[[], object]) -> object:
        """Runs the work, and gives what it returns or raises; None if it was interrupted."""
        self._calls = 0
        outer = sys.getprofile()
        sys.setprofile(self._count)
        try:
            with on_pause(self._paused):
                return work()
        except InterruptedWorkError:
            return None
        except Exception as error:  # noqa: BLE001 - the outcome of what is measured
            return error
        finally:
            sys.setprofile(outer)
            self._note("the end")

    def _count(self, frame: FrameType, event: str, argument: Any) -> None:
        if is_call(frame, event, argument):
            self._calls += 1

    def _paused(self, _cost: int) -> None:
        frame = sys._getframe(2)
        self._note(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        self.pauses += 1
        if self.pauses >= self._most_pauses:
            raise InterruptedWorkError

    def _note(self, where: str) -> None:
        if self._calls > self.most:
            self.most, self.where = self._calls, where
        self.total += self._calls
        self._calls = 0
