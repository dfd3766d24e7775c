"""The service of an inventory from files."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

from app.api.cluster_facts import ClusterFacts
from app.api.decider import Decider
from app.api.service import Service, Shutdown
from app.cluster.binding.memory_binder import MemoryBinder
from app.cluster.binding.node_pledges import NodePledges
from app.cluster.binding.reservations import Reservations
from app.core.kept_error import kept
from app.core.model.errors import ObjectError
from app.core.model.parse import flatten, has_name, parse
from app.core.model.workload import Workload
from app.core.placement.rules import Rules
from app.core.state.shown_gates import with_shown_gates
from app.core.state.state import Key, State
from app.core.verdicts.candidates import Candidates
from app.core.versions import VersionError
from app.core.versions.cluster_version import ClusterVersion, recorded
from app.manifests.reader import ManifestError, load_documents, read_texts
from app.observability.metrics import Metrics
from app.settings.settings import Settings
from app.wiring import collectors
from app.wiring.background import background
from app.wiring.overview_samples import sample_overview
from app.wiring.rules import now_text, rules_of

log = logging.getLogger(__name__)


async def serve_files(
    settings: Settings, metrics: Metrics, shutdown: Shutdown, stack: AsyncExitStack
) -> Service:
    """Serves manifests: binds change the copy in memory only. Raises: ManifestError."""
    sourced = await asyncio.to_thread(_read_files, settings.snapshot)
    documents = [document for _, document in sourced]
    cluster = settings.cluster_version(_recorded(settings, documents))
    state, broken = await _read(settings, sourced, cluster)
    kubernetes = with_shown_gates(cluster, state)
    rules = rules_of(settings, kubernetes)
    service = Service(
        settings,
        state,
        rules,
        metrics,
        time.monotonic,
        broken,
        shutdown,
        {"shutdown": shutdown.check},
        learns_pods=True,
        cluster=ClusterFacts(settings.cluster_name, version=kubernetes.server),
        kubernetes=kubernetes,
        decides_with=_decider(settings, state, rules) if settings.serves("webhooks") else None,
    )
    for source in collectors.of_service(service):
        metrics.add_source(source)
    await service.prepare_nodes()
    await stack.enter_async_context(background(service.backlog.run(), "backlog"))
    await stack.enter_async_context(background(sample_overview(service), "overview samples"))
    return service


def _recorded(settings: Settings, documents: list[Any]) -> ClusterVersion:
    """The version that the first snapshot with one records. Raises: ManifestError."""
    try:
        return next(filter(None, map(recorded, documents)), ClusterVersion())
    except VersionError as error:
        raise ManifestError(", ".join(settings.snapshot), str(error)) from None


def _decider(settings: Settings, state: State, rules: Rules) -> Decider:
    reservations = Reservations(state, rules, settings.reservation_seconds)
    binder = MemoryBinder(state, rules, now=now_text, reservations=reservations)
    pledges = NodePledges(state, rules.features)
    return Decider(binder, reservations, Candidates(settings.candidates), pledges=pledges)


def _read_files(paths: Sequence[str]) -> list[tuple[str, Any]]:
    """The documents of the files, each with the file's name. Raises: ManifestError."""
    return [(name, document) for name, text in read_texts(paths) for document in load_documents(text, name)]


async def _read(
    settings: Settings, sourced: Sequence[tuple[str, Any]], cluster: ClusterVersion
) -> tuple[State, dict[tuple[str, Key], ObjectError]]:
    """Raises: ManifestError."""
    state, broken = State(), dict[tuple[str, Key], ObjectError]()
    state.group_members.group_by(settings.gang_labels)
    state.usage.count_overhead(by_container=cluster.version.overhead_by_container)
    for source, raw in ((name, raw) for name, document in sourced for raw in flatten([document])):
        try:
            item = parse(raw)
        except ObjectError as error:
            broken[error.ref.kind, (error.ref.namespace, error.ref.name)] = kept(error)
            # Without its name, only the file tells which one it is.
            place = "" if has_name(raw) else f"{source}: "
            log.warning("left out of the inventory: %s%s", place, error)
            continue
        if not isinstance(item, Workload):
            state.upsert(item)
    if not state.nodes:
        raise ManifestError(", ".join(settings.snapshot), "contains no Node, so no Pod can be placed")
    return state, broken
