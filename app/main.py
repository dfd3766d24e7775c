"""The application: the only place that knows all parts."""

import asyncio
import datetime as dt
import gc
import logging
import os
import socket
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import ASGIApp, Scope

from app.api import errors
from app.api.middleware import access
from app.api.middleware.authorization import Authorization
from app.api.middleware.instrumentation import Instrumentation
from app.api.pages import add_pages
from app.api.routes import (
    capacity,
    decisions,
    device,
    documents,
    explain_pod,
    fleet,
    health,
    inventory,
    matches,
    placements,
    pods,
    policies,
    stream,
)
from app.api.service import LEADER_CHECK, Service
from app.api.webhooks import routes
from app.api.webhooks.dispatch import Application, Shortcut
from app.api.webhooks.history_entries import preempt_decisions
from app.cluster.auth.credentials import load_access
from app.cluster.binding.memory_binder import MemoryBinder, UnreadyBinder
from app.cluster.binding.reservations import Reservations
from app.cluster.client.call import Timeouts
from app.cluster.client.discovery import BUDGET, NODE, POD
from app.cluster.client.reviews import Reviewer, TokenReviewer
from app.cluster.controllers.preemptor import Attempt, Preemptor, PreemptorSettings
from app.cluster.controllers.requeuer import Requeuer
from app.cluster.events.event_writer import EventWriter
from app.cluster.events.pod_events import PodEvents
from app.cluster.events.preemption_events import PreemptionEvents
from app.cluster.informers.feed import Feed
from app.cluster.informers.group import InformerGroup, discover_patiently
from app.cluster.informers.informer import Event, InformerSettings, Problem
from app.core.allocator import Limits
from app.core.model.errors import ObjectError
from app.core.model.parse import parse
from app.core.model.workload import Workload
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from app.manifests.reader import ManifestError, read_paths
from app.observability.logs import set_up_logs
from app.observability.metrics import Metrics
from app.server import run
from app.settings.settings import Settings, SettingsError
from app.wiring import collectors
from app.wiring.background import background, watch_lag
from app.wiring.claim_controllers import ClaimKeeping, now_text
from app.wiring.leadership import Leadership

if TYPE_CHECKING:
    from app.observability.tracing import Tracing

log = logging.getLogger(__name__)

COLLECTIONS = (10_000, 20, 50)
"""The garbage collector's thresholds: see ``_keep``."""


