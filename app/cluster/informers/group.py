"""All informers of one process, and the delivery of their events."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TypeVar

from app.cluster.client.backoff import Backoff, Clock, LoopClock
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource, Served, discover
from app.cluster.client.errors import ApiError, ClusterError, CredentialsError, NotServedError
from app.cluster.informers.informer import (
    TOGETHER,
    Event,
    Informer,
    InformerSettings,
    Replaced,
)
from app.core.pauses import leave

log = logging.getLogger(__name__)

T = TypeVar("T")

Handler = Callable[[str, Event], None]
Preparation = Callable[[str, Event], Awaitable[None]]


class InformerGroup:
    """Runs one informer for each resource and passes all events to one handler.

    Args:
        client: the API server.
        resources: what to watch; their kinds must differ.
        handle: called with (kind, event) from the event loop, one call at a time: the single writer of
            the state. Objects carry apiVersion and kind. An exception is a defect: it is counted and
            logged, and the informer continues, since one object must not stop the updates of all others.
        prepare: awaited with each event right before ``handle``; events of other kinds go on meanwhile.
        settings, clock, uniform, mark: as for Informer.
    """

    def __init__(
        self,
        client: ApiClient,
        resources: Sequence[Resource],
        handle: Handler,
        *,
        prepare: Preparation | None = None,
        settings: InformerSettings | None = None,
        clock: Clock | None = None,
        uniform: Callable[[float, float], float] | None = None,
        mark: Callable[[], int] = lambda: 0,
    ) -> None:
        self._handle = handle
        self._prepare = prepare
        self.handler_failures: Counter[str] = Counter()
        self.informers: Mapping[str, Informer] = {
            resource.kind: Informer(
                client,
                resource,
                settings=settings,
                clock=clock,
                uniform=uniform,
                mark=mark,
            )
            for resource in resources
        }
        if len(self.informers) != len(resources):
            raise ValueError("two resources of one kind")

    def unsynced(self) -> tuple[str, ...]:
        """The kinds without a first list."""
        # Called by each webhook. With a generator and a property, this took 30 calls.
        return tuple([kind for kind, informer in self.informers.items() if not informer.stats.synced])

    def silence_seconds(self) -> float | None:
        """Time since the last event or bookmark of the kind that has been silent longest; None before the
        first.
        """
        ages = [item.last_event_age_seconds() for item in self.informers.values()]
        known = [age for age in ages if age is not None]
        return max(known) if known and len(known) == len(ages) else None

    async def wait_synced(self) -> None:
        for informer in self.informers.values():
            await informer.wait_synced()

    async def run(self) -> None:
        """Runs until canceled, and then closes all watches before it returns."""
        async with asyncio.TaskGroup() as tasks:
            for kind, informer in self.informers.items():
                tasks.create_task(self._deliver(kind, informer), name=f"informer {kind}")

    async def _deliver(self, kind: str, informer: Informer) -> None:
        number = 0
        async with aclosing(informer.events()) as events:
            async for event in events:
                number += 1
                if number % TOGETHER == 0:
                    await asyncio.sleep(0)
                try:
                    if self._prepare is not None:
                        await self._prepare(kind, event)
                    self._handle(kind, event)
                except Exception:
                    self.handler_failures[kind] += 1
                    log.exception("the handler of %s failed on %s", kind, type(event).__name__)
                if isinstance(event, Replaced):
                    # Thousands of objects, which are not needed any more.
                    leave(list(event.objects))
                del event


async def discover_patiently(
    client: ApiClient,
    *,
    clock: Clock | None = None,
    uniform: Callable[[float, float], float] | None = None,
) -> Served:
    """As discover, but waits for an API server that is down or overloaded. Logs each failure.

    Raises: NotServedError, CredentialsError: waiting would not help.
    """
    return await patiently(lambda: discover(client), clock=clock, uniform=uniform)


async def patiently(
    ask: Callable[[], Awaitable[T]],
    *,
    clock: Clock | None = None,
    uniform: Callable[[float, float], float] | None = None,
) -> T:
    """The result of a question to the API server, repeated while that is down or overloaded.

    Logs each failure. Raises: NotServedError, CredentialsError: waiting would not help.
    """
    clock = clock or LoopClock()
    backoff = Backoff(clock, uniform=uniform) if uniform else Backoff(clock)
    while True:
        try:
            return await ask()
        except (NotServedError, CredentialsError):
            raise
        except ClusterError as error:
            log.warning("%s", error)
            at_least = (error.retry_after or 0.0) if isinstance(error, ApiError) else 0.0
            await clock.sleep(backoff.next_delay(at_least))
