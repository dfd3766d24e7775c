"""The service with a meter: the CPU time of the longest turn of its event loop, in a file for others."""

import asyncio
import gc
import mmap
import os
import signal
import struct
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

_SIZE = 8192
_HEAD = struct.Struct("d")
_SAMPLE_SECONDS = 0.004
"""CPU time between two looks at the stack."""
_FRAMES = 12


class LongestTurn:
    """The longest turn since ``clear``, seen from another process."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_SIZE))
        self._path = path

    def clear(self) -> None:
        """Begins anew."""
        with self._path.open("r+b") as file:
            file.write(bytes(_SIZE))

    def read(self) -> tuple[float, str]:
        """CPU seconds, and what it was busy with."""
        data = self._path.read_bytes()
        return _HEAD.unpack_from(data)[0], data[_HEAD.size :].rstrip(b"\0").decode(errors="replace")


class _Samples:
    """What a turn was busy with: stacks at equal distances of CPU time, and collections of garbage."""

    def __init__(self) -> None:
        self._stacks: list[str] = []
        self._began = 0.0
        self._collecting = 0.0
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, _SAMPLE_SECONDS, _SAMPLE_SECONDS)
        gc.callbacks.append(self._collects)

    def clear(self) -> None:
        """A turn begins."""
        self._stacks.clear()
        self._collecting = 0.0

    def text(self) -> str:
        """The stacks, the most frequent first."""
        found = Counter(self._stacks).most_common()
        collector = f"garbage collector: {self._collecting * 1e3:.1f} ms\n"
        return collector + "\n".join(f"{count} x {stack}" for stack, count in found)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        found: list[str] = []
        while frame is not None and len(found) < _FRAMES:
            code = frame.f_code
            found.append(f"{'/'.join(code.co_filename.split('/')[-2:])}:{frame.f_lineno} {code.co_name}")
            frame = frame.f_back
        self._stacks.append(" < ".join(found))

    def _collects(self, phase: str, _info: dict[str, Any]) -> None:
        now = time.thread_time()
        if phase == "start":
            self._began = now
        else:
            self._collecting += now - self._began


def measure(path: Path) -> None:
    """Measures each turn of the loops of this process."""
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), _SIZE)
    samples = _Samples()
    run = asyncio.Handle._run  # noqa: SLF001 - what all loops of asyncio go through

    def measured(handle: asyncio.Handle) -> None:
        samples.clear()
        begin = time.thread_time()
        try:
            run(handle)
        finally:
            seconds = time.thread_time() - begin
            if seconds > _HEAD.unpack_from(shared)[0]:
                what = f"{handle!r:.300}\n{samples.text()}".encode()[: _SIZE - _HEAD.size]
                shared[:] = _HEAD.pack(seconds) + what.ljust(_SIZE - _HEAD.size, b"\0")

    asyncio.Handle._run = measured  # type: ignore[assignment, method-assign] # noqa: SLF001 - as above


def main() -> None:
    """Serves with the arguments of the command line, on a loop whose turns can be measured."""
    from app.cli import main as program  # noqa: PLC0415 - not for the process that reads the meter
    from app.server import process  # noqa: PLC0415 - as above

    process.new_event_loop = asyncio.new_event_loop  # uvloop's turns cannot be measured
    measure(Path(os.environ["LONGEST_TURN"]))
    program()


if __name__ == "__main__":
    main()
