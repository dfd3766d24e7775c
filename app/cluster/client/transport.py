"""An httpx transport on aiohttp's client. docs/decisions/002-http-transport.md explains why it is neither
httpx's own transport nor the httpx-aiohttp package.
"""

import ssl
from collections.abc import AsyncIterator, Callable
from functools import lru_cache

import aiohttp
import httpx
from aiohttp.abc import AbstractStreamWriter

from app.cluster.client.connector import Connector
from app.cluster.client.outgoing import Answer, DirectTransport, Outgoing

# Informers use a dozen connections permanently; binds, dry runs and leases share the rest.
_MAX_CONNECTIONS = 100
_KEEPALIVE_SECONDS = 60.0


class AiohttpTransport(DirectTransport):
    """Sends httpx requests through aiohttp; ``exchange`` avoids httpx's types.

    Args:
        ssl_context: CA and client certificate; None for plain HTTP or the system's CAs.
        server_name: the name to verify the server's certificate against, if not the URL's host.
        proxy_url: an HTTP proxy, or None.
        observer: called when each request begins and ends, or None.

    A request's extension ``guard`` is called right before its body is written, and may raise to stop it.

    Raises (from handle_async_request): httpx.ConnectError if the request certainly was not sent; any
    other httpx.TransportError if it may have been; the errors of the guard.
    """

    def __init__(
        self,
        ssl_context: ssl.SSLContext | None = None,
        *,
        server_name: str | None = None,
        proxy_url: str | None = None,
        observer: aiohttp.TraceConfig | None = None,
    ) -> None:
        self._observers = [observer] if observer is not None else []
        self._ssl = ssl_context
        self._server_name = server_name
        self._proxy = proxy_url
        self._identity = 0
        self._session: aiohttp.ClientSession | None = None
        self._retired: list[aiohttp.ClientSession] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._send(
            Outgoing(
                request.method,
                str(request.url),
                request.headers.multi_items(),
                request.content,
                request.extensions.get("timeout", {}),
                request.extensions.get("guard"),
            )
        )
        return httpx.Response(response.status, headers=response.raw_headers, stream=_Body(response))

    async def exchange(self, request: Outgoing) -> Answer:
        """Sends a request and reads the whole response.

        Raises as ``handle_async_request``. It costs half as much as httpx.Request and httpx.Response:
        docs/decisions/015-hot-writes.md.
        """
        response = await self._send(request)
        try:
            return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _as_httpx(error) from error
        finally:
            # A complete response has already released its connection.
            response.close()

    async def _send(self, request: Outgoing) -> aiohttp.ClientResponse:
        # Created on first use: aiohttp requires a running loop.
        if self._session is None:
            self._session = self._open()
        timeout = request.timeout
        guard = request.guard
        body = _GuardedBody(request.content, guard) if guard and request.content else None
        try:
            return await self._session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=body or request.content or None,
                allow_redirects=False,
                timeout=_timeout(timeout.get("pool"), timeout.get("connect"), timeout.get("read")),
                server_hostname=self._server_name,
                proxy=self._proxy,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if body is not None and body.stopped_by:
                raise body.stopped_by.pop() from None
            raise _as_httpx(error) from error

    async def present(self, identity: int) -> None:
        """Called before a request: a new identity is used on new connections only.

        A connection keeps its client certificate. Responses in progress (watches) continue; all older
        connections are closed.
        """
        if identity == self._identity:
            return
        self._identity = identity
        if self._session is not None:
            self._retired.append(self._session)
            self._session = None
        while len(self._retired) > 1:
            await self._retired.pop(0).close()

    async def aclose(self) -> None:
        sessions = [*self._retired, *([self._session] if self._session else [])]
        self._session, self._retired = None, []
        for session in sessions:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        connector = Connector(
            ssl=self._ssl or True, limit=_MAX_CONNECTIONS, keepalive_timeout=_KEEPALIVE_SECONDS
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            # On a local link, compression costs both ends more time than it saves.
            headers={"Accept-Encoding": "identity"},
            trust_env=False,
            trace_configs=self._observers,
        )


@lru_cache(16)
def _timeout(pool: float | None, connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=pool, sock_connect=connect, sock_read=read)


class _GuardedBody(aiohttp.BytesPayload):
    """A body that is only sent if the guard allows it, which is called when there is a connection.

    Without its body a request is incomplete, and the API server drops it.
    """

    def __init__(self, content: bytes, guard: Callable[[], None]) -> None:
        super().__init__(content)
        self._guard = guard
        self.stopped_by: list[Exception] = []
        """At most one, taken out when it is raised: a frame that refers to its own error is a cycle."""

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        try:
            self._guard()
        except Exception as error:
            # aiohttp wraps any error here in its own.
            self.stopped_by.append(error)
            raise
        await super().write_with_length(writer, content_length)


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _as_httpx(error) from error

    async def aclose(self) -> None:
        # A complete body has already released its connection; any other connection cannot be used again.
        self._response.close()


def _as_httpx(error: Exception) -> httpx.TransportError:
    text = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        # No connection, hence no request; a TLS handshake that failed counts too.
        return httpx.ConnectError(text)
    if isinstance(error, TimeoutError):
        return httpx.ReadTimeout(text)
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        # aiohttp's text is about its parser, and a status 400 that no server sent.
        return httpx.RemoteProtocolError("the server closed the connection before the end of its response")
    return httpx.ReadError(text)
