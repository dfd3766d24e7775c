"""One connection: uvicorn's, with limits on the size and the duration of requests.

uvicorn limits neither a request's head nor the time that any part of it takes.
"""

import asyncio
import http
from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.errors import error_body
from app.api.middleware.browser import HEADERS
from app.api.middleware.client_certificate import PEER, TRUST, ClientCertificate, peer_of
from app.server.coalescing import CoalescingTransport
from app.server.connection_limit import ConnectionLimiter

MAX_HEADERS = 100
MAX_PIECES = 1_000
MIN_PIECE_BYTES = 64
"""On average, of a body in more than MAX_PIECES: chunks of one byte cost a microsecond for each byte."""
MAX_WAITING = 16
"""Requests of one connection that wait for the response to an earlier one."""
_PARSED_BYTES = 16 * 1024
"""Bytes parsed before what they contain is checked: the event loop reads 256 kB at once, which may be
11,000 requests or 60,000 fields.
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one connection; times in seconds.

    ``body_seconds``: from the end of the head; afterwards the connection is closed, even if no handler
    waits for the body.
    """

    head_bytes: int = 32 * 1024
    url_bytes: int = 8 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    stuck_seconds: float = 30.0


class Connection(HttpToolsProtocol):
    """HTTP/1.1; rejects requests with the common form of errors."""

    def __init__(self, *, bounds: Bounds, connections: ConnectionLimiter, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._bounds = bounds
        self._connections = connections
        self._peer: ClientCertificate | None = None
        self._trusted = False
        self._refused = False
        self._last_words = b""
        # When the current message began (None between messages), and when its head was complete.
        self._coming_since: float | None = None
        self._head_done_at: float | None = None
        self._head_bytes = 0
        self._pieces = 0
        self._body_bytes = 0
        self._stuck_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(CoalescingTransport(transport, self.loop))
        tls = transport.get_extra_info("ssl_object")
        self._peer = peer_of(tls.getpeercert()) if tls is not None else None
        self._coming_since = self.loop.time()
        if not self._connections.join(self):
            self._refuse(503, "TooManyConnections", "too many connections are open")

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for begin in range(0, len(data), _PARSED_BYTES):
            if self._refused or self.transport.is_closing():
                return
            self._parse(data[begin : begin + _PARSED_BYTES])

    def _parse(self, data: bytes) -> None:
        if self._coming_since is None:
            # Also for bytes that do not begin a message, such as endless empty lines.
            self._begin()
        if self._head_done_at is None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_done_at is None and self._head_bytes > self._bounds.head_bytes:
            self._refuse(431, "HeadersTooLarge", f"the head is larger than {self._bounds.head_bytes} bytes")
        elif self._coming_since is not None and len(self.headers or ()) > MAX_HEADERS:
            # Those behind the last chunk of a body count as well: they are kept beside those of the head.
            self._refuse(431, "HeadersTooLarge", f"the request has more than {MAX_HEADERS} fields")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._coming_since is None:
            self._begin()
        extensions: dict[str, Any] = {TRUST: self._trust, PEER: self._peer}
        self.scope["extensions"] = extensions

    def on_headers_complete(self) -> None:
        if self._refused:
            return  # this came in one piece with what was refused
        self._head_done_at = self.loop.time()
        # Otherwise a whole request in one piece would count as a head.
        self._head_bytes = 0
        size = len(self.url) + 4 * len(self.headers) + sum(map(len, chain.from_iterable(self.headers)))
        if len(self.url) > self._bounds.url_bytes:
            self._refuse(414, "URLTooLong", f"the URL is longer than {self._bounds.url_bytes} bytes")
        elif size > self._bounds.head_bytes or len(self.headers) > MAX_HEADERS:
            text = f"the head is larger than {self._bounds.head_bytes} bytes or {MAX_HEADERS} fields"
            self._refuse(431, "HeadersTooLarge", text)
        elif len(self.pipeline) >= MAX_WAITING:
            text = f"more than {MAX_WAITING} requests wait for their responses on this connection"
            self._refuse(429, "TooManyRequests", text)
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._pieces += 1
        self._body_bytes += len(body)
        if self._pieces > MAX_PIECES and self._body_bytes < self._pieces * MIN_PIECE_BYTES:
            self._refuse(400, "PiecesTooSmall", f"the body has chunks of less than {MIN_PIECE_BYTES} bytes")
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._coming_since = self._head_done_at = None
        if self._refused:
            return
        self._settle()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        super().on_response_complete()
        if self._last_words and is_last and not self.transport.is_closing():
            self._part(self._last_words)
            return
        # A body that no handler waits for may still arrive.
        if self._coming_since is None:
            self._settle()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the signature is uvicorn's
        self._refuse(400, "InvalidHTTP", "invalid HTTP request")

    def _unsupported_upgrade_warning(self) -> None:
        """Ignores requests to upgrade the protocol."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck_since = self.loop.time()
        self._connections.waits(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stuck_since = None
        if self._coming_since is None:
            self._settle()

    def shutdown(self) -> None:
        """At shutdown: waits only for a complete request with a response in progress."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        nothing_asked = cycle is None or cycle.response_complete or cycle.more_body
        if self._stuck_since is not None or (self._coming_since is not None and nothing_asked):
            self.transport.abort()
        else:
            super().shutdown()

    def give_up(self) -> None:
        """Closes it to make room, without a response: a slow client would not read that either."""
        self.transport.abort()

    def check(self, now: float) -> None:
        """Closes it if it has been too slow. Called about once a second; ``now`` is from the loop's clock."""
        bounds = self._bounds
        if self._stuck_since is not None and now - self._stuck_since > bounds.stuck_seconds:
            self.transport.abort()
        elif self._head_done_at is not None:
            if now - self._head_done_at > bounds.body_seconds:
                self.transport.abort()
        elif self._coming_since is not None and now - self._coming_since > bounds.head_seconds:
            if self._refused or self.transport.is_closing():
                self.transport.abort()
            else:
                self._refuse(408, "TooSlow", f"the head took longer than {bounds.head_seconds:g} s")

    def _begin(self) -> None:
        self._coming_since = self.loop.time()
        self._head_bytes = self._pieces = self._body_bytes = 0

    def _settle(self) -> None:
        """Between two messages: makes it a candidate for closing when others connect."""
        if self._trusted or not self.cycle.response_complete:
            self._connections.busy(self)
        else:
            self._connections.waits(self)

    def _trust(self) -> None:
        self._trusted = True

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Sends an error on the connection and closes it: the rest of the stream cannot be parsed.

        The responses to requests before come first: a client takes responses in the order of its requests.
        """
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        answer = _answer(status, orjson.dumps(error_body(code, message)))
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if self.pipeline:
            self._last_words = answer
        elif cycle is None or cycle.response_complete or not cycle.response_started:
            self._part(answer)
        else:
            self.transport.close()

    def _part(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()


def _answer(status: int, body: bytes) -> bytes:
    fields = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **HEADERS,
    }
    lines = [f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
