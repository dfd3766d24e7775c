"""What every endpoint needs, put together by app.main."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Request

from app.api.errors import Refusal, not_ready
from app.api.turns import Clock, Deadline
from app.cluster.binder import Binder
from app.core.model.errors import ObjectError
from app.core.placement.memo import Memo
from app.core.placement.rules import Rules
from app.core.state.state import Key, State
from app.metrics import Metrics
from app.settings import Settings

Check = Callable[[], str]
"""Says what is missing; empty if nothing is."""


class DryRuns:
    """Keeps dry runs from crowding out the webhooks: a few at a time, as many waiting, no more."""

    def __init__(self, at_a_time: int, turned_away: Callable[[], None]) -> None:
        self._slots = asyncio.Semaphore(at_a_time)
        self._most = 2 * at_a_time
        self._turned_away = turned_away
        self.count = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Raises: Refusal, 429."""
        if self.count >= self._most:
            self._turned_away()
            text = "too many dry runs are under way; webhooks come first"
            raise Refusal(429, "TooManyRequests", text, retry_after_seconds=1)
        self.count += 1
        try:
            async with self._slots:
                yield
        finally:
            self.count -= 1


@dataclass(slots=True, eq=False)
class Service:
    """The parts of one application.

    ``rules`` are those of the webhooks. ``learns_pods``: without a cluster, Pods are known from the
    filters that ask about them. ``broken`` are the objects that could not be read.
    """

    settings: Settings
    state: State
    rules: Rules
    binder: Binder
    metrics: Metrics
    clock: Clock
    broken: Mapping[tuple[str, Key], ObjectError]
    learns_pods: bool = False
    checks: dict[str, Check] = field(default_factory=dict)
    draining: bool = False
    memo: Memo = field(init=False)
    dry_runs: DryRuns = field(init=False)

    def __post_init__(self) -> None:
        self.memo = Memo(self.state)
        self.dry_runs = DryRuns(self.settings.dry_runs, self.metrics.turned_away.inc)
        self.checks["shutdown"] = lambda: "shutting down" if self.draining else ""

    def missing(self) -> str:
        """What keeps the service from being ready."""
        return "; ".join(text for check in self.checks.values() if (text := check()))

    def require_synced(self) -> None:
        """Raises: Refusal, 503, until the cluster has been read once. A shutdown does not count: what
        comes in until the end is answered."""
        for name, check in self.checks.items():
            if name != "shutdown" and (text := check()):
                raise not_ready(text)

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(self.clock, seconds)

    def rules_until(self, rules: Rules, deadline: Deadline) -> Rules:
        """The same rules for a search that ends when time is up."""
        return replace(rules, limits=replace(rules.limits, expired=deadline.expired))


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(service_of)]
