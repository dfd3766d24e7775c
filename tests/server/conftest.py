"""The server as it listens, in this process, and clients that speak to it byte by byte."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from app.main import create_app
from app.server.process import Server
from app.settings.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples" / "inventory"
FILTER = json.dumps(
    {
        "Pod": {
            "metadata": {"name": "visitor", "namespace": "default", "uid": "1"},
            "spec": {"resourceClaims": [{"name": "animals", "resourceClaimName": "petting-zoo"}]},
        },
        "NodeNames": ["worker-1", "worker-6"],
    }
).encode()


class Answer:
    """An HTTP answer, read to its end."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def error(self) -> str:
        """The code of a structured refusal."""
        return json.loads(self.body)["error"]["code"]


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answer:
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(first.split()[1]), headers, body)

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        fields = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(body))}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)
        return await self.answer()

    async def ended(self) -> bytes:
        """What the server still sends until it closes the connection."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        self.writer.transport.abort()


class Listening:
    """A running server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._clients: list[Client] = []
        self.port: int = server.servers[0].sockets[0].getsockname()[1]

    async def connect(self, tls: ssl.SSLContext | None = None) -> Client:
        names = {"server_hostname": "localhost"} if tls is not None else {}
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, ssl=tls, **names))
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()


@asynccontextmanager
async def listening(**settings: Any) -> AsyncGenerator[Listening, None]:
    chosen = Settings(snapshot=(str(EXAMPLES),), port=0, shutdown_seconds=1, **settings)
    server = Server(create_app(chosen), chosen)
    task = asyncio.create_task(server.run_to_the_end())
    while not server.started:
        if task.done():
            task.result()
        await asyncio.sleep(0.01)
    found = Listening(server)
    try:
        yield found
    finally:
        found.close()
        server.should_exit = True
        await task


def run(evaluation: Callable[[Listening], Awaitable[None]], **settings: Any) -> None:
    """Asks a server that has these settings."""

    async def asked() -> None:
        async with listening(**settings) as server, asyncio.timeout(60):
            await evaluation(server)

    asyncio.run(asked())


class Certificates:
    """A CA with a server's certificate, as files, and clients that trust it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.client_ca = folder / "ca.crt"
        self.issue()
        self.ca.cert_pem.write_to_path(self.client_ca)

    def issue(self) -> None:
        """Writes a new certificate of the server."""
        issued = self.ca.issue_cert("localhost")
        self.key.write_bytes(issued.private_key_pem.bytes())
        self.certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))

    @property
    def settings(self) -> dict[str, Any]:
        return {"tls_cert_file": self.certificate, "tls_key_file": self.key}

    @property
    def mutual(self) -> dict[str, Any]:
        return {**self.settings, "client_ca_file": self.client_ca}

    def client(self, name: str = "", ca: trustme.CA | None = None) -> ssl.SSLContext:
        """Trusts the server; shows a certificate of this name if one is given."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if name:
            (ca or self.ca).issue_cert(common_name=name).configure_cert(context)
        return context


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)
