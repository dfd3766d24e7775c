"""The port for gRPC: connections, their limits, and the tasks of their calls.

HTTP/2 is decoded in Python, so bytes are taken in by the piece, with other work in between, and everything
that a client could make large is bounded: connections, calls, headers, messages, the time that each may take.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from app.api.expander.best_options import Handler
from app.api.expander.status import Code, StatusError
from app.server.grpc_calls import GrpcCall, GrpcCalls
from app.server.tls import Tls
from app.settings.settings import SettingsError

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 16
_PIECE = 4096
_IDLE_SECONDS = 600.0
_HANDSHAKE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class GrpcLimits:
    """Bounds: bytes of a message, seconds for it to arrive, and seconds for a client to read a response."""

    message_bytes: int
    body_seconds: float
    write_seconds: float


class GrpcListener:
    """Answers calls. ``methods``: by their paths."""

    def __init__(self, methods: Mapping[str, Handler], limits: GrpcLimits) -> None:
        self._methods = methods
        self._limits = limits
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self.port = 0

    @asynccontextmanager
    async def listening(self, host: str, port: int, tls: Tls | None) -> AsyncGenerator[None, None]:
        """Listens within the context. Raises: SettingsError if the port cannot be used."""
        secure: dict[str, Any] = (
            {} if tls is None else {"ssl": tls.context, "ssl_handshake_timeout": _HANDSHAKE_SECONDS}
        )
        try:
            server = await asyncio.start_server(self._accept, host, port, limit=_PIECE, **secure)
        except OSError as error:
            raise SettingsError(f"expander_port {port}: cannot listen: {error}") from None
        self.port = server.sockets[0].getsockname()[1]
        log.info("listening for gRPC", extra={"host": host, "port": self.port, "tls": tls is not None})
        try:
            yield
        finally:
            server.close()
            for task in list(self._connections):
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MAX_CONNECTIONS and not self._close_an_idle_one():
            writer.transport.abort()
            return
        connection = _Connection(reader, writer, self._methods, self._limits)
        task = asyncio.create_task(connection.run())
        self._connections[task] = connection
        task.add_done_callback(lambda done: self._connections.pop(done, None))

    def _close_an_idle_one(self) -> bool:
        """Closes the oldest connection without a call; its client can open another one."""
        for task, connection in self._connections.items():
            if connection.idle:
                del self._connections[task]
                task.cancel()
                return True
        return False


class _Connection:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        methods: Mapping[str, Handler],
        limits: GrpcLimits,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._methods = methods
        self._limits = limits
        self._clock = asyncio.get_running_loop().time
        self._calls = GrpcCalls(methods, limits.message_bytes, self._clock, self._begin, self._end)
        self._tasks: dict[int, asyncio.Task[None]] = {}

    @property
    def idle(self) -> bool:
        """Whether no call arrives or is answered."""
        return not self._tasks and self._calls.since is None

    async def run(self) -> None:
        """Serves until the client leaves, breaks the protocol or is too slow."""
        try:
            await self._send()
            while data := await self._read():
                goes_on = self._calls.receive(data)
                await self._send()
                if not goes_on:
                    return
                # A full buffer would let this connection go on without the others.
                await asyncio.sleep(0)
        except (OSError, TimeoutError):
            return
        except asyncio.CancelledError:
            self._calls.close()
            with suppress(OSError, TimeoutError):
                await self._send()
            raise
        finally:
            for task in self._tasks.values():
                task.cancel()
            self._writer.close()

    async def _read(self) -> bytes:
        """Raises: TimeoutError, if a message is late, or nothing was sent for long."""
        since = self._calls.since
        seconds = _IDLE_SECONDS if since is None else since + self._limits.body_seconds - self._clock()
        async with asyncio.timeout(max(0.0, seconds)):
            return await self._reader.read(_PIECE)

    async def _send(self) -> None:
        self._writer.write(self._calls.to_send())
        async with asyncio.timeout(self._limits.write_seconds):
            await self._writer.drain()

    def _begin(self, call: GrpcCall) -> None:
        task = self._tasks[call.stream] = asyncio.create_task(self._answer(call))
        task.add_done_callback(lambda _: self._tasks.pop(call.stream, None))

    def _end(self, call: GrpcCall) -> None:
        task = self._tasks.get(call.stream)
        if task is not None:
            task.cancel()

    async def _answer(self, call: GrpcCall) -> None:
        try:
            answer = await self._methods[call.path](call.message(), call.seconds)
        except StatusError as error:
            self._calls.fail(call, error.code, error.message)
        except Exception:
            log.exception("a call of %s failed", call.path)
            self._calls.fail(call, Code.INTERNAL, "internal error, see the log of dra-extender")
        else:
            self._calls.succeed(call, answer)
        with suppress(OSError, TimeoutError):
            await self._send()
