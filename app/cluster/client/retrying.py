"""Repeats requests when the API server is too busy. 429 means that nothing was done, with a time to retry
(priority and fairness). client-go waits, and so do binds: giving up would mean undoing, which sends more
requests to an overloaded server.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from app.cluster.client.call import Params, PatchKind
from app.cluster.client.errors import TooManyRequestsError
from app.core.json_object import JsonObject

_UNTOLD_SECONDS = 1.0  # if the server does not set a time


class Requests(Protocol):
    """The methods of a client for writes: see ``ApiClient``."""

    async def get(self, path: str, params: Params | None = None) -> JsonObject: ...

    async def post(
        self,
        path: str,
        body: JsonObject,
        params: Params | None = None,
        *,
        guard: Callable[[], None] | None = None,
    ) -> JsonObject: ...

    async def patch(
        self,
        path: str,
        body: JsonObject | list[JsonObject],
        *,
        kind: PatchKind = "merge",
        params: Params | None = None,
    ) -> JsonObject: ...

    async def delete(
        self, path: str, body: JsonObject | None = None, params: Params | None = None
    ) -> JsonObject: ...


class RetryingClient:
    """A client that waits and retries on 429, up to ``seconds`` in total for one request.

    ``retries`` counts the repeated requests. Raises the errors of the client: TooManyRequestsError if the
    server requires a longer wait.
    """

    def __init__(self, client: Requests, seconds: float = 10.0) -> None:
        self._client = client
        self._seconds = seconds
        self.retries = 0

    async def get(self, path: str, params: Params | None = None) -> JsonObject:
        return await self._again(lambda: self._client.get(path, params))

    async def post(
        self,
        path: str,
        body: JsonObject,
        params: Params | None = None,
        *,
        guard: Callable[[], None] | None = None,
    ) -> JsonObject:
        return await self._again(lambda: self._client.post(path, body, params, guard=guard))

    async def patch(
        self,
        path: str,
        body: JsonObject | list[JsonObject],
        *,
        kind: PatchKind = "merge",
        params: Params | None = None,
    ) -> JsonObject:
        return await self._again(lambda: self._client.patch(path, body, kind=kind, params=params))

    async def delete(
        self, path: str, body: JsonObject | None = None, params: Params | None = None
    ) -> JsonObject:
        return await self._again(lambda: self._client.delete(path, body, params))

    async def _again(self, request: Callable[[], Awaitable[dict[str, Any]]]) -> JsonObject:
        left = self._seconds
        while True:
            try:
                return await request()
            except TooManyRequestsError as error:
                wait = _UNTOLD_SECONDS if error.retry_after is None else error.retry_after
                left -= wait
                if left < 0:
                    raise
                await asyncio.sleep(wait)
                self.retries += 1
