"""ASGI middleware before every endpoint: authentication, authorization and limits before a body is read."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import HttpError
from app.api.expensive import CALLER
from app.api.middleware.access import AccessRules, is_guarded
from app.api.middleware.browser import require_host, require_own_page
from app.api.visibility import MAY
from app.observability.logs import bind_context
from app.settings.serving import ServingSettings, is_loopback

_OF_BROWSERS = frozenset({b"origin", b"sec-fetch-site"})


class Authorization:
    """Passes requests on, or responds with an error.

    Bodies under /api/v1 share a budget. The webhooks have none, since a client that may bind Pods is
    trusted.
    """

    def __init__(self, app: ASGIApp, settings: ServingSettings, rules: AccessRules) -> None:
        self._app = app
        self._rules = rules
        # A service on a public address cannot know its names.
        self._hosts = frozenset(settings.allowed_hosts) | {settings.host.strip("[]").lower()}
        self._checks_host = is_loopback(settings.host) or bool(settings.allowed_hosts)
        self._most_bytes = settings.api_bodies_bytes
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            caller = await self._admitted(scope)
        except HttpError as refusal:
            await refusal.response()(scope, receive, send)
            return
        if caller:
            bind_context(caller=caller)
            scope[CALLER] = caller
        may = self._rules.may(scope)
        if may is not None:
            scope[MAY] = may
        if not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        await self._within_budget(scope, receive, send)

    async def _admitted(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        # Fast path: most requests have none of these.
        there = {name for name, _ in scope["headers"]}
        if self._checks_host:
            require_host(headers, self._hosts)
        if b"content-encoding" in there and headers["content-encoding"].lower() != "identity":
            text = "compressed bodies are not supported; send the body without Content-Encoding"
            raise HttpError(415, "UnsupportedEncoding", text)
        if not is_guarded(scope["path"]):
            return ""
        if not there.isdisjoint(_OF_BROWSERS):
            require_own_page(headers, scope["scheme"])
        return await self._rules.require(scope)

    async def _within_budget(self, scope: Scope, receive: Receive, send: Send) -> None:
        held = 0

        async def counted() -> Message:
            nonlocal held
            message = await receive()
            size = len(message.get("body", b"")) if message["type"] == "http.request" else 0
            held += size
            self._bytes += size
            if self._bytes > self._most_bytes:
                text = "the bodies of all current requests are too large together"
                raise HttpError(429, "TooManyRequests", text, retry_after_seconds=1)
            return message

        try:
            await self._app(scope, counted, send)
        finally:
            self._bytes -= held
