"""Requests that come again when the API server was too busy for them.

429 means that nothing was done and when to come back (priority and fairness); client-go waits, and so do
binds: to give up would mean to undo, which is more requests to a server that has too many.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from app.cluster.client.call import Params, PatchKind
from app.cluster.client.errors import TooManyRequestsError
from app.core.json_object import JsonObject

_UNTOLD_SECONDS = 1.0  # where the server does not say when


class Requests(Protocol):
    """What writers need of a client: see ``ApiClient``."""

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
    """A client that waits, up to ``seconds`` in all for one request, when it is told to come back.

    ``retries`` counts the requests that were sent again.
    Raises what the client raises: TooManyRequestsError if the server wants more patience than that.
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
