"""Wires what only the role webhooks has: the parts that decide and write, under one fence."""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import AsyncExitStack

from app.api.decider import Decider
from app.api.history import History
from app.api.webhooks.history_entries import preempt_decisions
from app.cluster.binding.node_pledges import NodePledges
from app.cluster.binding.nominated_holds import NominatedHolds
from app.cluster.binding.planned_moves import PlannedMoves
from app.cluster.binding.reservations import Reservations
from app.cluster.binding.undelivered_claims import UndeliveredClaims
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource
from app.cluster.client.fence import Fence
from app.cluster.controllers.preemptor import Attempt, Preemptor, PreemptorSettings
from app.cluster.controllers.requeuer import Requeuer
from app.cluster.events.event_writer import EventWriter
from app.cluster.events.pod_events import PodEvents
from app.cluster.events.preemption_events import PreemptionEvents
from app.cluster.informers.feed import Feed
from app.cluster.informers.informer import Event, Informer
from app.core.model.allocation import Allocation
from app.core.placement.rules import Rules
from app.core.state.state import State
from app.core.verdicts.candidates import Candidates
from app.settings.settings import Settings
from app.wiring.background import background
from app.wiring.claim_controllers import ClaimControllers
from app.wiring.leadership import election_of, fence_of
from app.wiring.lifeline import Lifeline
from app.wiring.rules import now


class Deciding:
    """The parts, and their background tasks.

    Args:
        client: one that the fence does not hold back; the parts write with a guarded one.
        claims: how the cluster serves ResourceClaims.
        history: receives the results of preemptions.
        urgent: whether filters are in progress.
    """

    def __init__(
        self,
        settings: Settings,
        client: ApiClient,
        claims: Resource,
        state: State,
        rules: Rules,
        *,
        history: History,
        urgent: Callable[[], bool],
    ) -> None:
        self._settings, self._client, self._state, self._rules = settings, client, state, rules
        self._fence = fence_of(settings)
        writes = client.guarded(self._fence)
        writer = EventWriter(writes, socket.gethostname(), now)
        self._requeuer = Requeuer(writes, state, rules, gang_labels=settings.gang_labels, urgent=urgent)
        self._undelivered_claims = UndeliveredClaims(client, claims, state)
        self._events = PodEvents(writer, fence=self._fence)
        self._reservations = Reservations(state, rules, settings.reservation_seconds, self._requeuer.lifted)
        self._nominated_holds = NominatedHolds(state, settings.preemption_hold_seconds, self._requeuer.lifted)
        self._pledges = NodePledges(state, rules.features, self._requeuer.lifted)
        self._planned_moves = PlannedMoves(time.monotonic)
        # Among replicas, each term begins with that. Without candidates, filter reserves nothing either.
        self._restored = settings.leader_elect or settings.candidates == 0
        self.claims = ClaimControllers(
            writes,
            claims,
            state,
            rules,
            settings,
            fence=self._fence,
            writer=writer,
            reservations=self._reservations,
            pledges=self._pledges,
        )
        self._preemptor = None
        if settings.preemption == "evict":
            self._preemptor = _preemptor(
                settings,
                writes,
                state,
                rules,
                fence=self._fence,
                writer=writer,
                history=history,
                reservations=self._reservations,
                lifted=self._requeuer.lifted,
            )

    def feed(self, released: Callable[[Allocation], None]) -> Feed:
        """Applies events to the state, and passes them to the parts."""
        return Feed(
            self._state,
            _each(
                self._pledges.changed,
                self._reservations.changed,
                self._nominated_holds.changed,
                self._requeuer.changed,
                self._planned_moves.changed,
                self._undelivered_claims.changed,
            ),
            claim_changed=self.claims.foreign.changed,
            pod_gone=self._requeuer.gone,
            released=released,
        )

    def decider(self, claim_informer: Informer, leases: ApiClient, line: Lifeline) -> Decider:
        """For the webhooks, with an election among replicas that catches up with this informer.

        Args:
            leases: a client for the Lease, of the loop that ``line`` keeps.
        """
        return Decider(
            self.claims.binder,
            self._reservations,
            Candidates(self._settings.candidates),
            planned_moves=self._planned_moves,
            pledges=self._pledges,
            requeuer=self._requeuer,
            deallocator=self.claims.deallocator,
            election=election_of(
                self._settings,
                self._client,
                self._fence,
                claim_informer,
                self._reservations,
                restore=self._restore_all,
                leases=leases,
                line=line,
            ),
            events=self._events,
            undelivered_claims=self._undelivered_claims,
            preemptor=self._preemptor,
            nominated_holds=self._nominated_holds,
        )

    def restoring(self) -> str:
        """Why filters have to wait for ``restore``; empty if they need not."""
        return "" if self._restored else "reserving devices for Pods that are being bound"

    async def restore(self) -> None:
        """Reserves devices for Pods that kube-scheduler has a node for. Only with a complete inventory."""
        if not self._restored:
            await self._restore_all()
            self._restored = True

    async def _restore_all(self) -> None:
        await self._nominated_holds.restore(await self._reservations.restore(), self._rules)

    async def start(self, stack: AsyncExitStack) -> None:
        """Starts the tasks that need no inventory."""
        await stack.enter_async_context(background(self._requeuer.run(), "requeuer"))
        await stack.enter_async_context(background(self._events.run(), "events"))
        if self._preemptor is not None:
            await stack.enter_async_context(background(self._preemptor.run(), "preemption"))

    async def run(self, decider: Decider) -> None:
        """Repairs claims, and runs for the lease, until canceled. Only with a complete inventory."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.claims.run())
            if decider.election is not None:
                await decider.election.run()


def _preemptor(
    settings: Settings,
    writes: ApiClient,
    state: State,
    rules: Rules,
    *,
    fence: Fence,
    writer: EventWriter,
    history: History,
    reservations: Reservations,
    lifted: Callable[[], None],
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
        lifted=lifted,
        reservations=reservations,
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
