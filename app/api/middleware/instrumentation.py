"""ASGI middleware around every request: its ID, duration and count, common headers, and the response to a
defect.
"""

import logging
import re
import secrets
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import defect
from app.api.middleware.access import is_guarded
from app.api.middleware.browser import HEADERS
from app.event_loop.time_slice import Clock
from app.observability.logs import clear_context
from app.observability.metrics import Metrics

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-Id"
_RAW_ID = REQUEST_ID.lower().encode()
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_OPEN_HEADERS = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())
_GUARDED_HEADERS = (*_OPEN_HEADERS, (b"cache-control", b"no-store"))
_WEBHOOK_HEADERS = tuple(
    header for header in _GUARDED_HEADERS if header[0] in (b"x-content-type-options", b"cache-control")
)
"""The others are for browsers, and the client is kube-scheduler: each header costs time four times on its
way out.
"""
_Header = tuple[bytes, bytes]
_WEBHOOKS = frozenset({"filter", "prioritize", "preempt", "bind"})
_VERBS = {
    "/scheduler/filter": "filter",
    "/scheduler/prioritize": "prioritize",
    "/scheduler/preempt": "preempt",
    "/scheduler/bind": "bind",
    "/api/v1/placements": "placements",
    "/api/v1/capacity": "capacity",
    "/api/v1/sizing": "sizing",
    "/api/v1/repack": "repack",
    "/api/v1/stream": "stream",
}


class Instrumentation:
    """Measures requests by verb, a bounded set. No exception leaves it."""

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        verb, request_id = _verb(scope["path"]), _request_id(scope)
        clear_context(request=request_id, verb=verb)
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = message.get("headers", ())
                if verb in _WEBHOOKS:  # their answers have none of these
                    message["headers"] = [*given, *_WEBHOOK_HEADERS, (_RAW_ID, request_id.encode())]
                else:
                    message["headers"] = _with(given, _headers_of(scope["path"]), request_id)
            await send(message)

        started = self._clock()
        self._metrics.in_flight.labels(verb).inc()
        try:
            await self._app(scope, receive, noted)
        except Exception:
            log.exception("defect while handling %s", scope["path"])
            if status:
                raise  # a part of the response is sent: the server must close the connection
            await defect().response()(scope, receive, noted)
        finally:
            self._metrics.in_flight.labels(verb).dec()
            if verb != "stream":
                self._metrics.requests.labels(verb, str(status or 500)).observe(self._clock() - started)


def _headers_of(path: str) -> tuple[_Header, ...]:
    return _GUARDED_HEADERS if is_guarded(path) else _OPEN_HEADERS


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _RAW_ID:
            return value.decode() if _GIVEN_ID.fullmatch(value) else secrets.token_hex(8)
    return secrets.token_hex(8)


def _with(given: Iterable[_Header], ours: Iterable[_Header], request_id: str) -> list[_Header]:
    """A response's headers, the common headers that it does not have, and the request's ID."""
    headers = [(name, value) for name, value in given if name.lower() != _RAW_ID]
    there = {name.lower() for name, _ in headers}
    headers += [header for header in ours if header[0] not in there]
    headers.append((_RAW_ID, request_id.encode()))
    return headers


def _verb(path: str) -> str:
    found = _VERBS.get(path)
    if found is not None:
        return found
    return "read" if path.startswith("/api/v1/") else "other"
