"""Evicts Pods of lower priority, so that a Pod that fits nowhere gets its devices. kube-scheduler's own
preemption cannot do this: it simulates evictions with in-tree filters only, which do not know devices, so
that on a node which only an extender has refused it needs no victims and stops. So a filter that finds no
node passes the Pod to this controller. It uses the Eviction API, which respects PodDisruptionBudgets, and
evicts only Pods whose removal makes the Pod fit.

One preemption runs at a time. When it is decided, and before the first await, the devices are reserved
for the preemptor: the next one finds other victims, and no Pod of lower priority takes the freed devices.
"""

import asyncio
import contextlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.cluster.binding.reservations import Reservations
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import POD
from app.cluster.client.errors import ClusterError, NotFoundError, NotLeaderError, TooManyRequestsError
from app.cluster.client.fence import Fence
from app.cluster.events.preemption_events import PreemptionEvents
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError
from app.core.placement.rules import Rules
from app.core.preemption.plan import (
    Hopeless,
    Preemption,
    evictable,
    lacks_partners,
    partners,
    plan_preemption,
)
from app.core.state.nominations import Nomination
from app.core.state.state import Key, State
from app.event_loop.time_slice import TimeSlice, at_once

log = logging.getLogger(__name__)

Plans = tuple[Preemption, ...]
_TRIES = 3


