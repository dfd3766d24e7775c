"""Devices that are reserved for a Pod from the filter that returned its nodes until its bind.

After filter, kube-scheduler reserves the node's CPU for the Pod, binds its volumes and waits for permits
before it calls bind. So the devices count as taken from the filter on, in memory only: the next Pods get
others. If filter returned several nodes, that holds for the devices of each, until the Pod's bind or
``status.nominatedNodeName`` shows which of them kube-scheduler has chosen. A reservation ends with

* the Pod's bind, which takes it over, or its next filter, which decides again;
* an event that shows that kube-scheduler has given the Pod up: deleted, ``nominatedNodeName`` taken back, or
  PodScheduled has become False since the reservation;
* its timeout, unless ``nominatedNodeName`` shows that kube-scheduler still works on the Pod: it sets that
field while volumes or permits take long. If kube-scheduler may have given the Pod up, the timeout is short:
see ``app.cluster.binding.attempts``.

The same field shows a new process or leader which Pods an earlier one has named a node for: ``restore``.
A reservation is not final: a bind that finds it outdated (another node, changed devices) decides again.
"""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any

from app.cluster.binding.attempts import Attempts
from app.cluster.binding.deciding import decide_on_nodes
from app.cluster.informers.informer import Event, Replaced, Upserted
from app.core.model.allocation import Allocation
from app.core.model.pod import ENDED_PHASES, Pod
from app.core.pauses import FEW, paced
from app.core.placement.decision import ClaimAllocation, amounts_of, assume, forget
from app.core.placement.node_room import pledge_of
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.double_allocations import double_allocations, overdrawn
from app.core.state.pledges import Pledge
from app.core.state.pools import Pool, PoolError
from app.core.state.state import State
from app.core.state.taken import ClaimKey
from app.event_loop.time_slice import TimeSlice

DEFAULT_SECONDS = 60.0
RESTORED_SECONDS = 600.0
"""As long as kube-scheduler waits for volumes (bindTimeoutSeconds) and for devices (bindingTimeout)."""
_DECIDE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ReservedPlace:
    """The devices for a Pod on one node, and the pools that they were chosen from."""

    node: str
    claim_allocations: tuple[ClaimAllocation, ...]
    pools: Sequence[Pool] | None


@dataclass(frozen=True, slots=True)
class Reservation:
    """The devices of one Pod on each node that it may be bound to. ``pod`` is as filter received it."""

    pod: Pod
    places: tuple[ReservedPlace, ...]
    reserved_at: dt.datetime | None
    """None: not filtered yet, but planned for together with the other Pods of its group."""
    group: str = ""
    """The Pods that it was planned together with."""
    nominated: bool = False
    """``status.nominatedNodeName`` has shown the node."""
    pledge: Pledge | None = None
    """What the Pod takes of its node with these devices, if they take any of it."""
    points: Mapping[str, int] = field(default_factory=dict)
    """What prioritize returns for the nodes: their scores from before the devices were reserved."""

    def on(self, node: str | None) -> ReservedPlace | None:
        """The place on a node, if it is one of the reserved ones."""
        return next((place for place in self.places if place.node == node), None)

    @property
    def chosen(self) -> ReservedPlace | None:
        """The place, if there is only one."""
        return self.places[0] if len(self.places) == 1 else None

    @property
    def allocations(self) -> Iterator[tuple[ClaimKey, Allocation]]:
        """What each claim may get."""
        for place in self.places:
            yield from ((item.held.key, item.allocation) for item in place.claim_allocations)


@dataclass(frozen=True, slots=True)
class Reserved:
    """The nodes with devices for a Pod, and why there are none on others."""

    nodes: tuple[str, ...]
    refused: Mapping[str, str]


