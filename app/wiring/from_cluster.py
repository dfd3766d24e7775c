"""The service of a cluster, in two phases: discover how the cluster serves objects, then build all parts."""

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from app.api.cluster_facts import ClusterFacts
from app.api.history import History
from app.api.service import LEADER_CHECK, Check, Service, Shutdown, made_service
from app.api.webhooks.history_entries import preempt_decisions
from app.cluster.auth.credentials import load_access
from app.cluster.binding.reservations import Reservations
from app.cluster.client.call import Timeouts
from app.cluster.client.client import ApiClient
from app.cluster.client.cluster_version import read_cluster_version, until_changed
from app.cluster.client.discovery import BUDGET, NODE, POD, Served
from app.cluster.client.fence import Fence
from app.cluster.client.reviews import TokenReviewer
from app.cluster.controllers.preemptor import Attempt, Preemptor, PreemptorSettings
from app.cluster.controllers.requeuer import Requeuer
from app.cluster.events.event_writer import EventWriter
from app.cluster.events.pod_events import PodEvents
from app.cluster.events.preemption_events import PreemptionEvents
from app.cluster.informers.feed import Feed
from app.cluster.informers.group import InformerGroup, discover_patiently, patiently
from app.cluster.informers.informer import Event, InformerSettings
from app.core.placement.rules import Rules
from app.core.state.state import State
from app.core.versions.cluster_version import ClusterVersion
from app.observability.metrics import Metrics
from app.settings.settings import Settings
from app.wiring import collectors
from app.wiring.background import background
from app.wiring.claim_controllers import ClaimControllers
from app.wiring.garbage_collection import keep_inventory
from app.wiring.leadership import election_of, fence_of
from app.wiring.lifeline import Lifeline
from app.wiring.rules import now, rules_of

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
    # Neither connections nor credentials are shared between loops.
    leases = load_access(settings.kubeconfig, settings.context, environ=os.environ).client(timeouts)
    stack.push_async_callback(lambda: line.loops.run(leases.aclose()))
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

    async def resign() -> None:
        service = made_service(app)
        if service is not None and service.election is not None:
            await service.election.resign(settings.leader_elect_retry_seconds)

    await stack.enter_async_context(background(follow(), "informers"))
    stack.push_async_callback(resign)


@dataclass(frozen=True, slots=True)
class _ClusterService:
    """A service, and its background tasks."""

    service: Service
    requeuer: Requeuer
    events: PodEvents
    informers: InformerGroup
    claims: ClaimControllers
    client: ApiClient

    async def run(self) -> None:
        """Runs until canceled."""
        service = self.service
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            await stack.enter_async_context(background(self.requeuer.run(), "requeuer"))
            await stack.enter_async_context(background(self.events.run(), "events"))
            await stack.enter_async_context(background(service.backlog.run(), "backlog"))
            if not service.settings.kubernetes_version:
                await stack.enter_async_context(background(self._end_with_version(), "version"))
            if service.preemptor is not None:
                await stack.enter_async_context(background(service.preemptor.run(), "preemption"))
            tasks.create_task(self.informers.run())
            await self.informers.wait_synced()
            await service.gather_pools()
            keep_inventory()
            tasks.create_task(self.claims.run())
            if service.election is not None:
                await service.election.run()

    async def _end_with_version(self) -> None:
        """Ends the process when the cluster has another version or other gates.

        What is served, and every verdict in memory, follows from them. The kubelet starts the process again,
        within seconds.
        """

        async def pause() -> None:
            await asyncio.sleep(self.service.settings.version_check_seconds)

        now = await until_changed(self.client, self.service.kubernetes, pause)
        log.warning(
            "Kubernetes was %s, and is %s: ending, to start with its rules", self.service.kubernetes, now
        )
        signal.raise_signal(signal.SIGTERM)


def _build(
    settings: Settings,
    client: ApiClient,
    served: Served,
    kubernetes: ClusterVersion,
    *,
    metrics: Metrics,
    shutdown: Shutdown,
    leases: ApiClient,
    line: Lifeline,
    facts: ClusterFacts,
) -> _ClusterService:
    state, fence, history = State(), fence_of(settings), History()
    rules = replace(rules_of(settings, kubernetes), groups_known=served.pod_group is not None)
    writes = client.guarded(fence)
    writer = EventWriter(writes, socket.gethostname(), now)
    requeuer = Requeuer(writes, state, rules)
    events = PodEvents(writer, fence=fence)
    reservations = Reservations(state, rules, settings.reservation_seconds, requeuer.lifted)
    claims = ClaimControllers(
        writes,
        served.resource_claim,
        state,
        rules,
        settings,
        fence=fence,
        writer=writer,
        reservations=reservations,
    )
    preemptor = None
    if settings.preemption == "evict":
        preemptor = _preemptor(settings, writes, state, rules, fence=fence, writer=writer, history=history)
    feed = Feed(
        state,
        _each(reservations.changed, requeuer.changed),
        claim_changed=claims.foreign.changed,
        pod_gone=requeuer.gone,
    )
    informers = InformerGroup(
        client,
        (NODE, POD, *((BUDGET,) if settings.preemption != "off" else ()), *served.resources()),
        feed.handle,
        settings=InformerSettings(
            page_size=settings.list_page_size, read_timeout_seconds=settings.watch_silence_seconds
        ),
        mark=lambda: state.writes,
    )
    claim_informer = informers.informers[served.resource_claim.kind]
    election = election_of(
        settings, client, fence, claim_informer, reservations.clear, leases=leases, line=line
    )
    checks: dict[str, Check] = {"shutdown": shutdown.check, "informers": lambda: _unsynced(informers)}
    if election is not None:
        checks[LEADER_CHECK] = election.not_ready_reason
    tokens = settings.auth == "token"
    service = Service(
        settings,
        state,
        rules,
        claims.binder,
        reservations,
        metrics,
        time.monotonic,
        feed.broken,
        shutdown,
        checks,
        requeuer=requeuer,
        deallocator=claims.deallocator,
        election=election,
        events=events,
        preemptor=preemptor,
        reviewer=TokenReviewer(client, time.monotonic, settings.token_audiences) if tokens else None,
        history=history,
        cluster=replace(facts, age=informers.silence_seconds),
        kubernetes=kubernetes,
    )
    metrics.add_source(claims.samples)
    for source in collectors.of_cluster(service, informers):
        metrics.add_source(source)
    return _ClusterService(service, requeuer, events, informers, claims, client)


def _preemptor(
    settings: Settings,
    writes: ApiClient,
    state: State,
    rules: Rules,
    *,
    fence: Fence,
    writer: EventWriter,
    history: History,
) -> Preemptor:
    def attempted(attempt: Attempt) -> None:
        for decision in preempt_decisions(rules, attempt):
            history.add(decision)

    return Preemptor(
        writes,
        state,
        rules,
        PreemptionEvents(writer),
        fence=fence,
        attempted=attempted,
        settings=PreemptorSettings(
            hold_seconds=settings.preemption_hold_seconds,
            evictions_per_second=settings.preemption_evictions_per_second,
        ),
    )


def _each(*listeners: Callable[[str, Event], None]) -> Callable[[str, Event], None]:
    def notify(kind: str, event: Event) -> None:
        for listener in listeners:
            listener(kind, event)

    return notify


def _unsynced(informers: InformerGroup) -> str:
    waiting = informers.unsynced()
    return f"waiting for the first list of {', '.join(waiting)}" if waiting else ""
