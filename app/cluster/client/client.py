"""One client for the API server: JSON objects in and out as plain dicts, errors as app.cluster.errors.

Objects stay dicts because a typed model drops unknown fields, and a write would then erase them.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Self, TypeVar

import httpx
import orjson

from app.cluster.client.call import MEDIA_TYPES, METADATA, TEXT, ApiCall, Params, PatchKind, Timeouts
from app.cluster.client.errors import ConnectionFailedError, error_of_response
from app.cluster.client.fence import Fence
from app.cluster.client.identity import Anonymous, Auth
from app.cluster.client.outgoing import Answer, DirectTransport, Outgoing
from app.cluster.client.responses import event_of, lines_of, object_of, read_whole, text_of
from app.core.json_object import JsonObject

T = TypeVar("T")

_FIRST_PAGE = 16
"""Objects of the first page of a list: their size is not known before."""
_PAGE_BYTES = 2 * 1024 * 1024
"""About what a page of a list has: it is decoded in some 10 ms."""


class ApiClient:
    """Requests to one API server. Safe to use from many tasks of one event loop.

    Requests go straight to the transport: httpx.AsyncClient would add cookies, redirects and a second
    timeout machinery that the API server has no use for, at a third of the throughput
    (docs/decisions/002-http-transport.md).

    Args:
        base_url: scheme, host and, behind some proxies, a path.
        transport: any httpx transport; tests use one in memory.
        auth: credentials.
        timeouts: see Timeouts.
        fence: see ``guarded``; without one, writes are not held back.

    Raises (from every method): ApiError or a subclass for a response outside 2xx, ConnectionFailedError if no
    response arrives, CredentialsError if there is no token. After a 401 the client renews the credentials and
    repeats the request once. It repeats nothing else: only the caller knows whether that is safe.
    """

    def __init__(
        self,
        base_url: str,
        transport: httpx.AsyncBaseTransport,
        *,
        auth: Auth | None = None,
        timeouts: Timeouts | None = None,
        user_agent: str = "dra-extender",
        fence: Fence | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._transport = transport
        self._auth: Auth = auth or Anonymous()
        self._timeouts = timeouts or Timeouts()
        self._user_agent = user_agent
        self._headers = (("User-Agent", user_agent),)
        self._guard = None if fence is None else fence.check
        self._write_params: Params = {} if fence is None else {"timeout": f"{fence.request_seconds:g}s"}

    def __repr__(self) -> str:
        return f"ApiClient({self._base_url!r})"

    def guarded(self, fence: Fence) -> Self:
        """A client on the same connections that checks a fence right before each write is sent.

        A leader that has lost its lease must not write, and may have lost it while the request waited for
        credentials or a connection. A write in flight takes no longer than ``fence.request_seconds``,
        here and (query parameter ``timeout``) in the API server, which then aborts it.
        """
        total = min(self._timeouts.total, fence.request_seconds)
        return type(self)(
            self._base_url,
            self._transport,
            auth=self._auth,
            timeouts=replace(self._timeouts, total=total),
            user_agent=self._user_agent,
            fence=fence,
        )

    async def get(self, path: str, params: Params | None = None) -> JsonObject:
        return await self._request(ApiCall("GET", path, params))

    async def list_page(
        self, path: str, *, limit: int = 500, continue_token: str = "", params: Params | None = None
    ) -> JsonObject:
        """One page of a list, as the API server's List object; metadata.continue leads to the next.

        Raises GoneError if the token is too old.
        """
        return await self._request(_page_call(path, limit, continue_token, params))

    async def newest_version(self, path: str, *, limit: int = 500) -> int:
        """The highest resourceVersion of the objects of a list, as they are now; 0 for none.

        Now: at some moment after the call, not from a cache. Requests only metadata.
        Cost: one request for each ``limit`` objects.
        """
        newest, token = 0, ""
        while True:
            query = {"limit": str(limit), **({"continue": token} if token else {})}
            page = await self._request(ApiCall("GET", path, query, accept=METADATA))
            for item in page.get("items") or ():
                newest = max(newest, int(item["metadata"]["resourceVersion"]))
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return newest

    async def list_all(
        self, path: str, *, limit: int = 500, params: Params | None = None
    ) -> tuple[list[JsonObject], str]:
        """Every object of a list, read page by page, and the resourceVersion of the whole.

        Adds the apiVersion and kind to items, which the API server leaves out of lists. A page has ``limit``
        objects at most, and fewer if they are large: an object may have 1.5 MB, and a page is decoded in one
        step.
        """
        objects: list[JsonObject] = []
        token, number = "", min(limit, _FIRST_PAGE)
        while True:
            body = await self._body(_page_call(path, number, token, params))
            page = await object_of(f"GET {path}", body)
            if found := len(page.get("items") or ()):
                number = max(1, min(limit, _PAGE_BYTES * found // len(body)))
            metadata = page.get("metadata") or {}
            kind = str(page.get("kind", "")).removesuffix("List")
            for item in page.get("items") or ():
                if isinstance(item, dict):
                    item.setdefault("apiVersion", page.get("apiVersion"))
                    item.setdefault("kind", kind)
                objects.append(item)
            token = metadata.get("continue") or ""
            if not token:
                return objects, str(metadata.get("resourceVersion") or "")

    async def watch(
        self,
        path: str,
        params: Params | None = None,
        *,
        read_timeout_seconds: float = 70.0,
        on_open: Callable[[], None] = lambda: None,
    ) -> AsyncGenerator[JsonObject, None]:
        """The raw events ({"type", "object"}) of one watch, until the server ends it.

        Returns ERROR events unchanged. Close the generator (contextlib.aclosing) to end the watch.

        Args:
            read_timeout_seconds: how long the stream may be silent.
            on_open: called when the server has accepted the watch.

        Raises: ConnectionFailedError also for a stream that ends inside an event, and (``silent``) for one
        that is silent for too long.
        """
        name = f"WATCH {path}"
        query = {"watch": "true", **(params or {})}
        response = await self._open(ApiCall("GET", path, query, read_seconds=read_timeout_seconds))
        try:
            if response.status_code != 200:
                raise error_of_response(name, response.status_code, response.headers, await response.aread())
            on_open()
            async with aclosing(lines_of(response)) as lines:
                async for line in lines:
                    yield await event_of(name, line)
        except httpx.ReadTimeout as error:
            problem = f"silent for {read_timeout_seconds:g} s"
            raise ConnectionFailedError(name, problem, sent=True, silent=True) from error
        except httpx.TransportError as error:
            raise ConnectionFailedError(name, text_of(error), sent=True) from error
        finally:
            await response.aclose()

    async def chunks(self, path: str) -> AsyncGenerator[bytes, None]:
        """A response that is text, as it arrives. Close the generator (contextlib.aclosing) to end it."""
        call = ApiCall("GET", path, accept=TEXT)
        response = await self._open(call)
        try:
            if response.status_code != 200:
                body = await response.aread()
                raise error_of_response(call.name, response.status_code, response.headers, body)
            async for chunk in response.aiter_bytes():
                yield chunk
        except httpx.TransportError as error:
            raise ConnectionFailedError(call.name, text_of(error), sent=True) from error
        finally:
            await response.aclose()

    async def post(
        self,
        path: str,
        body: JsonObject,
        params: Params | None = None,
        *,
        guard: Callable[[], None] | None = None,
    ) -> JsonObject:
        """Creates an object. ``guard`` raises to stop the write; it is called after the fence."""
        return await self._request(ApiCall("POST", path, params, orjson.dumps(body), guard=guard))

    async def put(self, path: str, body: JsonObject, params: Params | None = None) -> JsonObject:
        return await self._request(ApiCall("PUT", path, params, orjson.dumps(body)))

    async def patch(
        self,
        path: str,
        body: JsonObject | list[JsonObject],
        *,
        kind: PatchKind = "merge",
        params: Params | None = None,
    ) -> JsonObject:
        """Patches an object.

        A merge patch that carries metadata.resourceVersion raises ConflictError if that is not the newest.
        """
        return await self._request(ApiCall("PATCH", path, params, orjson.dumps(body), MEDIA_TYPES[kind]))

    async def delete(
        self, path: str, body: JsonObject | None = None, params: Params | None = None
    ) -> JsonObject:
        """Deletes an object; ``body`` is DeleteOptions (preconditions). Returns the object or a Status."""
        return await self._request(ApiCall("DELETE", path, params, orjson.dumps(body) if body else b""))

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def _request(self, call: ApiCall) -> JsonObject:
        return await object_of(call.name, await self._body(call))

    async def _body(self, call: ApiCall) -> bytes:
        # A plugin may wait for user input, which does not count as the API server's time.
        await self._auth.authorization()
        try:
            async with asyncio.timeout(self._timeouts.total):
                answer = await self._answer(call)
        except TimeoutError as error:
            problem = f"no response within {self._timeouts.total:g} s"
            raise ConnectionFailedError(call.name, problem, sent=True) from error
        except httpx.TransportError as error:
            raise ConnectionFailedError(call.name, text_of(error), sent=True) from error
        if not 200 <= answer.status < 300:
            raise error_of_response(call.name, answer.status, answer.headers, answer.body)
        return answer.body

    async def _answer(self, call: ApiCall) -> Answer:
        """Sends, and sends once more with new credentials after a 401."""
        authorization = await self._auth.authorization()
        identity = self._auth.identity
        answer = await self._transmit(call, authorization, self._exchange)
        if answer.status != 401:
            return answer
        renewed = await self._renewed(call, authorization, identity, answer)
        return await self._transmit(call, renewed, self._exchange)

    async def _open(self, call: ApiCall) -> httpx.Response:
        """As ``_answer``, with the body still to be read."""
        authorization = await self._auth.authorization()
        identity = self._auth.identity
        response = await self._transmit(call, authorization, self._begin)
        if response.status_code != 401:
            return response
        answer = await read_whole(response)
        renewed = await self._renewed(call, authorization, identity, answer)
        return await self._transmit(call, renewed, self._begin)

    async def _renewed(
        self, call: ApiCall, authorization: str | None, identity: int, answer: Answer
    ) -> str | None:
        """The credentials to use instead of the refused ones."""
        await self._auth.renew(authorization)
        renewed = await self._auth.authorization()
        if renewed == authorization and self._auth.identity == identity:
            # No new credentials: a retry would get the same response.
            raise error_of_response(call.name, 401, answer.headers, answer.body)
        return renewed

    async def _exchange(self, request: Outgoing) -> Answer:
        if isinstance(self._transport, DirectTransport):
            return await self._transport.exchange(request)
        return await read_whole(await self._transport.handle_async_request(request.as_httpx()))

    async def _begin(self, request: Outgoing) -> httpx.Response:
        return await self._transport.handle_async_request(request.as_httpx())

    async def _transmit(
        self, call: ApiCall, authorization: str | None, send: Callable[[Outgoing], Awaitable[T]]
    ) -> T:
        headers = [*self._headers, ("Accept", call.accept), *self._auth.extra_headers]
        if call.content:
            headers.append(("Content-Type", call.media_type))
        if authorization is not None:
            headers.append(("Authorization", authorization))
        limits = self._timeouts
        timeout = {
            "connect": limits.connect,
            "pool": limits.pool,
            "read": call.read_seconds or limits.read,
            "write": limits.read,
        }
        write = self._guard is not None and call.method != "GET"
        target = call.target(self._write_params) if write else call.target()
        guard = _both(self._guard if write else None, call.guard)
        # The transport calls the guard again when it has a connection.
        request = Outgoing(
            call.method,
            self._base_url + target,
            headers,
            call.content,
            timeout,
            guard,
        )
        if isinstance(self._transport, DirectTransport):
            await self._transport.present(self._auth.identity)
        if guard is not None:
            guard()
        try:
            return await send(request)
        except httpx.TransportError as error:
            sent = not isinstance(error, httpx.ConnectError)
            raise ConnectionFailedError(call.name, text_of(error), sent=sent) from error


def _page_call(path: str, limit: int, continue_token: str, params: Params | None) -> ApiCall:
    page = {"limit": str(limit), **(params or {})}
    if continue_token:
        page["continue"] = continue_token
    return ApiCall("GET", path, page)


def _both(first: Callable[[], None] | None, second: Callable[[], None] | None) -> Callable[[], None] | None:
    """One guard that calls both."""
    if first is None or second is None:
        return first or second

    def ask() -> None:
        first()
        second()

    return ask