class Reservations:
    """At most one for each Pod.

    ``ended`` counts them by their end: bound, filtered, given_up, expired, overtaken.

    Args:
        seconds: timeout of a reservation.
        lifted: called when devices have become free that were reserved.
        now: the time of day, which is compared with what kube-scheduler writes.
    """

    def __init__(
        self,
        state: State,
        rules: Rules,
        seconds: float = DEFAULT_SECONDS,
        lifted: Callable[[], None] = lambda: None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._state = state
        self._rules = rules
        self._seconds = seconds
        self.lifted = lifted
        self._now = now
        self._held: dict[str, Reservation] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._attempts = Attempts(shows_choice=rules.features.version.shows_choice)
        self.ended: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def of(self, uid: str) -> Reservation | None:
        return self._held.get(uid)

    def of_any(self, uids: AbstractSet[str]) -> list[Reservation]:
        """Those of any of these Pods. Cost: O(those found), and a step over the smaller of both sets."""
        return [self._held[uid] for uid in self._held.keys() & uids]

    def newest(self, pod: Pod) -> Pod:
        """The newer of the Pod in the state and the one that filter received: each watch may be behind
        the other.
        """
        found = self._held.get(pod.meta.uid)
        return found.pod if found is not None and found.pod.meta.is_newer(pod.meta) else pod

    async def reserve(
        self, pod: Pod, nodes: Iterable[str], number: int = 1, evaluation: PodEvaluation | None = None
    ) -> Reserved:
        """Decides on the Pod's devices on each of up to ``number`` nodes, and reserves them at once.

        Only one if another Pod may share a claim. Cost: a search on each node that is checked.

        Args:
            evaluation: that of the filter, whose plan is used if the state is still the same.
        """
        if evaluation is None:
            evaluation = PodEvaluation(self._state.as_seen_by(pod), pod, self._rules)
        found = await decide_on_nodes(self._state, evaluation, nodes, number=number, seconds=_DECIDE_SECONDS)
        places = tuple(
            ReservedPlace(node, decided, self._pools(node))
            for node, decided in found.fitting.items()
            if decided
        )
        if places:
            self.put(Reservation(pod, places, self._now()))
        return Reserved(tuple(found.fitting), found.refused)

    def forget_in(self, scratch: State, uid: str) -> None:
        """Makes what is reserved for the Pod free in a copy of the state."""
        found = self._held.get(uid)
        if found is not None:
            _free(scratch, found)

    @property
    def undecided(self) -> bool:
        """Whether several nodes are reserved for a Pod, which needs one. O(reservations)."""
        return any(found.chosen is None for found in self._held.values())

    def free_undecided_in(self, scratch: State) -> None:
        """Makes what is reserved for such Pods free in a copy of the state. O(reservations), with pauses."""
        for found in paced(list(self._held.values()), FEW):
            if found.chosen is None:
                _free(scratch, found)

    def note_points(self, uid: str, points: Mapping[str, int]) -> None:
        """Keeps the scores of the reserved nodes, for kube-scheduler's next request about the Pod."""
        found = self._held.get(uid)
        if found is not None:
            self._held[uid] = replace(found, points=points)

    def plan(self, pod: Pod, node: str, claim_allocations: tuple[ClaimAllocation, ...], group: str) -> None:
        """Assumes what was decided for a Pod of a group, at once, before its filter."""
        self.put(Reservation(pod, (ReservedPlace(node, claim_allocations, self._pools(node)),), None, group))

    def planned(self, pod: Pod, group: str) -> str | None:
        """The node planned for the Pod with its group, if the plan is still valid. Cost: O(claims)."""
        found = self._held.get(pod.meta.uid)
        place = found.chosen if found is not None else None
        if found is None or place is None or found.group != group or not self._stands(found, place, pod):
            return None
        return place.node

    def confirm(self, pod: Pod, group: str) -> str | None:
        """The planned node, if the plan is still valid: it is returned to kube-scheduler now.

        The reservation's time starts again.
        """
        node, found = self.planned(pod, group), self._held.get(pod.meta.uid)
        if node is None or found is None:
            return None
        if found.reserved_at is not None and self._attempts.vain(pod):
            self._hurry(pod)
        self._held[pod.meta.uid] = replace(found, pod=pod, reserved_at=self._now())
        self._attempts.filtered(pod, asyncio.get_running_loop().time())
        if not found.nominated:
            self._time(pod.meta.uid, self._seconds)
        return node

    def put(self, made: Reservation) -> None:
        """Assumes a decision, in place of an earlier reservation of the Pod."""
        uid = made.pod.meta.uid
        self.release(uid, "filtered")
        if made.chosen is None:
            self._held[uid] = made
            self._state.reserve(made.allocations)
        else:
            self._held[uid] = replace(made, pledge=self._assume(made.pod, made.chosen))
        self._attempts.filtered(made.pod, asyncio.get_running_loop().time())
        self._time(uid, self._seconds)

    def take(self, pod: Pod, node: str) -> tuple[ClaimAllocation, ...] | None:
        """Transfers the reservation to the Pod's bind, which assumes the devices from then on.

        Returns None if there is none, or if it is no longer valid, and then drops it.
        """
        self._attempts.end(pod)  # also if the short time was too short
        found = self._held.get(pod.meta.uid)
        if found is None:
            return None
        place = found.on(node)
        if place is None or not self._stands(found, place, pod):
            self.release(pod.meta.uid, "overtaken")
            return None
        if found.chosen is None:
            self._choose(found, place)
        self._drop(pod.meta.uid, "bound")
        return place.claim_allocations

    def release(self, uid: str, why: str) -> None:
        """Ends a reservation, if there is one, and frees its devices."""
        found = self._held.get(uid)
        if found is not None:
            self._drop(uid, why)
            if found.reserved_at is not None and why != "overtaken" and self._attempts.vain(found.pod):
                self._hurry(found.pod)
            _free(self._state, found)
            self.not_bound(found.pod)
            self.lifted()

    def not_bound(self, pod: Pod) -> None:
        """The Pod does not count on its reserved node for the scores of others any more."""
        known = self._state.pods.get(pod.meta.key)
        if known is None or not known.node_name:
            self._state.residents.drop(pod.meta.key)

    async def restore(self) -> list[Pod]:
        """Reserves devices for the Pods that kube-scheduler has chosen a node for, before the first filter.

        They have ``RESTORED_SECONDS``. Returns those without devices on their nodes: they may wait for others
        to end. Needs a complete state. Cost: O(Pods), and a search for each such Pod.
        """
        unfit: list[Pod] = []
        waiting = [pod for pod in self._state.pods.values() if pod.nominated_node and pod.waits]
        time_slice = TimeSlice(asyncio.get_running_loop().time)
        for pod in sorted(waiting, key=lambda pod: (-pod.priority, pod.meta.created or "", pod.meta.key)):
            await time_slice.yield_if_due()  # the decisions about each may take less than a slice
            if not self._still_waits(pod):
                continue
            reserved = await self.reserve(pod, (pod.nominated_node,))
            if not reserved.nodes:
                unfit.append(pod)
            found = self._held.get(pod.meta.uid)
            if found is not None and not self._still_waits(pod):
                self.release(pod.meta.uid, "given_up")  # meanwhile, when there was nothing to release yet
            elif found is not None:
                self._held[pod.meta.uid] = replace(found, nominated=True)
                self._attempts.end(pod)
                self._time(pod.meta.uid, RESTORED_SECONDS)
        return unfit

    def _still_waits(self, pod: Pod) -> bool:
        known = self._state.pods.get(pod.meta.key)
        return (
            known is not None
            and known.meta.uid == pod.meta.uid
            and known.nominated_node == pod.nominated_node
            and known.waits
        )

    def clear(self) -> None:
        """Ends all reservations: those of another term are not valid in this one."""
        for uid in list(self._held):
            self.release(uid, "overtaken")

    def changed(self, kind: str, event: Event) -> None:
        """Processes an informer's event about a Pod."""
        if kind != "Pod" or not self._held:
            return
        if isinstance(event, Replaced):
            for gone in event.gone:
                self.release(gone.uid, "given_up")
            for item in event.changed:
                self._look_at(item)
        elif isinstance(event, Upserted):
            self._look_at(event.object)
        else:
            self.release(event.object["metadata"].get("uid", ""), "given_up")

    def _look_at(self, raw: Mapping[str, Any]) -> None:
        metadata, status = raw["metadata"], raw.get("status") or {}
        uid = metadata.get("uid", "")
        found = self._held.get(uid)
        if found is None:
            return
        version = metadata.get("resourceVersion")
        if version and found.pod.meta.is_as_new_as(version):
            return  # from before the filter
        if raw["spec"].get("nodeName"):
            self.release(uid, "overtaken")  # bound by another replica
            return
        nominated = found.on(status.get("nominatedNodeName"))
        given_up = found.reserved_at is not None and _unschedulable_since(status, found.reserved_at)
        ended = bool(metadata.get("deletionTimestamp")) or status.get("phase") in ENDED_PHASES
        if ended or (found.nominated and nominated is None) or given_up:
            self.release(uid, "given_up")
        elif nominated is not None and not found.nominated:
            self._choose(found, nominated)
            self._stop_time(uid)
            if nominated.node != found.pod.nominated_node:
                self._attempts.end(found.pod)
        elif not found.nominated and _may_be_unschedulable(status, found) and self._attempts.doubt(found.pod):
            self._hurry(found.pod)

    def _choose(self, found: Reservation, place: ReservedPlace) -> None:
        """kube-scheduler has chosen the node: the devices of the others are free."""
        pledge = found.pledge
        if found.chosen is None:
            self._state.unreserve(found.allocations)
            pledge = self._assume(found.pod, place)
        self._held[found.pod.meta.uid] = replace(found, places=(place,), nominated=True, pledge=pledge)
        if found.chosen is None:
            self.lifted()

    def _assume(self, pod: Pod, place: ReservedPlace) -> Pledge | None:
        assume(self._state, place.claim_allocations, pod)
        # Scores by other Pods count it at once, and until the watch shows another place.
        self._state.residents.put(pod, place.node)
        return self._pledged(pod, place)

    def _pledged(self, pod: Pod, place: ReservedPlace) -> Pledge | None:
        """What counts on the node now. The pledge of a bind that no event shows yet stays as it is."""
        amounts, known = amounts_of(place.claim_allocations), self._state.pledges.of(pod.meta.uid)
        if not amounts or (known is not None and known.firm):
            return None
        by_container = self._rules.features.version.overhead_by_container
        pledge = pledge_of(pod, (place.node,), amounts, firm=True, by_container=by_container)
        if self._state.pledge(pod.meta.uid, pledge):
            self.lifted()
        return pledge

    def _stands(self, found: Reservation, place: ReservedPlace, pod: Pod) -> bool:
        """Whether the decision is still valid. Cost: O(claims)."""
        if (pod.claims, pod.claim_statuses) != (found.pod.claims, found.pod.claim_statuses):
            return False
        # Pools that are not known are others than those: this puts none together, which can take long.
        known = self._state.inventory.kept_pools(place.node, self._rules.features)
        if place.pools is None or known is not place.pools:
            return False
        allocations = [item.allocation for item in place.claim_allocations]
        if overdrawn(self._state.taken, allocations, place.pools):
            return False
        return all(self._is_whole(claim_allocation, pod) for claim_allocation in place.claim_allocations)

    def _is_whole(self, claim_allocation: ClaimAllocation, pod: Pod) -> bool:
        claim = self._state.stored_claim(claim_allocation.held.key)
        assumed = self._state.assumed.get(claim_allocation.held.key)
        if assumed is not None and assumed.allocation.devices != claim_allocation.allocation.devices:
            return False
        taken, allocation = self._state.taken, claim_allocation.allocation
        if double_allocations(taken, claim_allocation.held.key, allocation):
            return False
        if claim_allocation.held.generated:
            return claim is None and self._state.extended_claim(pod) is None
        if (
            claim is None
            or claim.meta.uid != claim_allocation.held.claim.meta.uid
            or claim.meta.deleted is not None
        ):
            return False
        if claim.allocation is None:
            return True
        # Devices that become ready may have failed meanwhile: the bind checks that.
        late = any(item.binding_conditions for item in claim.allocation.devices)
        return not late and claim.allocation.devices == claim_allocation.allocation.devices

    def _pools(self, node: str) -> Sequence[Pool] | None:
        """The pools as they are now: the same object as long as nothing about them has changed."""
        try:
            return self._state.inventory.pools(node, self._rules.features)
        except (KeyError, PoolError):
            return None

    def _time(self, uid: str, seconds: float) -> None:
        """Starts the reservation's time, again if it runs already.

        It is shorter if kube-scheduler may have given up, and then counts from the last filter of its cycle.
        """
        self._stop_time(uid)
        loop, found = asyncio.get_running_loop(), self._held[uid]
        brief = self._attempts.seconds_left(found.pod, loop.time())
        # The cycle of a Pod that is only planned, and has no PodGroup, has not begun.
        begun = found.reserved_at is not None or bool(found.pod.group)
        if begun and brief is not None and brief < seconds:
            self._timers[uid] = loop.call_later(brief, self._no_sign, uid, seconds)
        else:
            self._timers[uid] = loop.call_later(seconds, self.release, uid, "expired")

    def _hurry(self, pod: Pod) -> None:
        """kube-scheduler may have given up the Pod and its group: their time is short. O(reservations)."""
        for uid, other in self._held.items():
            alike = uid == pod.meta.uid or (pod.group and _group_key(other.pod) == _group_key(pod))
            if alike and not other.nominated:
                self._time(uid, self._seconds)

    def _no_sign(self, uid: str, seconds: float) -> None:
        """Ends a reservation, unless Pods of its group were filtered or bound since."""
        loop = asyncio.get_running_loop()
        left = self._attempts.seconds_left(self._held[uid].pod, loop.time())
        if left is None or left > 0:
            self._time(uid, seconds)
        else:
            self.release(uid, "expired")

    def _stop_time(self, uid: str) -> None:
        timer = self._timers.pop(uid, None)
        if timer is not None:
            timer.cancel()

    def _drop(self, uid: str, why: str) -> None:
        del self._held[uid]
        self._stop_time(uid)
        self.ended[why] += 1


def _free(state: State, found: Reservation) -> None:
    if found.chosen is None:
        state.unreserve(found.allocations)
    else:
        forget(state, found.chosen.claim_allocations, found.pod)
        if found.pledge is not None and state.pledges.of(found.pod.meta.uid) is found.pledge:
            state.redeem(found.pod.meta.uid)


def _group_key(pod: Pod) -> tuple[str, str]:
    return pod.meta.namespace, pod.group


def _unschedulable_since(status: Mapping[str, Any], moment: dt.datetime) -> bool:
    """Whether PodScheduled has become False later than a moment.

    kube-scheduler writes the condition in the background, so that of an attempt before the filter may arrive
    after it, with any reason. Only the time of the transition distinguishes the two. That time stays the same
    while the condition stays False, and is rounded down to seconds.
    """
    since, _ = _refused(status)
    return since is not None and since > moment


def _may_be_unschedulable(status: Mapping[str, Any], found: Reservation) -> bool:
    """Whether PodScheduled is False with another message than in filter, and not since an earlier second."""
    since, message = _refused(status)
    if since is None or found.reserved_at is None or message == found.pod.refusal:
        return False
    return bool(found.pod.refusal) or since >= found.reserved_at.replace(microsecond=0)


def _refused(status: Mapping[str, Any]) -> tuple[dt.datetime | None, str]:
    """Since when PodScheduled is False, and the message or the reason of that."""
    for item in status.get("conditions") or ():
        if item.get("type") == "PodScheduled" and item.get("status") == "False":
            text = item.get("lastTransitionTime")
            said = item.get("message") or item.get("reason") or ""
            return dt.datetime.fromisoformat(text) if text else None, said
    return None, ""
