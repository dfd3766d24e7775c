"""ASGI middleware around every request: time, count, and what a browser may do with the answer."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.turns import Clock
from app.metrics import Metrics

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
}
_VERBS = {
    "/scheduler/filter": "filter",
    "/scheduler/prioritize": "prioritize",
    "/scheduler/bind": "bind",
    "/api/v1/placements": "placements",
    "/api/v1/capacity": "capacity",
    "/api/v1/stream": "stream",
}


class Observed:
    """Measures requests by verb, a bounded set, and sets the security headers."""

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        verb = _verb(scope["path"])
        status = "500"

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        started = self._clock()
        self._metrics.in_flight.labels(verb).inc()
        try:
            await self._app(scope, receive, noted)
        finally:
            self._metrics.in_flight.labels(verb).dec()
            if verb != "stream":
                self._metrics.requests.labels(verb, status).observe(self._clock() - started)


def _verb(path: str) -> str:
    found = _VERBS.get(path)
    if found is not None:
        return found
    return "read" if path.startswith("/api/v1/") else "other"
