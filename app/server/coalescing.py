"""Combines all writes to a connection in one turn of the event loop into one. uvicorn writes the head and
the body of a response separately, and the event loop sends each at once: two system calls, and the client
wakes up for a head without a body.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

_MAX_BYTES = 64 * 1024
"""Maximum bytes to delay until the end of the turn: a larger writer needs flow control."""


class CoalescingTransport(asyncio.Transport):
    """A transport that writes at the end of the turn, and delegates everything else to the wrapped
    transport. ``close`` first sends what has been written, ``abort`` does not.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._written: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._written:
            self._loop.call_soon(self._flush)
        self._written.append(bytes(data))
        self._size += len(data)
        if self._size > _MAX_BYTES:
            self._flush()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        for data in list_of_data:
            self.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._written, self._size = [], 0
        self._transport.abort()

    def _flush(self) -> None:
        if self._written:
            written, self._written, self._size = self._written, [], 0
            self._transport.writelines(written)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()
