"""ASGI middleware: the webhooks answered without the router, which costs each of them a millisecond.

FastAPI resolves dependencies, keeps stacks of contexts and wraps every handler twice; kube-scheduler calls
three paths, three times a Pod. The routes stay in the router for the API's reference, and for every
method but POST. What is outside of this (measuring, limits, checks of the caller) holds for these too.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import Refusal
from app.api.responses import Json
from app.api.service import Service

Endpoint = Callable[[Request, Service], Awaitable[Json]]


class Shortcut:
    """Calls the endpoints of some paths straight away.

    Args:
        app: whatever answers everything else.
        endpoints: by path.
    """

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        service: Service = scope["app"].state.service
        try:
            async with service.lead():
                answer = await endpoint(Request(scope, receive), service)
        except Refusal as refusal:
            answer = refusal.response()
        await answer(scope, receive, send)
