"""Wires what goes on while the event loop is held: the liveness probe, and a second loop for the Lease."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from app.event_loop.probe import Probe
from app.event_loop.second_loop import Loops, OneLoop, SecondLoop
from app.observability.metrics import Metrics
from app.settings.settings import Settings, SettingsError
from app.wiring.background import watchdog

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Lifeline:
    """``loops``: that of the service, and that of what must go on. ``alive``: whether the first one runs."""

    loops: Loops
    alive: Callable[[], bool]


@asynccontextmanager
async def lifeline(
    settings: Settings, metrics: Metrics, *, stays: bool = True
) -> AsyncGenerator[Lifeline, None]:
    """Watches the current loop for as long as the context lasts.

    ``stays``: others wait for this process too, so that it warns of what holds the loop.

    Starts a second loop only if something runs on it: an election, or the probe.

    Raises: SettingsError if the port of the probe cannot be used.
    """
    async with AsyncExitStack() as stack:
        watching = await stack.enter_async_context(
            watchdog(metrics, logging.WARNING if stays else logging.DEBUG)
        )
        probe = Probe(watching.silence, settings.loop_dead_seconds)
        elects = settings.leader_elect and settings.serves("webhooks")
        if settings.probe_port is None and not elects:
            yield Lifeline(OneLoop(), probe.alive)
            return
        second = await stack.enter_async_context(SecondLoop())
        if settings.probe_port is not None:
            host = settings.host.strip("[]")
            try:
                port = await second.run(probe.listen(host, settings.probe_port))
            except OSError as error:
                raise SettingsError(f"probe_port {settings.probe_port}: cannot listen: {error}") from None
            stack.push_async_callback(lambda: second.run(probe.close()))
            log.info("listening for probes", extra={"host": host, "port": port})
        yield Lifeline(second, probe.alive)
