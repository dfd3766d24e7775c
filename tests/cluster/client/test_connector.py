"""Connections that the other end refuses or resets, on the event loop of ``serve``."""

import asyncio
import multiprocessing
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import aiohttp
import httpx
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app.cluster.client.connector import Connector
from app.cluster.client.outgoing import Outgoing
from app.cluster.client.transport import AiohttpTransport
from app.server.process import new_event_loop
from tests.cluster.client.loopback import listening
from tests.cluster.fake_apiserver import FakeApiServer

TASKS, CONNECTIONS = 10, 50
"""With a socket of aiohttp's, the process aborted after some dozens of connections."""
SECONDS = 60
TIMEOUT = {"connect": SECONDS, "read": SECONDS, "pool": SECONDS}


@contextmanager
def resetting() -> Iterator[int]:
    """The port of a server that is killed in the middle of each TLS handshake."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        number = 0
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            number += 1
            if number % 2:
                connection.recv(100)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    thread = Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def ask_again_and_again(port: int) -> None:
    async def ask(transport: AiohttpTransport) -> None:
        for _ in range(CONNECTIONS):
            with pytest.raises(httpx.ConnectError):
                await transport.exchange(Outgoing("GET", f"https://127.0.0.1:{port}/", [], b"", TIMEOUT))

    async def scenario() -> None:
        transport = AiohttpTransport(ssl.create_default_context())
        async with asyncio.TaskGroup() as tasks:
            for _ in range(TASKS):
                tasks.create_task(ask(transport))
        await transport.aclose()

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(scenario())


def test_an_api_server_that_resets_handshakes_does_not_end_the_process() -> None:
    with resetting() as port:
        # A process of its own: what this is about cannot be caught.
        process = multiprocessing.get_context("spawn").Process(target=ask_again_and_again, args=(port,))
        process.start()
        process.join(SECONDS)
        assert process.exitcode == 0


class TwoAddresses(AbstractResolver):
    """One where nobody listens, and one where the server does."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        numeric = socket.AI_NUMERICHOST
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=numeric)
            for address in ("127.0.0.2", "127.0.0.1")
        ]

    async def close(self) -> None:
        """Holds nothing."""


def test_the_next_address_of_a_host_is_tried() -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        async with (
            listening(server) as port,
            aiohttp.ClientSession(connector=Connector(resolver=TwoAddresses())) as session,
            session.get(f"http://api.example.com:{port}/api/v1/nodes") as response,
        ):
            assert (await response.json())["kind"] == "NodeList"

    asyncio.run(scenario())


def test_a_host_without_a_server_is_a_refused_connection(unused_port: int) -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession(connector=Connector(resolver=TwoAddresses())) as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"http://api.example.com:{unused_port}/")

    asyncio.run(scenario())


@pytest.fixture
def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
