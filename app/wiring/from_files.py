"""The service of an inventory from files."""

import asyncio
import logging
import time
from contextlib import AsyncExitStack

from app.api.cluster_facts import ClusterFacts
from app.api.service import Service, Shutdown
from app.cluster.binding.memory_binder import MemoryBinder
from app.cluster.binding.reservations import Reservations
from app.core.model.errors import ObjectError
from app.core.model.parse import parse
from app.core.model.workload import Workload
from app.core.state.state import Key, State
from app.manifests.reader import ManifestError, read_paths
from app.observability.metrics import Metrics
from app.settings.settings import Settings
from app.wiring import collectors
from app.wiring.background import background
from app.wiring.rules import now_text, rules_of

log = logging.getLogger(__name__)


async def serve_files(
    settings: Settings, metrics: Metrics, shutdown: Shutdown, stack: AsyncExitStack
) -> Service:
    """Serves manifests: binds change the copy in memory only. Raises: ManifestError."""
    state, broken = await _read(settings)
    rules = rules_of(settings)
    reservations = Reservations(state, rules, settings.reservation_seconds)
    service = Service(
        settings,
        state,
        rules,
        MemoryBinder(state, rules, now=now_text, reservations=reservations),
        reservations,
        metrics,
        time.monotonic,
        broken,
        shutdown,
        {"shutdown": shutdown.check},
        learns_pods=True,
        cluster=ClusterFacts(settings.cluster_name),
    )
    for source in (collectors.inventory(service), collectors.decisions(service)):
        metrics.add_source(source)
    await service.gather_pools()
    await stack.enter_async_context(background(service.backlog.run(), "backlog"))
    return service


async def _read(settings: Settings) -> tuple[State, dict[tuple[str, Key], ObjectError]]:
    """Raises: ManifestError."""
    state, broken = State(), dict[tuple[str, Key], ObjectError]()
    for raw in await asyncio.to_thread(read_paths, settings.snapshot):
        try:
            item = parse(raw)
        except ObjectError as error:
            broken[error.ref.kind, (error.ref.namespace, error.ref.name)] = error
            log.warning("left out of the inventory: %s", error)
            continue
        if not isinstance(item, Workload):
            state.upsert(item)
    if not state.nodes:
        raise ManifestError(", ".join(settings.snapshot), "holds no Node: there is nothing to place Pods on")
    return state, broken
