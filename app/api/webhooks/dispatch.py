"""The webhooks answered before FastAPI, whose stack and router cost each of them a millisecond.

FastAPI resolves dependencies, keeps stacks of contexts, wraps every handler twice and every application five
times; kube-scheduler calls three paths, three times a Pod. The routes stay in the router for the API's
reference, and for every method but POST.
"""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.errors import HttpError
from app.api.service import Service, service_of

Endpoint = Callable[[Request, Service], Awaitable[Response]]


class Shortcut:
    """Calls the endpoint of a path straight away.

    Args:
        endpoints: by path; no other path comes here.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self.endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            service = await service_of(request)
            async with service.lead():
                answer = await self.endpoints[scope["path"]](request, service)
        except HttpError as refusal:
            answer = refusal.response()
        await answer(scope, receive, send)


class Application(FastAPI):
    """FastAPI, but for some paths that are POSTed to."""

    def __init__(self, **fastapis: object) -> None:
        super().__init__(**fastapis)  # type: ignore[arg-type]  # as FastAPI has them
        self._paths: frozenset[str] = frozenset()
        self._shortcut: ASGIApp = super().__call__

    def cut_short(self, shortcut: Shortcut, around: Callable[[ASGIApp], ASGIApp]) -> None:
        """Answers the shortcut's paths by it.

        Args:
            around: puts around it what the middleware does for every other path: who calls, what a body
                may be, what is measured.
        """
        self._paths = frozenset(shortcut.endpoints)
        self._shortcut = around(shortcut)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self._paths and scope["method"] == "POST":
            scope["app"] = self
            await self._shortcut(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
