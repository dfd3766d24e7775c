"""The server process: the event loop, the HTTP server, and their shutdown."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import FastAPI

from app.api.service import Shutdown, made_service
from app.server.connection import Bounds, Connection
from app.server.connection_limit import ConnectionLimiter
from app.server.tls import Tls, TlsFiles
from app.settings.settings import Settings, SettingsError

if TYPE_CHECKING:
    from app.server.grpc import GrpcListener

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 5.0
_CHECK_SECONDS = 1.0
_BODY_GRACE_SECONDS = 5.0
"""A handler responds that a body is late; after this grace period the connection is closed."""
_OTHER_FILES = 200
"""Open files besides connections: watches, logs, handshakes in progress."""


def run(app: FastAPI, settings: Settings) -> None:
    """Serves an application until SIGTERM or SIGINT, and finishes requests in flight first.

    Raises: what the application's lifespan raises, and SettingsError for TLS files that cannot be used,
    before the server listens.
    """
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(Server(app, settings).run_to_the_end())


class Server(uvicorn.Server):
    """Not ready from the first signal on; stops listening ``drain_seconds`` later."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        """Raises: SettingsError for TLS files that cannot be used."""
        super().__init__(_config(app, settings))
        self._app = app
        self._settings = settings
        self._tls = _tls(settings)
        self._expander_tls = _expander_tls(settings)
        self.expander = _expander(app, settings)
        self._connections = ConnectionLimiter(min(settings.max_connections, _files_left()))
        self._bounds = Bounds(
            head_seconds=settings.header_timeout_seconds,
            body_seconds=settings.body_timeout_seconds + _BODY_GRACE_SECONDS,
            stuck_seconds=settings.write_timeout_seconds,
        )

    async def run_to_the_end(self) -> None:
        """Serves within the application's lifespan, whose errors it raises.

        Raises the signal again after the lifespan.
        """
        with super().capture_signals():
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self._app.router.lifespan_context(self._app))
                if self.expander is not None and self._settings.expander_port is not None:
                    host, port = self._settings.host.strip("[]"), self._settings.expander_port
                    listening = self.expander.listening(host, port, self._expander_tls)
                    await stack.enter_async_context(listening)
                # Behind what may fail at the start: a group of tasks wraps its error.
                await stack.enter_async_context(_beside(self._check_connections()))
                for tls in filter(None, (self._tls, self._expander_tls)):
                    await stack.enter_async_context(_beside(tls.follow()))
                await self.serve()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # run_to_the_end does

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        """Listens, in place of uvicorn, which does not limit TLS handshakes."""
        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls = {"ssl": self._tls.context, "ssl_handshake_timeout": HANDSHAKE_SECONDS}
        try:
            server = await asyncio.get_running_loop().create_server(
                self._connection,
                self._settings.host.strip("[]"),
                self._settings.port,
                backlog=self.config.backlog,
                **tls,
            )
        except OSError as error:
            log.critical("cannot listen on %s:%s: %s", self._settings.host, self._settings.port, error)
            sys.exit(1)
        self.servers = [server]
        self.started = True
        for listening in server.sockets:
            host, port = listening.getsockname()[:2]
            log.info("listening", extra={"host": host, "port": port, "tls": bool(tls)})

    def handle_exit(self, sig: int, frame: object) -> None:  # noqa: ARG002 - the signature is uvicorn's
        shutdown: Shutdown = self._app.state.shutdown
        now = shutdown.begun or made_service(self._app) is None or not self._settings.drain_seconds
        shutdown.begin()
        if now:
            self._end(sig)
        else:
            asyncio.get_running_loop().call_later(self._settings.drain_seconds, self._end, sig)

    def _end(self, sig: int) -> None:
        super().handle_exit(signal.Signals(sig), None)
        service = made_service(self._app)
        if service is not None:
            # Now, not after the last stream of the page: another replica must take over.
            asyncio.get_running_loop().call_soon_threadsafe(service.stop_leading)

    def _connection(self) -> Connection:
        return Connection(
            bounds=self._bounds,
            connections=self._connections,
            config=self.config,
            server_state=self.server_state,
            app_state={},
        )

    async def _check_connections(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            for connection in list(self.server_state.connections):
                assert isinstance(connection, Connection)  # noqa: S101 - made above, no other
                connection.check(loop.time())


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None, None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        try:
            yield
        finally:
            task.cancel()


def _config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        ws="none",
        proxy_headers=False,  # the client is the direct peer
        lifespan="off",  # the server below runs it, so that its errors are raised, not logged
        timeout_graceful_shutdown=round(settings.shutdown_seconds),
        timeout_keep_alive=round(settings.idle_timeout_seconds),
        server_header=False,
    )


def _tls(settings: Settings) -> Tls | None:
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    return Tls(TlsFiles(settings.tls_cert_file, settings.tls_key_file, settings.client_ca_file))


def _expander_tls(settings: Settings) -> Tls | None:
    """Cluster Autoscaler has no client certificate: none is requested."""
    if settings.expander_port is None or settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    return Tls(TlsFiles(settings.tls_cert_file, settings.tls_key_file), "h2")


def _expander(app: FastAPI, settings: Settings) -> "GrpcListener | None":
    """Raises: SettingsError if the port is enabled and HTTP/2 is not installed."""
    if settings.expander_port is None:
        return None
    from app.api.expander.best_options import BestOptions  # noqa: PLC0415 - few installations need it
    from app.api.expander.messages import PATH  # noqa: PLC0415 - as above

    try:
        from app.server.grpc import GrpcLimits, GrpcListener  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        text = "expander_port needs the extra `expander`: pip install 'dra-extender[expander]'"
        raise SettingsError(f"{text} ({error})") from None
    limits = GrpcLimits(
        settings.expander_body_bytes, settings.body_timeout_seconds, settings.write_timeout_seconds
    )
    return GrpcListener({PATH: BestOptions(lambda: made_service(app))}, limits)


def _files_left() -> int:
    """The number of connections that the process may open, after raising its limit to the maximum."""
    if sys.platform == "win32":
        return 1_000_000
    import resource  # noqa: PLC0415 - not there on Windows

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 65_536 if most == resource.RLIM_INFINITY else min(most, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
    return max(16, limit - _OTHER_FILES)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """That of ``serve``."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415 - not there on Windows

    return uvloop.new_event_loop()
