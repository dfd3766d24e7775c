"""Work that runs beside the requests."""

import asyncio
import logging
import signal
import time
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from app.event_loop.watchdog import Held, Watchdog
from app.observability.metrics import Metrics

log = logging.getLogger(__name__)

_LAG_SECONDS = 0.5


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None], name: str) -> AsyncGenerator[None, None]:
    """Runs a coroutine for as long as the context lasts; its failure ends the process, loudly."""
    task = asyncio.create_task(work, name=name)

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            log.critical("%s ended: %s", name, done.exception(), exc_info=done.exception())
            signal.raise_signal(signal.SIGTERM)

    task.add_done_callback(ended)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def watchdog(metrics: Metrics, level: int = logging.WARNING) -> Watchdog:
    """Reports what holds the event loop, in the log and as a metric."""

    def report(held: Held) -> None:
        metrics.loop_held.observe(held.cpu_seconds)
        log.log(
            level,
            "the event loop was held for %.2f s (%.2f s of CPU time) at %s",
            held.seconds,
            held.cpu_seconds,
            held.stack[-1] if held.stack else "an unknown place",
            extra={"stack": list(held.stack)},
        )

    return Watchdog(report)


async def watch_lag(metrics: Metrics) -> None:
    """Measures continuously by how much the event loop wakes too late."""
    while True:
        due = time.monotonic() + _LAG_SECONDS
        await asyncio.sleep(_LAG_SECONDS)
        metrics.loop_lag.observe(max(0.0, time.monotonic() - due))
