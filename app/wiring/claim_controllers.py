"""Wires the controllers of claims: binding, release, detection of other allocators, repair."""

import asyncio
import time
from collections.abc import Iterable

from app.cluster.binding.binder import ClusterBinder
from app.cluster.binding.node_pledges import NodePledges
from app.cluster.binding.reservations import Reservations
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource
from app.cluster.client.fence import Fence
from app.cluster.controllers.deallocator import Deallocator
from app.cluster.controllers.double_allocations import ForeignAllocations
from app.cluster.controllers.reconciler import Reconciler, ReconcilerSettings
from app.cluster.events.claim_events import ClaimEvents
from app.cluster.events.event_writer import EventWriter
from app.core.placement.rules import Rules
from app.core.state.state import State
from app.observability.metrics import Sample
from app.settings.settings import Settings
from app.wiring.rules import now_text

Labelled = dict[tuple[str, ...], float]


class ClaimControllers:
    """The controllers that write claims.

    Args:
        client: writes only while the fence is open.
        writer: for Events, with the same client.
    """

    def __init__(
        self,
        client: ApiClient,
        claims: Resource,
        state: State,
        rules: Rules,
        settings: Settings,
        *,
        fence: Fence,
        writer: EventWriter,
        reservations: Reservations,
        pledges: NodePledges,
    ) -> None:
        manager = settings.field_manager
        self.binder = ClusterBinder(
            client,
            claims,
            state,
            rules,
            now=now_text,
            fence=fence,
            manager=manager,
            reservations=reservations,
            pledges=pledges,
            wait_seconds=settings.bind_seconds,
        )
        self.deallocator = Deallocator(client, claims, state, alone_with=self.binder.freeing)
        self._events = ClaimEvents(writer, fence=fence)
        self.foreign = ForeignAllocations(state, self._events.warn)
        self._reconciler = Reconciler(
            client,
            claims,
            state,
            rules,
            writer=self.binder.writer,
            extended=self.binder.extended,
            alone_with=self.binder.freeing,
            fence=fence,
            clock=time.monotonic,
            manager=manager,
            settings=ReconcilerSettings(
                settings.reconcile_grace_seconds, settings.reconcile_interval_seconds
            ),
        )

    async def run(self) -> None:
        """Repairs claims and writes Events, until canceled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reconciler.run())
            tasks.create_task(self._events.run())

    def samples(self) -> Iterable[Sample]:
        """Metrics."""
        foreign, binder, extended = self.foreign, self.binder, self.binder.extended
        text = "Devices allocated to two claims, because another allocator is active."
        yield Sample("foreign_allocations", text, {(): foreign.seen}, counter=True)
        yield Sample("devices_held_twice", "Devices that two claims hold now.", {(): foreign.now})
        text = "Binds withdrawn because another allocator took the device."
        yield Sample("binds_withdrawn", text, {(): binder.withdrawn}, counter=True)
        text = "Requests of binds retried because the API server was too busy (429)."
        yield Sample("api_retries", text, {(): binder.retries}, counter=True)
        text = "Writes to claims retried because another client wrote in between (409)."
        yield Sample("claim_conflicts", text, {(): binder.writer.conflicts}, counter=True)
        changes: Labelled = {("created",): float(extended.created), ("removed",): float(extended.removed)}
        text = "Claims for extended resources, created and, after failed binds, deleted."
        yield Sample("extended_claims", text, changes, ("change",), counter=True)
        results: Labelled = {(result,): float(number) for result, number in self._reconciler.results.items()}
        text = (
            "Stale claims, by result: repaired (reservation, extended, abandoned), "
            "or left alone (not_ours, overtaken, in_use, not_leader, api_error)."
        )
        yield Sample("claims_reconciled", text, results, ("result",), counter=True)
        text = "Claims that look stale, including those of other clients and those within the grace period."
        yield Sample("claims_left_over", text, {(): self._reconciler.suspects})
