"""The components that every endpoint needs, wired by app.wiring."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from starlette.applications import Starlette

from app.api.cluster_facts import ClusterFacts
from app.api.decider import Decider
from app.api.errors import HttpError, not_ready
from app.api.expensive import Expensive, Places, caller_of, until_client_leaves
from app.api.history import History
from app.api.overview_history import OverviewHistory
from app.api.overviews import Overviews
from app.cluster.client.reviews import Reviewer
from app.core.model.errors import ObjectError
from app.core.overview.overview import Overview, Question
from app.core.placement.rules import Rules
from app.core.state.state import Key, State
from app.core.verdicts.cache import VerdictCache
from app.core.versions.cluster_version import ClusterVersion
from app.event_loop.backlog import Backlog
from app.event_loop.shares import Shares
from app.event_loop.time_slice import Clock, Deadline, TimeSlice
from app.event_loop.turns import Turns
from app.event_loop.wide_changes import WideChanges
from app.observability.metrics import Metrics
from app.settings.settings import Settings

_URGENT_SECONDS = 0.05
"""The body of a filter arrives within a few milliseconds, or the client is slow."""

_TENANT_SHARE, _TENANT_SECONDS = 0.1, 0.5
"""CPU seconds a second, and saved up, for dear selectors of one namespace while filters wait for them."""

LEADER_CHECK = "leader"
Check = Callable[[], str]
"""Returns what is missing; empty if ready."""
STARTING = "waiting for the API server"
"""What is missing until there is a service."""


class Shutdown:
    """Whether the process is ending: there from the first moment, unlike the service."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        """Reports not ready, so that no new work arrives. Requests that still arrive are answered."""
        self.begun = True

    def check(self) -> str:
        """See ``Check``."""
        return "shutting down" if self.begun else ""


class Streams:
    """Counts streaming responses."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0

    @contextmanager
    def place(self, instead: str) -> Iterator[None]:
        """``instead``: what a client can do without a stream. Raises: HttpError, 429."""
        if self.count >= self._most:
            text = f"too many open streams; {instead}"
            raise HttpError(429, "TooManyRequests", text, retry_after_seconds=5)
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


