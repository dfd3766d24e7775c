"""Watches, from a separate thread, whether the event loop runs, and what blocks it when it does not.

What answers on the loop cannot say that the loop is stuck. This can: it knows when the loop has last run,
and while it does not, what the loop's thread is doing.
"""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

BEAT_SECONDS = 0.05
HELD_SECONDS = 0.1
"""From when on a turn of the loop is reported: five times what any may take, for the machine may be busy."""
_FRAMES = 8


@dataclass(frozen=True, slots=True)
class Held:
    """A turn of the loop that took long.

    ``cpu_seconds`` of the loop's thread: much less than ``seconds`` where the machine was busy with others.
    ``stack`` has the innermost frames, as they were in the middle of it, the outermost first.
    """

    seconds: float
    cpu_seconds: float
    stack: tuple[str, ...]


class Watchdog:
    """Enter it on the loop to watch.

    Args:
        report: called on the watchdog's thread, once for each long turn, when it has ended.
    """

    def __init__(self, report: Callable[[Held], None], held_seconds: float = HELD_SECONDS) -> None:
        self._report = report
        self._held_seconds = held_seconds
        self._ended = threading.Event()
        self._beat = time.monotonic()
        self._cpu = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def silence(self) -> float:
        """Seconds since the last turn of the loop. Callable from any thread."""
        return max(0.0, time.monotonic() - self._beat)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._watched)
        self._strike()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._ended.set()

    def _strike(self) -> None:
        self._cpu = time.clock_gettime(self._clock)
        self._beat = time.monotonic()
        self._timer = self._loop.call_later(BEAT_SECONDS, self._strike)

    def _watch(self) -> None:
        stack: tuple[str, ...] = ()
        began, cpu = self._beat, self._cpu
        while not self._ended.wait(BEAT_SECONDS):
            if self._beat != began:
                if stack:
                    self._tell(began, cpu, stack)
                stack, began, cpu = (), self._beat, self._cpu
            elif not stack and self.silence() > BEAT_SECONDS + self._held_seconds / 2:
                stack = self._stack()

    def _tell(self, began: float, cpu: float, stack: tuple[str, ...]) -> None:
        seconds = self._beat - began - BEAT_SECONDS
        if seconds >= self._held_seconds:
            self._report(Held(seconds, self._cpu - cpu, stack))

    def _stack(self) -> tuple[str, ...]:
        frame = sys._current_frames().get(self._watched)  # noqa: SLF001 - the only way to see another thread
        found = traceback.extract_stack(frame)[-_FRAMES:] if frame is not None else []
        return tuple(f"{item.filename}:{item.lineno} {item.name}" for item in found)
