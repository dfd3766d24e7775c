"""The service with a meter: the CPU time of the longest turn of its event loop, in a file for others."""

import asyncio
import mmap
import os
import struct
import time
from pathlib import Path

_SIZE = 512
_HEAD = struct.Struct("d")


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


def measure(path: Path) -> None:
    """Measures each turn of the loops of this process."""
    with path.open("r+b") as file:
        shared = mmap.mmap(file.fileno(), _SIZE)
    run = asyncio.Handle._run  # noqa: SLF001 - what all loops of asyncio go through

    def measured(handle: asyncio.Handle) -> None:
        begin = time.thread_time()
        try:
            run(handle)
        finally:
            seconds = time.thread_time() - begin
            if seconds > _HEAD.unpack_from(shared)[0]:
                what = repr(handle).encode()[: _SIZE - _HEAD.size]
                shared[:] = _HEAD.pack(seconds) + what.ljust(_SIZE - _HEAD.size, b"\0")

    asyncio.Handle._run = measured  # type: ignore[assignment, method-assign] # noqa: SLF001 - as above


def main() -> None:
    """Serves with the arguments of the command line, on a loop whose turns can be measured."""
    from app.cli import main as program  # noqa: PLC0415 - not for the process that reads the meter
    from app.server import process  # noqa: PLC0415 - as above

    process._new_loop = asyncio.new_event_loop  # noqa: SLF001 - uvloop's turns cannot be measured
    measure(Path(os.environ["LONGEST_TURN"]))
    program()


if __name__ == "__main__":
    main()
