"""Devices that are assumed for a Pod from the filter that returned its node until its bind.

After filter, kube-scheduler reserves the node's CPU for the Pod, binds its volumes and waits for permits
before it calls bind. So the devices count as taken from the filter on, in memory only: the next Pods get
others. A reservation ends with

* the Pod's bind, which takes it over, or its next filter, which decides again;
* an event that shows that kube-scheduler has given the Pod up: deleted, ``nominatedNodeName`` taken back, or
  PodScheduled has become False since the reservation;
* its timeout, unless ``nominatedNodeName`` shows that kube-scheduler still works on the Pod: it sets that
field while volumes or permits take long.

A reservation is not final: a bind that finds it outdated (another node, changed devices) decides again.
"""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.cluster.binding.deciding import decide_unchanged
from app.cluster.informers.informer import Event, Replaced, Upserted
from app.core.model.pod import Pod
from app.core.placement.decision import ClaimAllocation, Refused, assume, decide, forget
from app.core.placement.rules import Rules
from app.core.state.pools import Pool, PoolError
from app.core.state.state import State

DEFAULT_SECONDS = 60.0
_DECIDE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Reservation:
    """The devices of one Pod on one node. ``pod`` is as filter received it."""

    pod: Pod
    node: str
    claim_allocations: tuple[ClaimAllocation, ...]
    pools: tuple[Pool, ...] | None
    reserved_at: dt.datetime | None
    """None: not filtered yet, but planned for together with the other Pods of its group."""
    group: str = ""
    """The Pods that it was planned together with."""
    nominated: bool = False
    """``status.nominatedNodeName`` has shown the node."""


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
        self.ended: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def of(self, uid: str) -> Reservation | None:
        return self._held.get(uid)

    def newest(self, pod: Pod) -> Pod:
        """The newer of the Pod in the state and the one that filter received: each watch may be behind
        the other.
        """
        found = self._held.get(pod.meta.uid)
        return found.pod if found is not None and found.pod.meta.is_newer(pod.meta) else pod

    async def reserve(self, pod: Pod, node: str) -> Refused | None:
        """Decides on the Pod's devices on a node and assumes them at once; else returns the reasons.

        Cost: a search on the node.
        """
        decided = await decide_unchanged(
            self._state, lambda: decide(self._state, pod, node, self._rules, None), _DECIDE_SECONDS
        )
        if isinstance(decided, Refused):
            return decided
        if decided:
            self.put(Reservation(pod, node, decided, self._pools(node), self._now()))
        return None

    def forget_in(self, scratch: State, uid: str) -> None:
        """Makes what is reserved for the Pod free in a copy of the state."""
        found = self._held.get(uid)
        if found is not None:
            forget(scratch, found.claim_allocations, found.pod)

    def plan(self, pod: Pod, node: str, claim_allocations: tuple[ClaimAllocation, ...], group: str) -> None:
        """Assumes what was decided for a Pod of a group, at once, before its filter."""
        self.put(Reservation(pod, node, claim_allocations, self._pools(node), None, group))

    def confirm(self, pod: Pod, group: str) -> str | None:
        """The node planned for the Pod with its group, if the plan is still valid; its time starts again."""
        found = self._held.get(pod.meta.uid)
        if found is None or found.group != group or not self._stands(found, pod):
            return None
        self._held[pod.meta.uid] = replace(found, pod=pod, reserved_at=self._now())
        if not found.nominated:
            self._timers.pop(pod.meta.uid).cancel()
            self._time(pod.meta.uid)
        return found.node

    def put(self, made: Reservation) -> None:
        """Assumes a decision, in place of an earlier reservation of the Pod."""
        uid = made.pod.meta.uid
        self.release(uid, "filtered")
        assume(self._state, made.claim_allocations, made.pod)
        # Scores by other Pods count it at once, and until the watch shows another place.
        self._state.residents.put(replace(made.pod, node_name=made.node))
        self._held[uid] = made
        self._time(uid)

    def take(self, pod: Pod, node: str) -> tuple[ClaimAllocation, ...] | None:
        """Transfers the reservation to the Pod's bind, which assumes the devices from then on.

        Returns None if there is none, or if it is no longer valid, and then drops it.
        """
        found = self._held.get(pod.meta.uid)
        if found is None:
            return None
        if found.node != node or not self._stands(found, pod):
            self.release(pod.meta.uid, "overtaken")
            return None
        self._drop(pod.meta.uid, "bound")
        return found.claim_allocations

    def release(self, uid: str, why: str) -> None:
        """Ends a reservation, if there is one, and frees its devices."""
        found = self._held.get(uid)
        if found is not None:
            self._drop(uid, why)
            forget(self._state, found.claim_allocations, found.pod)
            known = self._state.pods.get(found.pod.meta.key)
            if known is None or not known.node_name:
                self._state.residents.drop(found.pod.meta.key)
            self.lifted()

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
        nominated = status.get("nominatedNodeName") == found.node
        given_up = found.reserved_at is not None and _unschedulable_since(status, found.reserved_at)
        if metadata.get("deletionTimestamp") or (found.nominated and not nominated) or given_up:
            self.release(uid, "given_up")
        elif nominated and not found.nominated:
            self._held[uid] = replace(found, nominated=True)
            self._timers.pop(uid).cancel()

    def _stands(self, found: Reservation, pod: Pod) -> bool:
        """Whether the decision is still valid. Cost: O(claims)."""
        if (pod.claims, pod.claim_statuses) != (found.pod.claims, found.pod.claim_statuses):
            return False
        if found.pools is None or self._pools(found.node) is not found.pools:
            return False
        return all(self._is_whole(claim_allocation, pod) for claim_allocation in found.claim_allocations)

    def _is_whole(self, claim_allocation: ClaimAllocation, pod: Pod) -> bool:
        claim = self._state.stored_claim(claim_allocation.held.key)
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

    def _pools(self, node: str) -> tuple[Pool, ...] | None:
        """The pools as they are now: the same object as long as nothing about them has changed."""
        try:
            return self._state.inventory.pools(node, self._rules.features)
        except (KeyError, PoolError):
            return None

    def _time(self, uid: str) -> None:
        loop = asyncio.get_running_loop()
        self._timers[uid] = loop.call_later(self._seconds, self.release, uid, "expired")

    def _drop(self, uid: str, why: str) -> None:
        del self._held[uid]
        timer = self._timers.pop(uid, None)
        if timer is not None:
            timer.cancel()
        self.ended[why] += 1


def _unschedulable_since(status: Mapping[str, Any], moment: dt.datetime) -> bool:
    """Whether PodScheduled has become False later than a moment.

    kube-scheduler writes the condition in the background, so that of an attempt before the filter may arrive
    after it, with any reason. Only the time of the transition distinguishes the two. That time stays the same
    while the condition stays False, and is rounded down to seconds. In doubt, the reservation stays.
    """
    for item in status.get("conditions") or ():
        if item.get("type") == "PodScheduled" and item.get("status") == "False":
            text = item.get("lastTransitionTime")
            return bool(text) and dt.datetime.fromisoformat(text) > moment
    return False
