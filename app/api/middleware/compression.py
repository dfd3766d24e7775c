"""ASGI middleware that compresses responses, if the client accepts it.

In pieces of 64 kB with the loop free in between: an answer of 25 MB takes half a second of CPU time. The
webhooks are not compressed, since kube-scheduler is near and waits for each answer, and neither are
streams of events.
"""

import re
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.preferences import weights_in
from app.api.service import made_service
from app.event_loop.time_slice import Clock, TimeSlice

MIN_BYTES = 1024
"""Below this, compression saves no packet."""
_PIECE_BYTES = 64 * 1024
_GZIP_LEVEL, _ZSTD_LEVEL = 4, 3
_GZIP_FORMAT = 31
"""The window of 32 kB, with the header of gzip (zlib's windowBits)."""
_COMPRESSIBLE = re.compile(r"(text/(?!event-stream)|image/svg|application/(json|javascript|x-ndjson))")
_WEBHOOKS = "/scheduler/"


class _Compressor(Protocol):
    def compress(self, data: Any, /) -> bytes: ...

    def flush(self, mode: int = ..., /) -> bytes: ...


class Compression:
    """Compresses with zstd or gzip, whichever the client prefers; zstd if it does not mind."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_WEBHOOKS):
            await self._app(scope, receive, send)
            return
        coding = accepted_coding(Headers(scope=scope).getlist("accept-encoding"))
        await self._app(scope, receive, _Response(send, coding, lambda: self._slice(scope)).send)

    def _slice(self, scope: Scope) -> TimeSlice:
        service = made_service(scope["app"])
        return service.time_slice() if service is not None else TimeSlice(self._clock)


class _Response:
    """One response on its way out."""

    def __init__(self, send: Send, coding: str, time_slice: Callable[[], TimeSlice]) -> None:
        self._send = send
        self._coding = coding
        self._time_slice = time_slice
        self._start: Message | None = None
        self._compressor: _Compressor | None = None
        self._flush_mode = 0
        self._slice: TimeSlice | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] != "http.response.body":
            await self._send(message)
        else:
            if self._start is not None:
                start, self._start = self._start, None
                self._prepare(start, message)
                await self._send(start)
            await self._body(message)

    def _prepare(self, start: Message, first: Message) -> None:
        """Decides, from the headers and the first piece of the body, whether to compress."""
        headers = MutableHeaders(raw=start["headers"])
        if "content-encoding" in headers or not _COMPRESSIBLE.match(headers.get("content-type", "")):
            return
        headers.add_vary_header("Accept-Encoding")
        start["headers"] = headers.raw
        whole = not first.get("more_body", False)
        if not self._coding or start["status"] in (204, 304) or (whole and len(first["body"]) < MIN_BYTES):
            return
        headers["content-encoding"] = self._coding
        del headers["content-length"]
        start["headers"] = headers.raw
        self._compressor, self._flush_mode = _compressor(self._coding)
        self._slice = self._time_slice()

    async def _body(self, message: Message) -> None:
        if self._compressor is None or self._slice is None:
            await self._send(message)
            return
        body, more = memoryview(message.get("body", b"")), message.get("more_body", False)
        for begin in range(0, len(body), _PIECE_BYTES):
            made = self._compressor.compress(body[begin : begin + _PIECE_BYTES])
            if made:
                await self._send({"type": "http.response.body", "body": made, "more_body": True})
            await self._slice.yield_if_due()
        # A client of a stream receives each line when it is sent.
        rest = self._compressor.flush(self._flush_mode) if more else self._compressor.flush()
        if rest or not more:
            await self._send({"type": "http.response.body", "body": rest, "more_body": more})


def _compressor(coding: str) -> tuple[_Compressor, int]:
    """A compressor, and the mode in which it flushes between two parts of a body."""
    if coding == "gzip":
        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT), zlib.Z_SYNC_FLUSH
    import zstandard  # noqa: PLC0415 - only for clients that ask for it

    return zstandard.ZstdCompressor(_ZSTD_LEVEL).compressobj(), zstandard.COMPRESSOBJ_FLUSH_BLOCK


def accepted_coding(values: list[str]) -> str:
    """``zstd``, ``gzip``, or empty: the best that Accept-Encoding allows (RFC 9110, section 12.5.3)."""
    weights = {{"x-gzip": "gzip"}.get(name, name): weight for name, weight in weights_in(values).items()}
    ranked = [(weights.get(name, weights.get("*", 0.0)), name) for name in ("gzip", "zstd")]
    if "zstd" not in weights:
        ranked = ranked[:1]  # `*` is not a request for a coding that few clients know
    weight, best = max(ranked)
    return best if weight > 0 else ""