@dataclass(frozen=True, slots=True)
class PreemptorSettings:
    """Limits of evictions, and how long devices are reserved."""

    hold_seconds: float = 60.0
    """How long devices stay reserved if the preemptor does not use them."""

    evictions_per_second: float = 5.0
    """Maximum rate; further evictions wait."""

    retry_seconds: float = 5.0
    """Interval between attempts to finish a preemption that failed after some evictions."""

    most_waiting: int = 1_000
    """Maximum length of the queue; a rejected Pod returns with its next filter."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A preemption in progress: its victims, until ``until`` on the loop's clock.

    ``unfinished``: an eviction failed after others, and ``victims`` are only those evicted. ``began`` is
    the time of the first attempt, from which the time limit counts over all attempts.
    """

    hold: Nomination
    victims: tuple[Pod, ...]
    began: float
    until: float
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of a preemption for ``pod``, one of ``Preemptor.outcomes``; ``why`` is for people.

    ``plans``: the decisions for the Pod and its partners; empty without a decision.
    """

    pod: Pod
    outcome: str
    plans: Plans = ()
    why: str = ""


class Preemptor:
    """Accepts refused Pods, and evicts in a background task.

    ``outcomes`` counts attempts: evicted, useless (no eviction helps), waiting (devices are already being
    freed), budget (a PodDisruptionBudget forbids it), overtaken (the cluster kept changing), incomplete (the
    watch has not delivered enough Pods of the PodGroup), not_leader, api_error. ``victims`` counts Pods that
    were evicted.

    Args:
        client: writes only while this replica may; with permission to create pods/eviction and patch
            pods/status.
        fence: while it is closed, no Pods are accepted. attempted: called after each attempt.
        lifted: called when devices that were held are free: kube-scheduler gets no event about it.
        reservations: those of filter; none by default.
    """

    def __init__(
        self,
        client: ApiClient,
        state: State,
        rules: Rules,
        events: PreemptionEvents,
        *,
        fence: Fence,
        attempted: Callable[[Attempt], None],
        lifted: Callable[[], None] = lambda: None,
        reservations: Reservations | None = None,
        settings: PreemptorSettings | None = None,
    ) -> None:
        self._client = client
        self._state = state
        self._rules = rules
        self._events = events
        self._fence = fence
        self._attempted = attempted
        self._lifted = lifted
        self._reservations = reservations
        self._settings = settings or PreemptorSettings()
        self._queue: OrderedDict[str, tuple[Pod, tuple[str, ...]]] = OrderedDict()
        self._pending: dict[Key, _Pending] = {}
        self._some = asyncio.Event()
        self.outcomes: Counter[str] = Counter()
        self.victims = 0

    def refused(self, pod: Pod, nodes: Sequence[str]) -> None:
        """Accepts a Pod that fits nowhere.

        Args:
            nodes: those that pass kube-scheduler's own filters and where evictions might help.

        Cost: O(Pods with claims).
        """
        uid = pod.meta.uid
        if not uid or not nodes or uid in self._queue or not self._fence.open:
            return
        if len(self._queue) < self._settings.most_waiting and evictable(self._state, pod):
            self._queue[uid] = (pod, tuple(nodes))
            self._some.set()

    async def run(self) -> None:
        """Runs until canceled."""
        while True:
            await self._some.wait()
            while self._queue:
                _, (pod, nodes) = self._queue.popitem(last=False)
                attempt = await self._attempt(pod, nodes)
                self.outcomes[attempt.outcome] += 1
                self._attempted(attempt)
            self._some.clear()

    async def _attempt(self, pod: Pod, nodes: Sequence[str]) -> Attempt:
        try:
            self._fence.begin()
            for _ in range(_TRIES):
                known = self._waiting(pod)
                if known is None or lacks_partners(self._state, known, self._rules):
                    return Attempt(pod, "overtaken" if known is None else "incomplete")
                revision = self._state.revision
                plans = await self._planned(known, nodes)
                if isinstance(plans, Hopeless):
                    return Attempt(pod, "useless", why=plans.reason.message)
                soon = any(plan.victims for plan in plans) and await self._fits_soon(known, nodes)
                if soon:
                    later = self._settings.retry_seconds
                    asyncio.get_running_loop().call_later(later, self.refused, pod, nodes)
                if soon or not any(plan.victims for plan in plans):
                    return Attempt(pod, "waiting", () if soon else plans)
                if revision == self._state.revision or self._still_true(known, plans, nodes):
                    outcome, why = await self._carry_out(plans)
                    return Attempt(pod, outcome, plans, why)
        except NotLeaderError:
            return Attempt(pod, "not_leader")
        return Attempt(pod, "overtaken")

    def _waiting(self, pod: Pod) -> Pod | None:
        """The current Pod, if it is still pending."""
        known = self._state.pods.get(pod.meta.key)
        if known is None or known.meta.uid != pod.meta.uid:
            return None
        return None if known.node_name or known.finished or known.meta.deleted else known

    async def _planned(self, pod: Pod, nodes: Sequence[str]) -> Plans | Hopeless:
        return await TimeSlice(asyncio.get_running_loop().time).run(lambda: self._plan(pod, nodes))

    async def _fits_soon(self, pod: Pod, nodes: Sequence[str]) -> bool:
        """Whether the Pod and its partners may fit when others have chosen one of their reserved nodes."""
        reservations = self._reservations
        if reservations is None or not reservations.undecided:
            return False

        def fits() -> bool:
            scratch = self._state.fork_seen_by(pod)
            reservations.free_undecided_in(scratch)
            plans = self._plan_on(scratch, pod, nodes)
            return not isinstance(plans, Hopeless) and not any(plan.victims for plan in plans)

        return await TimeSlice(asyncio.get_running_loop().time).run(fits)

    def _plan(self, pod: Pod, nodes: Sequence[str]) -> Plans | Hopeless:
        return self._plan_on(self._state.fork_seen_by(pod), pod, nodes)

    def _plan_on(self, scratch: State, pod: Pod, nodes: Sequence[str]) -> Plans | Hopeless:
        """A plan on a fork where the devices reserved for the Pod and its partners are free."""
        pods = partners(scratch, pod)
        for item in pods:
            scratch.clear_nomination(item.meta.key)
        leaving = [victim for pending in self._current() for victim in pending.victims]
        return plan_preemption(scratch, pods, nodes, self._rules, leaving=leaving)

    def _still_true(self, pod: Pod, plans: Plans, nodes: Sequence[str]) -> bool:
        """Whether the plan is the same on the newest state, computed without a pause."""
        chosen = {plan.node for plan in plans}
        clock = asyncio.get_running_loop().time
        try:
            again = at_once(clock, lambda: self._plan(pod, [name for name in nodes if name in chosen]))
        except InterruptedWorkError:
            return False
        return not isinstance(again, Hopeless) and _summary(again) == _summary(plans)

    async def _carry_out(self, plans: Plans) -> tuple[str, str]:
        """The outcome and its reason."""
        for plan in plans:
            self._hold(plan)
        gone: set[str] = set()
        try:
            for plan in plans:
                for victim in plan.victims:
                    # All or none: evicting half of the victims would be useless.
                    await self._evict(victim, dry_run=True)
            for plan in plans:
                if plan.victims:
                    await self._carry_out_one(plan, gone)
        except TooManyRequestsError as error:
            self._break_off(plans, gone)
            log.warning("no preemption for Pod %s: %s", "/".join(plans[0].pod.meta.key), error)
            return "budget", str(error)
        except NotLeaderError:
            self._let_go(plans)
            raise
        except ClusterError as error:
            self._break_off(plans, gone)
            log.warning("preemption for Pod %s failed: %s", "/".join(plans[0].pod.meta.key), error)
            return "api_error", str(error)
        return "evicted", ""

    async def _carry_out_one(self, plan: Preemption, gone: set[str]) -> None:
        """Adds the uid of each victim to ``gone`` once it is evicted."""
        await self._nominate(plan)
        for victim in plan.victims:
            await self._evict(victim, dry_run=False)
            gone.add(victim.meta.uid)
            self.victims += 1
            await self._events.evicted(victim, plan.pod, plan.node)
            await asyncio.sleep(1 / self._settings.evictions_per_second)
        await self._events.nominated(plan.pod, plan.node, len(plan.victims))

    async def _evict(self, victim: Pod, *, dry_run: bool) -> None:
        """Raises: TooManyRequestsError if a PodDisruptionBudget does not allow it, other ClusterErrors."""
        meta = victim.meta
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": meta.name, "namespace": meta.namespace},
            "deleteOptions": {"preconditions": {"uid": meta.uid}} | ({"dryRun": ["All"]} if dry_run else {}),
        }
        with contextlib.suppress(NotFoundError):  # already deleted, which is the goal
            await self._client.post(POD.path(meta.namespace, meta.name, "eviction"), body)

    async def _nominate(self, plan: Preemption) -> None:
        """Sets status.nominatedNodeName, so that kube-scheduler reserves the node's resources. Optional."""
        meta = plan.pod.meta
        body = {"metadata": {"uid": meta.uid}, "status": {"nominatedNodeName": plan.node}}
        try:
            await self._client.patch(POD.path(meta.namespace, meta.name, "status"), body)
        except NotLeaderError:
            raise
        except ClusterError as error:
            log.warning("cannot nominate Pod %s to node %s: %s", "/".join(meta.key), plan.node, error)

    def _hold(self, plan: Preemption) -> None:
        meta = plan.pod.meta
        fresh = tuple(
            (held.key, allocation)
            for held, allocation in zip(plan.answer.claims, plan.answer.allocations, strict=True)
            if held.claim.allocation is None
        )
        hold = Nomination(meta.key, meta.uid, plan.pod.priority, plan.node, fresh)
        earlier = next((item for item in self._current() if item.hold.pod == meta.key), None)
        self._state.hold(hold)
        now = asyncio.get_running_loop().time()
        began = earlier.began if earlier is not None and earlier.unfinished else now
        victims = (*(earlier.victims if earlier is not None else ()), *plan.victims)
        self._wait_for(_Pending(hold, victims, began, now + self._settings.hold_seconds))

    def _wait_for(self, pending: _Pending) -> None:
        self._pending[pending.hold.pod] = pending
        asyncio.get_running_loop().call_at(pending.until, self._expire, pending)

    def _expire(self, pending: _Pending) -> None:
        if self._pending.get(pending.hold.pod) is pending:
            self._release(pending.hold.pod)

    def _break_off(self, plans: Plans, gone: set[str]) -> None:
        """Keeps the freed devices reserved and retries later; clears the reservation if no Pod was
        evicted.
        """
        missed = {victim.meta.uid for plan in plans for victim in plan.victims} - gone
        keys = {plan.pod.meta.key for plan in plans}
        kept = [
            replace(
                item,
                victims=tuple(victim for victim in item.victims if victim.meta.uid not in missed),
                until=item.began + self._settings.hold_seconds,
                unfinished=True,
            )
            for item in self._current()
            if item.hold.pod in keys
        ]
        if not any(item.victims for item in kept):
            self._let_go(plans)
            return
        for item in kept:
            self._wait_for(item)
        nodes = tuple(dict.fromkeys(plan.node for plan in plans))
        self._try_again(kept[0], plans[0].pod, nodes)

    def _try_again(self, pending: _Pending, pod: Pod, nodes: tuple[str, ...]) -> None:
        """Plans the Pod again on the state of that time, if this preemption is still in progress."""

        def again() -> None:
            key, hold = pending.hold.pod, pending.hold
            if self._pending.get(key) is pending and self._state.nominations.get(key) is hold:
                self.refused(pod, nodes)
                self._try_again(pending, pod, nodes)

        asyncio.get_running_loop().call_later(self._settings.retry_seconds, again)

    def _let_go(self, plans: Plans) -> None:
        for plan in plans:
            self._release(plan.pod.meta.key)

    def _release(self, key: Key) -> None:
        self._pending.pop(key, None)
        if key in self._state.nominations:
            self._state.clear_nomination(key)
            self._lifted()

    def _current(self) -> list[_Pending]:
        """The preemptions in progress: the state clears a reservation when the Pod uses it or is deleted."""
        holds = self._state.nominations
        for key in [key for key, item in self._pending.items() if holds.get(key) is not item.hold]:
            del self._pending[key]
        return list(self._pending.values())


def _summary(plans: Plans) -> list[tuple[Key, str, list[str]]]:
    return [(plan.pod.meta.key, plan.node, [pod.meta.uid for pod in plan.victims]) for plan in plans]
