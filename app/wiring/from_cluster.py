"""The service of a cluster, in two phases: discover how the cluster serves objects, then build all parts."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from app.api.cluster_facts import ClusterFacts
from app.api.history import History
from app.api.service import LEADER_CHECK, Check, Service, Shutdown, made_service
from app.cluster.auth.credentials import load_access
from app.cluster.client.call import Timeouts
from app.cluster.client.client import ApiClient
from app.cluster.client.cluster_version import read_cluster_version, until_changed
from app.cluster.client.discovery import BUDGET, NODE, POD, Served, until_served_otherwise
from app.cluster.client.reviews import TokenReviewer
from app.cluster.informers.feed import Feed
from app.cluster.informers.group import InformerGroup, Preparation, discover_patiently, patiently
from app.cluster.informers.informer import Event, InformerSettings
from app.core.state.state import State
from app.core.versions.cluster_version import ClusterVersion
from app.event_loop.time_slice import Clock, TimeSlice
from app.event_loop.wide_changes import WideChanges
from app.observability.metrics import Metrics
from app.settings.settings import Settings
from app.wiring import collectors
from app.wiring.background import background
from app.wiring.deciding import Deciding
from app.wiring.garbage_collection import collect_after_growth, keep_inventory
from app.wiring.lifeline import Lifeline
from app.wiring.overview_metrics import hold_times
from app.wiring.overview_samples import sample_overview
from app.wiring.rules import rules_of

if TYPE_CHECKING:
    from app.observability.tracing import Tracing

log = logging.getLogger(__name__)


async def follow_cluster(
    app: Starlette, settings: Settings, stack: AsyncExitStack, tracing: "Tracing | None", line: Lifeline
) -> None:
    """Returns at once; ``app.state.service`` exists once the API server has answered.

    Raises: CredentialsError.
    """
    cluster = load_access(settings.kubeconfig, settings.context, environ=os.environ)
    timeouts = Timeouts(total=settings.request_timeout_seconds)
    client = cluster.client(timeouts, observer=tracing.of_requests() if tracing is not None else None)
    stack.push_async_callback(client.aclose)
    leases: ApiClient | None = None
    if settings.serves("webhooks"):
        # Neither connections nor credentials are shared between loops.
        leases = load_access(settings.kubeconfig, settings.context, environ=os.environ).client(timeouts)
        stack.push_async_callback(partial(_close, leases, line))
    log.info("reading the cluster", extra={"server": cluster.base_url, "credentials": str(cluster.source)})

    async def follow() -> None:
        served = await discover_patiently(client)
        kubernetes = settings.cluster_version(await patiently(lambda: read_cluster_version(client)))
        log.info("Kubernetes %s", kubernetes, extra={"changed_gates": kubernetes.changed_gates})
        metrics, shutdown = app.state.metrics, app.state.shutdown
        facts = ClusterFacts(
            name=settings.cluster_name or cluster.cluster,
            version=kubernetes.server,
            server=cluster.base_url,
            source="cluster",
        )
        parts = _build(
            settings,
            client,
            served,
            kubernetes,
            metrics=metrics,
            shutdown=shutdown,
            leases=leases,
            line=line,
            facts=facts,
        )
        app.state.service = parts.service
        await parts.run()

    await stack.enter_async_context(background(follow(), "informers"))
    stack.push_async_callback(_resign, app, settings)


async def _resign(app: Starlette, settings: Settings) -> None:
    service = made_service(app)
    decider = service.decides_with if service is not None else None
    if decider is not None and decider.election is not None:
        await decider.election.resign(settings.leader_elect_retry_seconds)


async def _close(leases: ApiClient, line: Lifeline) -> None:
    await line.loops.run(leases.aclose())


@dataclass(frozen=True, slots=True)
class _ClusterService:
    """A service, and its background tasks. ``deciding``: with the role webhooks."""

    service: Service
    informers: InformerGroup
    deciding: Deciding | None
    client: ApiClient
    served: Served

    async def run(self) -> None:
        """Runs until canceled."""
        service, deciding = self.service, self.deciding
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            if deciding is not None:
                await deciding.start(stack)
                await stack.enter_async_context(background(service.backlog.run(), "backlog"))
            await stack.enter_async_context(background(self._end_with_cluster(), "version"))
            tasks.create_task(self.informers.run())
            await self.informers.wait_synced()
            if deciding is not None:
                await deciding.restore()
            await service.prepare_nodes()
            keep_inventory()
            await stack.enter_async_context(background(collect_after_growth(), "garbage collection"))
            await stack.enter_async_context(background(sample_overview(service), "overview samples"))
            if deciding is not None:
                await deciding.run(service.decider)

    async def _end_with_cluster(self) -> None:
        """Ends the process when the cluster has another version, or other gates, or serves other kinds.

        What is read, and every verdict in memory, follows from them. The kubelet starts the process again,
        within seconds.
        """
        questions = [asyncio.create_task(self._served_otherwise())]
        if not self.service.settings.kubernetes_version:
            questions.append(asyncio.create_task(self._other_version()))
        try:
            done, _ = await asyncio.wait(questions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for question in questions:
                question.cancel()
        log.warning("%s: ending, to start with its rules", done.pop().result())
        signal.raise_signal(signal.SIGTERM)  # once: a second one would not wait for binds

    async def _other_version(self) -> str:
        known = self.service.kubernetes
        now = await until_changed(self.client, known, self._pause)
        return f"Kubernetes was {known}, and is {now}"

    async def _served_otherwise(self) -> str:
        """Also at the same version: where gates are not known, or after another ``--runtime-config``."""
        now = await until_served_otherwise(self.client, self.served, self._pause)
        return f"the API server served {self.served}, and serves {now}"

    async def _pause(self) -> None:
        await asyncio.sleep(self.service.settings.version_check_seconds)


def _build(
    settings: Settings,
    client: ApiClient,
    served: Served,
    kubernetes: ClusterVersion,
    *,
    metrics: Metrics,
    shutdown: Shutdown,
    leases: ApiClient | None,
    line: Lifeline,
    facts: ClusterFacts,
) -> _ClusterService:
    """``leases``: a client for the Lease, of the loop that ``line`` keeps; with the role webhooks."""
    state, history = State(), History()
    state.group_members.group_by(settings.gang_labels)
    rules = replace(rules_of(settings, kubernetes), groups_known=served.pod_group is not None)
    state.usage.count_overhead(by_container=rules.features.version.overhead_by_container)
    released, wide_changes = hold_times(metrics), WideChanges()
    deciding, feed = None, Feed(state, released=released)
    if leases is not None:
        deciding = Deciding(
            settings,
            client,
            served.resource_claim,
            state,
            rules,
            history=history,
            urgent=wide_changes.is_filtering,
        )
        feed = deciding.feed(released)
    informers = _informers(
        settings, client, served, feed, mark=lambda: state.writes, wide_changes=wide_changes
    )
    checks: dict[str, Check] = {"shutdown": shutdown.check, "informers": lambda: _unsynced(informers)}
    decider = None
    if deciding is not None and leases is not None:
        claim_informer = informers.informers[served.resource_claim.kind]
        decider = deciding.decider(claim_informer, leases, line)
        metrics.add_source(deciding.claims.samples)
        checks["reservations"] = deciding.restoring
        if decider.election is not None:
            checks[LEADER_CHECK] = decider.election.not_ready_reason
    tokens = settings.auth == "token"
    service = Service(
        settings,
        state,
        rules,
        metrics,
        time.monotonic,
        feed.broken,
        shutdown,
        checks,
        decides_with=decider,
        reviewer=TokenReviewer(client, time.monotonic, settings.token_audiences) if tokens else None,
        history=history,
        cluster=replace(facts, age=informers.silence_seconds),
        wide_changes=wide_changes,
        kubernetes=kubernetes,
    )
    for source in collectors.of_cluster(service, informers):
        metrics.add_source(source)
    return _ClusterService(service, informers, deciding, client, served)


def _informers(
    settings: Settings,
    client: ApiClient,
    served: Served,
    feed: Feed,
    *,
    mark: Callable[[], int],
    wide_changes: WideChanges,
) -> InformerGroup:
    budgets = (BUDGET,) if settings.preemption != "off" else ()
    return InformerGroup(
        client,
        (NODE, POD, *budgets, *served.resources()),
        feed.handle,
        prepare=in_slices(feed, wide_changes),
        settings=InformerSettings(
            page_size=settings.list_page_size, read_timeout_seconds=settings.watch_silence_seconds
        ),
        mark=mark,
    )


def in_slices(feed: Feed, wide_changes: WideChanges, clock: Clock = time.monotonic) -> Preparation:
    """Reads objects that may be large, or many, in slices of the event loop's time.

    Events of one kind share a slice with what was done about the ones before: hundreds may arrive at once,
    and a slice of a pool that many nodes see takes milliseconds to apply. Such a slice waits for filters.
    """
    slices: dict[str, TimeSlice] = {}

    async def prepare(kind: str, event: Event) -> None:
        if kind not in slices:
            slices[kind] = TimeSlice(clock)
        await slices[kind].yield_if_due()
        await slices[kind].run(lambda: feed.read_ahead(kind, event))
        if feed.is_wide(kind, event):
            await wide_changes.wait()

    return prepare


def _unsynced(informers: InformerGroup) -> str:
    waiting = informers.unsynced()
    return f"waiting for the first list of {', '.join(waiting)}" if waiting else ""
