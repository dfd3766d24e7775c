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
_NONE = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Held:
    """A turn of the loop that took long.

    ``cpu_seconds`` of the loop's thread: much less than ``seconds`` where the machine was busy with others.
    ``stack`` has the innermost frames, as they were in the middle of it, the outermost first; empty if they
    were not seen.
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
        self._longest = _NONE
        self._timer: asyncio.TimerHandle | None = None

    def silence(self) -> float:
        """Seconds since the last turn of the loop. Callable from any thread."""
        return max(0.0, time.monotonic() - self._beat)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._watched)
        self._beat, self._cpu = time.monotonic(), time.clock_gettime(self._clock)
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
        cpu, now = time.clock_gettime(self._clock), time.monotonic()
        seconds = now - self._beat - BEAT_SECONDS
        if seconds >= max(self._held_seconds, self._longest[0]):
            self._longest = (seconds, cpu - self._cpu)
        # Last: the thread reads the others when this has changed.
        self._cpu, self._beat = cpu, now
        self._timer = self._loop.call_later(BEAT_SECONDS, self._strike)

    def _watch(self) -> None:
        stack: tuple[str, ...] = ()
        began = self._beat
        while not self._ended.wait(BEAT_SECONDS):
            beat = self._beat
            if beat != began:
                self._tell(stack)
                stack, began = (), beat
            elif not stack and self.silence() > BEAT_SECONDS + self._held_seconds / 2:
                stack = self._stack()

    def _tell(self, stack: tuple[str, ...]) -> None:
        """Reports the longest turn since the last look, as the loop has timed it: a busy loop keeps this
        thread waiting for the interpreter for seconds, however short its turns are.
        """
        (seconds, cpu), self._longest = self._longest, _NONE
        if seconds > 0:
            self._report(Held(seconds, cpu, stack))

    def _stack(self) -> tuple[str, ...]:
        frame = sys._current_frames().get(self._watched)  # noqa: SLF001 - the only way to see another thread
        found = traceback.extract_stack(frame)[-_FRAMES:] if frame is not None else []
        return tuple(f"{item.filename}:{item.lineno} {item.name}" for item in found)