def create_app(settings: Settings, tracing: "Tracing | None" = None) -> FastAPI:
    """An application of its own: two in one process share nothing.

    Its lifespan reads the snapshot, or starts the informers and returns: readiness tells when they
    have synced.
    """
    metrics = Metrics(version("dra-extender"))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            if tracing is not None:
                stack.push_async_callback(asyncio.to_thread, tracing.stop)
            serving = _from_files if settings.snapshot else _from_cluster
            app.state.service = await serving(settings, metrics, stack, tracing)
            await stack.enter_async_context(background(watch_lag(metrics), "event loop lag"))
            await stack.enter_async_context(background(app.state.service.backlog.run(), "backlog"))
            yield

    app = Application(
        title="dra-extender",
        summary="A kube-scheduler extender that does Dynamic Resource Allocation",
        version=version("dra-extender"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=errors.RESPONSES,
        redirect_slashes=False,  # a redirect would repeat what a client has put into Host
    )
    app.state.metrics = metrics

    def guarded(answers: ASGIApp) -> ASGIApp:
        # Outermost is what measures: it counts refusals too.
        traced = answers if tracing is None else tracing.around(answers)
        return Instrumentation(
            Authorization(traced, settings, rules=access.Rules(settings, _reviewer)), metrics, time.monotonic
        )

    app.add_middleware(guarded)
    app.cut_short(Shortcut(routes.ENDPOINTS), guarded)
    errors.install(app)
    for part in (
        routes,
        placements,
        capacity,
        documents,
        policies,
        pods,
        explain_pod,
        inventory,
        fleet,
        device,
        matches,
        decisions,
        stream,
        health,
    ):
        app.include_router(part.router)
    add_pages(app)
    return app


def serve(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; requests under way are finished first.

    Raises: ManifestError, SettingsError and CredentialsError before anything is served.
    """
    handler = set_up_logs(settings.log_format, settings.verbosity)
    try:
        run(create_app(settings, _tracing(settings)), settings)
    finally:
        logging.getLogger().removeHandler(handler)


def _tracing(settings: Settings) -> "Tracing | None":
    """Raises: SettingsError if it is wanted and not installed."""
    if not settings.otlp_endpoint:
        return None
    try:
        from app.observability.tracing import Tracing  # noqa: PLC0415 - an extra, and nobody else waits for it
    except ModuleNotFoundError as error:
        text = "otlp_endpoint needs the extra `tracing`: pip install 'dra-extender[tracing]'"
        raise SettingsError(f"{text} ({error})") from None
    return Tracing.to(settings)


async def _from_files(
    settings: Settings, metrics: Metrics, _stack: AsyncExitStack, _tracing: "Tracing | None"
) -> Service:
    """Serves manifests: binds change the copy in memory only. Raises: ManifestError."""
    state, broken = State(), {}
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
    rules = _rules(settings)
    reservations = Reservations(state, rules, settings.reservation_seconds)
    binder = MemoryBinder(state, rules, now=now_text, reservations=reservations)
    service = Service(
        settings, state, rules, binder, reservations, metrics, time.monotonic, broken, learns_pods=True
    )
    metrics.add_source(collectors.inventory(service))
    metrics.add_source(collectors.decisions(service))
    await service.gather_pools()
    _keep()
    return service


async def _from_cluster(
    settings: Settings, metrics: Metrics, stack: AsyncExitStack, tracing: "Tracing | None"
) -> Service:
    """Serves a cluster; comes back before the first sync. Raises: CredentialsError."""
    cluster = load_access(settings.kubeconfig, settings.context, environ=os.environ)
    timeouts = Timeouts(total=settings.request_timeout_seconds)
    client = cluster.client(timeouts, observer=tracing.of_requests() if tracing is not None else None)
    stack.push_async_callback(client.aclose)
    state, rules = State(), _rules(settings)
    leadership = Leadership(settings, client)
    writes, election = leadership.writes, leadership.election
    requeuer = Requeuer(writes, state, rules, report=log.warning)
    events = PodEvents(
        EventWriter(writes, socket.gethostname(), _now), may_write=leadership.may_write, report=log.warning
    )
    reservations = Reservations(state, rules, settings.reservation_seconds, requeuer.lifted)
    feed = Feed(
        state,
        lambda error: log.warning("object left out: %s", error),
        _each(reservations.changed, requeuer.changed),
        pod_gone=requeuer.gone,
    )
    service = Service(
        settings,
        state,
        rules,
        UnreadyBinder(),
        reservations,
        metrics,
        time.monotonic,
        feed.broken,
        requeuer=requeuer,
        election=election,
        events=events,
    )
    metrics.add_source(collectors.inventory(service))
    metrics.add_source(collectors.decisions(service))
    if settings.preemption == "evict":
        service.preemptor = _preemptor(settings, leadership, service)
        metrics.add_source(collectors.preemption(service.preemptor))
    if settings.auth == "token":
        service.reviewer = TokenReviewer(client, time.monotonic, settings.token_audiences)
    service.checks["informers"] = lambda: "waiting for the API server"
    if election is not None:
        service.checks[LEADER_CHECK] = election.not_ready_reason
        metrics.add_source(collectors.election(election))
    log.info("reading the cluster", extra={"server": cluster.base_url, "credentials": str(cluster.source)})

    async def follow() -> None:
        served = await discover_patiently(client, report=lambda error: log.warning("%s", error))
        keeping = ClaimKeeping(
            writes,
            served.resource_claim,
            state,
            rules,
            settings,
            reservations=reservations,
            write_seconds=leadership.write_seconds,
            enter=leadership.enter,
            may_write=leadership.may_write,
        )
        service.binder, service.deallocator = keeping.binder, keeping.deallocator
        feed.claim_changed = keeping.foreign.changed
        metrics.add_source(keeping.samples)
        informers = InformerGroup(
            client,
            (NODE, POD, *((BUDGET,) if settings.preemption != "off" else ()), *served.resources()),
            feed.handle,
            settings=InformerSettings(
                page_size=settings.list_page_size, read_timeout_seconds=settings.watch_silence_seconds
            ),
            report=_report,
        )
        metrics.add_source(collectors.informers(informers))
        service.checks["informers"] = lambda: _unsynced(informers)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(informers.run())
            await informers.wait_synced()
            await service.gather_pools()
            _keep()
            tasks.create_task(keeping.run())
            if election is not None:
                leadership.prepare(informers.informers[served.resource_claim.kind], reservations.clear)
                await election.run()

    await stack.enter_async_context(background(follow(), "informers"))
    await stack.enter_async_context(background(requeuer.run(), "waker"))
    await stack.enter_async_context(background(events.run(), "events"))
    if service.preemptor is not None:
        await stack.enter_async_context(background(service.preemptor.run(), "preemption"))
    if election is not None:
        stack.push_async_callback(election.resign, settings.leader_elect_retry_seconds)
    return service


def _each(*listeners: Callable[[str, Event], None]) -> Callable[[str, Event], None]:
    def tell(kind: str, event: Event) -> None:
        for listener in listeners:
            listener(kind, event)

    return tell


def _preemptor(settings: Settings, leadership: Leadership, service: Service) -> Preemptor:
    def attempted(attempt: Attempt) -> None:
        for decision in preempt_decisions(service, attempt):
            service.history.add(decision)

    events = PreemptionEvents(EventWriter(leadership.writes, socket.gethostname(), _now), log.warning)
    return Preemptor(
        leadership.writes,
        service.state,
        service.rules,
        events,
        enter=leadership.enter,
        may_write=leadership.may_write,
        report=log.warning,
        attempted=attempted,
        settings=PreemptorSettings(
            hold_seconds=settings.preemption_hold_seconds,
            evictions_per_second=settings.preemption_evictions_per_second,
        ),
    )


def _reviewer(scope: Scope) -> Reviewer | None:
    service: Service | None = getattr(scope["app"].state, "service", None)
    return service.reviewer if service is not None else None


def _rules(settings: Settings) -> Rules:
    return Rules(
        selectors=SelectorCache(settings.cel_cache_entries, engine=settings.cel_engine),
        new_share_id=lambda: str(uuid.uuid4()),
        features=settings.switched_features,
        policy=settings.policy,
        limits=Limits(max_steps=settings.search_steps, max_probes=settings.search_probes),
        now=_now,
    )


def _keep() -> None:
    """Takes what is there now out of the garbage collector's rounds.

    The inventory stays for as long as the process; going through it again and again would make
    somebody wait 200 ms at 40,000 devices. What is replaced later is freed by its count of references.

    With nothing old left, the collector would go through all that is younger at every 70,000th object,
    which a dry run makes several times over: it is told to do so seldom. Rounds through the youngest
    10,000 take a millisecond and find what cycles there are, those of requests that failed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)


def _unsynced(informers: InformerGroup) -> str:
    waiting = informers.unsynced()
    return f"waiting for the first list of {', '.join(waiting)}" if waiting else ""


def _report(problem: Problem) -> None:
    log.warning("%s", problem.text, extra={"resource": problem.resource.plural})


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
