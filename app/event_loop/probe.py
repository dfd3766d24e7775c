"""Answers the liveness probe on its own port, so that an event loop that is held cannot delay it.

A probe that the first loop answers fails for as long as the loop is held: the kubelet cannot tell a process
that is busy for a few seconds from one that will never answer again. This one answers either way, and fails
when the loop has been held for too long.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

_HEAD_BYTES = 4096
_SECONDS = 5.0
"""For a client to send its request, and to read the response."""
_MAX_CLIENTS = 16


class Probe:
    """An HTTP server for ``GET /livez`` without TLS. It reveals nothing else.

    Args:
        silence: seconds since the last turn of the watched loop.
        dead_seconds: when the loop has been silent for this long, the response is 503.
    """

    def __init__(self, silence: Callable[[], float], dead_seconds: float) -> None:
        self._silence = silence
        self._dead_seconds = dead_seconds
        self._clients: OrderedDict[asyncio.StreamWriter, None] = OrderedDict()

    def alive(self) -> bool:
        """Whether the watched loop runs, or has run a short time ago. Callable from any thread."""
        return self._silence() < self._dead_seconds

    async def listen(self, host: str, port: int) -> int:
        """Serves on the current loop until ``close``. Returns the port. Raises: OSError."""
        self._server = await asyncio.start_server(self._answer, host, port, limit=_HEAD_BYTES)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients[writer] = None
        if len(self._clients) > _MAX_CLIENTS:
            # The one that has been silent for longest: the kubelet sends its request at once.
            self._clients.popitem(last=False)[0].transport.abort()
        try:
            # A client that has left, is slow or sends something else gets no response.
            with suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
                async with asyncio.timeout(_SECONDS):
                    writer.write(self._response(await reader.readuntil(b"\r\n\r\n")))
                    await writer.drain()
        finally:
            self._clients.pop(writer, None)
            writer.close()

    def _response(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        if rest.partition(b" ")[0].partition(b"?")[0] != b"/livez":
            return _written("404 Not Found", "this port serves /livez only")
        if method not in {b"GET", b"HEAD"}:
            return _written("405 Method Not Allowed", "use GET")
        if self.alive():
            return _written("200 OK", "ok")
        return _written("503 Service Unavailable", f"the event loop has not run for {self._silence():.0f} s")


def _written(status: str, text: str) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}"
    ).encode()
