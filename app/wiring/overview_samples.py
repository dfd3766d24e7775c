"""Takes a sample of the overview each minute, for the lines of the last 24 hours."""

import asyncio
import datetime as dt
import logging
from functools import partial
from pathlib import Path

import httpx

from app.api.errors import HttpError
from app.api.overview_history import STEP_SECONDS, OverviewSample, sample_of, write
from app.api.service import Service
from app.wiring.prometheus_client import prometheus_client
from app.wiring.prometheus_day import PrometheusError, day_of
from app.wiring.rules import now, now_text

log = logging.getLogger(__name__)

_FIRST_SECONDS = 1.0
"""After the start: requests come first."""
_WRITE_EVERY = 5


async def sample_overview(service: Service) -> None:
    """Runs until canceled. If the file fails, that is logged, and the samples stay in memory."""
    path = service.settings.overview_history_file
    history = service.overview_history
    if path is not None:
        await _load(service, path)
    if service.settings.overview_prometheus_url:
        await fill_from_prometheus(service)
    await asyncio.sleep(_FIRST_SECONDS)
    unwritten = 0
    while True:
        try:
            service.require_synced()
        except HttpError:
            await asyncio.sleep(_FIRST_SECONDS)
            continue
        seen = await service.overviews.sample(service.usual_question())
        history.add(await service.time_slice().run(partial(sample_of, seen, now_text())))
        unwritten += 1
        if path is not None and (unwritten >= _WRITE_EVERY or len(history) == 1):
            unwritten = 0
            await _save(path, history.samples())
        await asyncio.sleep(STEP_SECONDS)


async def fill_from_prometheus(service: Service, transport: httpx.AsyncBaseTransport | None = None) -> None:
    """Fills the day before the start, once. If Prometheus fails, that is logged, and nothing changes."""
    settings = service.settings
    try:
        async with prometheus_client(settings, transport) as client:
            samples = await day_of(
                client, settings.overview_prometheus_url, settings.overview_prometheus_selector, now()
            )
    except PrometheusError as error:
        log.warning("the last 24 hours are not from Prometheus: %s", error)
        return
    if samples:
        await service.time_slice().run(lambda: service.overview_history.fill(samples))


async def _load(service: Service, path: Path) -> None:
    since = (now() - dt.timedelta(days=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
    try:
        lines = (await asyncio.to_thread(path.read_bytes)).splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("overview_history_file cannot be read: %s", error)
        return
    await service.time_slice().run(lambda: service.overview_history.load(lines, since))


async def _save(path: Path, samples: list[OverviewSample]) -> None:
    try:
        await asyncio.to_thread(write, path, samples)
    except OSError as error:
        log.warning("overview_history_file cannot be written: %s", error)
