"""The process that listens: the event loop, the HTTP server, and what ends them."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from app.api.service import Service
from app.settings import Settings

log = logging.getLogger(__name__)


def run(app: FastAPI, settings: Settings) -> None:
    """Serves an application until SIGTERM or SIGINT; requests under way are finished first.

    Raises: what the application's lifespan raises, before anything is served.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        lifespan="off",  # the server below runs it: what goes wrong in it is to be raised, not logged
        timeout_graceful_shutdown=round(settings.shutdown_seconds),
        server_header=False,
        h11_max_incomplete_event_size=64 * 1024,
    )
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_Server(config, app, settings).run_to_the_end())


class _Server(uvicorn.Server):
    """Not ready from the first signal on; listening ends ``drain_seconds`` later."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, settings: Settings) -> None:
        super().__init__(config)
        self._app = app
        self._settings = settings

    async def run_to_the_end(self) -> None:
        """Serves within the application's lifespan, whose errors it raises.

        The signal that ended it is raised again at the very end, when the lifespan is over too.
        """
        with super().capture_signals():
            async with self._app.router.lifespan_context(self._app):
                await self.serve()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield  # run_to_the_end does

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in (found for server in self.servers for found in server.sockets):
            host, port = listening.getsockname()[:2]
            log.info("listening", extra={"host": host, "port": port})

    def handle_exit(self, sig: int, frame: object) -> None:  # noqa: ARG002 # the signature is uvicorn's
        service: Service | None = getattr(self._app.state, "service", None)
        if service is None or service.draining or not self._settings.drain_seconds:
            if service is not None:
                service.draining = True
            self._end(sig)
            return
        service.draining = True
        loop = asyncio.get_running_loop()
        loop.call_later(self._settings.drain_seconds, self._end, sig)

    def _end(self, sig: int) -> None:
        super().handle_exit(signal.Signals(sig), None)
        service: Service | None = getattr(self._app.state, "service", None)
        if service is not None:
            # Now, not when the last stream of the page has ended: another replica is to go on.
            asyncio.get_running_loop().call_soon_threadsafe(service.stop_leading)


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415 # not there on Windows

    return uvloop.new_event_loop()