@dataclass(slots=True, eq=False)
class Service:
    """The parts of one application, all of them given when it is made.

    ``rules`` are those of the webhooks, for the version
    ``kubernetes``. ``learns_pods``: without a cluster, Pods are known only from
    filter requests. ``broken`` are malformed objects. ``checks`` by name say why this service is not
    ready. ``decides_with`` are the parts that only the role webhooks has. ``reviewer`` exists only with a
    cluster. ``epoch`` distinguishes this process from earlier ones, whose cursors are not valid here.
    """

    settings: Settings
    state: State
    rules: Rules
    metrics: Metrics
    clock: Clock
    broken: Mapping[tuple[str, Key], ObjectError]
    shutdown: Shutdown
    checks: Mapping[str, Check]
    learns_pods: bool = False
    kubernetes: ClusterVersion = field(default_factory=ClusterVersion)
    decides_with: Decider | None = None
    reviewer: Reviewer | None = None
    epoch: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    history: History = field(default_factory=History)
    cluster: ClusterFacts = field(default_factory=ClusterFacts)
    overview_history: OverviewHistory = field(default_factory=OverviewHistory)
    observed: Overview | None = None
    wide_changes: WideChanges = field(default_factory=WideChanges)
    verdict_cache: VerdictCache = field(init=False)
    overviews: Overviews = field(init=False)
    places: Places = field(init=False)
    streams: Streams = field(init=False)
    backlog: Backlog = field(init=False)
    shares: Shares = field(init=False)
    _urgent: int = 0
    _urgent_until: float = 0.0
    _long_work: asyncio.Lock = field(default_factory=asyncio.Lock)
    _webhook_turns: Turns = field(default_factory=Turns)
    _other_turns: Turns = field(init=False)

    def __post_init__(self) -> None:
        self._other_turns = Turns(behind=self._webhook_turns)
        self.verdict_cache = VerdictCache(self.state)
        self.overviews = Overviews(self.state, self.rules, self.history, self.clock, self.time_slice)
        self.places = Places(self.settings.dry_runs, self.metrics.turned_away.inc)
        self.streams = Streams(self.settings.streams)
        self.backlog = Backlog(self.clock, self.settings.selector_cpu_seconds)
        self.shares = Shares(self.clock, _TENANT_SHARE, _TENANT_SECONDS)

    def require_synced(self) -> None:
        """Raises: HttpError, 503, until the cluster has been read once.

        Neither a shutdown nor leadership matters: requests until the end get a response, and a follower
        has its own index.
        """
        for name, check in self.checks.items():
            if name not in {"shutdown", LEADER_CHECK} and (text := check()):
                raise not_ready(text)

    @property
    def decider(self) -> Decider:
        """What the webhooks decide with. Raises: LookupError without the role webhooks, which has no routes
        that lead here.
        """
        if self.decides_with is None:
            raise LookupError("a process without the role webhooks decides nothing")
        return self.decides_with

    @property
    def decides(self) -> bool:
        """Whether this process decides for kube-scheduler now: no other one has the role, or the lease.

        If not, its state lacks what the one that decides has reserved or assumed, and not yet written.
        """
        return self.decides_with is not None and self.decides_with.leads

    def stop_leading(self) -> None:
        """Releases the lease as soon as the webhooks in progress are answered."""
        if self.decides_with is not None:
            self.decides_with.stop_leading(self.settings.shutdown_seconds)

    @contextmanager
    def first(self) -> Iterator[None]:
        """Context in which a request arrives that has priority over work in a ``time_slice``, unless it
        is slow.
        """
        self._urgent += 1
        self._urgent_until = self.clock() + _URGENT_SECONDS
        try:
            yield
        finally:
            self._urgent -= 1

    def webhook_slice(self, tenant: str = "") -> TimeSlice:
        """For work that a webhook waits for. ``tenant``: the namespace of its Pod; these take turns."""
        return TimeSlice(self.clock, queue=self._long_work, turns=self._webhook_turns, tenant=tenant)

    def time_slice(self) -> TimeSlice:
        """For work of lower priority than the webhooks: all of it gets one slice in each turn of the loop,
        and beside work of the webhooks in each fifth.
        """
        return TimeSlice(
            self.clock,
            urgent=lambda: self._urgent > 0 and self.clock() < self._urgent_until,
            turns=self._other_turns,
        )

    async def observe(self) -> None:
        """Makes the overview that the metrics are of, ``observed``. Cost: see ``Overviews.answer``."""
        self.observed = await self.overviews.answer(self.usual_question())

    def usual_question(self, namespace: str = "") -> Question:
        """What the overview is of, if a client does not say."""
        settings = self.settings
        return Question(settings.overview_attribute, settings.overview_labels or None, "", namespace)

    async def prepare_nodes(self) -> None:
        """Prepares all nodes for the first filter, which would take most of its time for that.

        O(devices), in slices.
        """
        await self.time_slice().run(lambda: self.verdict_cache.prepare(self.rules))

    @asynccontextmanager
    async def expensive(self, request: Request) -> AsyncIterator[Expensive]:
        """A place for work that takes long, and its time from then on. The body has to be read before.

        Raises: HttpError, 429 if there is no place, 503 before the first sync.
        """
        self.require_synced()
        async with self.places.place(caller_of(request.scope)), until_client_leaves(request) as left:
            seconds = self.settings.dry_run_timeout_seconds
            deadline = self.deadline(seconds)
            work = Expensive(self.time_slice(), lambda: left() or deadline.expired(), seconds)
            try:
                yield work
            finally:
                await work.clear()

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(self.clock, seconds)


def made_service(app: Starlette) -> Service | None:
    """The application's service, once it is known how the cluster serves its objects."""
    return getattr(app.state, "service", None)


async def service_of(request: Request) -> Service:
    """Raises: HttpError, 503, until there is a service."""
    # A coroutine, because FastAPI calls plain functions in a thread.
    service = made_service(request.app)
    if service is None:
        raise not_ready(STARTING)
    return service


ServiceOf = Annotated[Service, Depends(service_of)]
