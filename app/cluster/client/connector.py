"""Connections of aiohttp that are safe on uvloop. See docs/decisions/150-connections.md."""

import asyncio
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest


class Connector(aiohttp.TCPConnector):
    """Has the event loop connect to an address, where aiohttp connects a socket first.

    uvloop does not own a socket that it is given: if a TLS handshake on it fails, both close it, and libuv
    aborts the process. An API server that is killed resets handshakes.

    Addresses of the host are tried one after the other, not side by side.
    """

    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: list[Any],
        req: ClientRequest,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
        client_error: type[Exception] = aiohttp.ClientConnectorError,
        **kwargs: Any,
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        """aiohttp's way to a connection, of which there is no public form.

        Tries the first address of each family: aiohttp then drops these, and calls again with what is left.

        Raises: aiohttp.ClientConnectorError, TimeoutError: of the last family.
        """
        firsts: dict[int, tuple[str, int]] = {}
        for family, *_, address in addr_infos:
            firsts.setdefault(family, address[:2])
        *others, last = firsts.values()
        how = {"req": req, "timeout": timeout, "client_error": client_error, **kwargs}
        for host, port in others:
            try:
                return await self._wrap_existing_connection(*args, host=host, port=port, **how)
            except (aiohttp.ClientConnectorError, TimeoutError):
                continue
        host, port = last
        return await self._wrap_existing_connection(*args, host=host, port=port, **how)
