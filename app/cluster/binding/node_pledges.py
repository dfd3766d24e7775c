"""Counts on nodes what Pods take of them, from the filter on until the watch shows the Pods there.

Only while devices take CPU or memory of nodes (KEP-5517). kube-scheduler calls filter for each Pod, one after
the other, and binds each Pod here. It knows what containers take of the nodes that it has chosen, and not
what devices do, until its own watch shows the status that bind has written. Here both are known, but not
which node kube-scheduler chooses. So

* a Pod with such devices is named one node, and counts there from its filter on;
* any other Pod counts from its filter on, on each node of the answer, until kube-scheduler must have chosen;
* a bind counts on its node until the watch shows the Pod there, and is refused if the node has no room.

With the last rule no node gets more than it has; the others make that the refusal is one of filter. A Pod
that is refused because of one that was about to be bound is requeued when that ends.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from app.cluster.informers.informer import Event, Replaced, Upserted
from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.features import Features
from app.core.model.pod import ENDED_PHASES, Pod
from app.core.pauses import paced
from app.core.placement.node_room import Refusal, pledge_of, room_refusal
from app.core.state.pledges import Pledge
from app.core.state.state import State

OPEN_SECONDS = 10.0
"""How long a Pod may get each node of its filter's answer: kube-scheduler chooses within milliseconds."""
BEHIND_SECONDS = 5.0
"""How far kube-scheduler's watch may be behind this one before more is left to bind."""
BOUND_SECONDS = 600.0
"""How long a bound Pod counts that no event shows: it was deleted while the watch was interrupted."""


class NodePledges:
    """What Pods without an event take, as ``State.pledges``, with their time.

    Args:
        lifted: called when nodes may have room again that had none because of a pledge.
    """

    def __init__(self, state: State, features: Features, lifted: Callable[[], None] = lambda: None) -> None:
        self._state = state
        self._features = features
        self.lifted = lifted
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def needed(self) -> bool:
        """Whether any device takes something of a node. O(1)."""
        return self._features.node_allocatable_resources and self._state.counts_nodes

    def filtered(self, pod: Pod, nodes: Collection[str]) -> None:
        """Counts the Pod on each of the nodes that it may get, unless it has one.

        Call it before the nodes are evaluated and once more with the answer. O(nodes).
        """
        uid = pod.meta.uid
        known = self._state.pledges.of(uid)
        if known is not None and known.firm:
            return
        if not nodes:
            self.release(uid)
        elif self.needed:
            self._pledge(pod, pledge_of(pod, nodes, firm=False, by_container=self._by_container))
            self._in(OPEN_SECONDS, uid)

    def refusal(self, pod: Pod, nodes: Sequence[str]) -> dict[str, Refusal]:
        """Why nodes of a Pod without devices have no room, where kube-scheduler may count too little there.

        Cost: O(nodes), and O(pledges) for each watched one, with pauses.
        """
        found: dict[str, Refusal] = {}
        watched = self._state.pledges.watched
        for name in paced(nodes) if watched else ():
            node = self._state.nodes.get(name) if name in watched else None
            refusal = room_refusal(self._state, pod, node, by_container=self._by_container) if node else None
            if refusal is not None:
                found[name] = refusal
        return found

    @property
    def position(self) -> int:
        """Of the pledges, for ``blocked``: read it before the nodes are evaluated."""
        return self._state.pledges.position

    def blocked(self, pod: Pod, nodes: Collection[str], since: int) -> None:
        """These nodes had no room for the Pod because of pledges: it may fit there when one of these ends.

        So it does for those that ended ``since`` the position before its filter: then the nodes have changed.
        Call it without nodes if the Pod passes, or is refused for other reasons.
        """
        pledges = self._state.pledges
        pledges.block(pod.meta.uid, nodes)
        freed = pledges.freed_since(since, nodes, pod.meta.uid) if nodes else None
        if freed:
            self._state.inventory.changes.note(freed)

    def bind(self, pod: Pod, node_name: str, amounts: Sequence[ClaimAmounts]) -> Refusal | None:
        """Counts the Pod on its node from now on, unless the node has no room for it. O(pledges of the
        node)."""
        if not (amounts or self.needed):
            return None
        state, node = self._state, self._state.nodes.get(node_name)
        taken = bool(amounts) or node_name in state.usage.with_amounts or node_name in state.pledges.watched
        if node is not None and taken:
            found = room_refusal(state, pod, node, amounts, by_container=self._by_container, firm_only=True)
            if found is not None:
                self.release(pod.meta.uid)
                return found
        self._stop(pod.meta.uid)
        pledge = pledge_of(pod, (node_name,), amounts, firm=True, by_container=self._by_container)
        self._pledge(pod, pledge)
        return None

    def bound(self, pod: Pod) -> None:
        """A bind has ended, and the Pod is bound, or may be: it counts until the watch shows it."""
        if self._state.pledges.of(pod.meta.uid) is not None:
            self._in(BOUND_SECONDS, pod.meta.uid)

    def _pledge(self, pod: Pod, pledge: Pledge) -> None:
        if self._state.pledge(pod.meta.uid, pledge):
            self.lifted()

    def release(self, uid: str) -> None:
        """The Pod does not get the node, if it was to."""
        self._stop(uid)
        if self._state.redeem(uid):
            self.lifted()

    def changed(self, kind: str, event: Event) -> None:
        """Processes an informer's event about a Pod, which the state has."""
        if kind != "Pod" or not self._state.pledges:
            return
        if isinstance(event, Replaced):
            for gone in event.gone:
                self._over(gone.uid)
            for item in event.changed:
                self._look_at(item)
        elif isinstance(event, Upserted):
            self._look_at(event.object)
        else:
            self._over(event.object["metadata"].get("uid", ""))

    def _over(self, uid: str) -> None:
        """The Pod waits for no node any more."""
        self._state.pledges.block(uid, ())
        self.release(uid)

    def _look_at(self, raw: Mapping[str, Any]) -> None:
        uid, node = raw["metadata"].get("uid", ""), raw["spec"].get("nodeName")
        found = self._state.pledges.of(uid)
        if node and found is not None and found.by_devices and node in found.nodes:
            self._watch(node, uid)
        if node or (raw.get("status") or {}).get("phase") in ENDED_PHASES:
            self._over(uid)

    def _watch(self, node: str, uid: str) -> None:
        """kube-scheduler may not know yet of what the watch shows here."""
        pledges, why = self._state.pledges, f"seen {uid}"
        pledges.watch(node, why)
        asyncio.get_running_loop().call_later(BEHIND_SECONDS, pledges.unwatch, node, why)

    @property
    def _by_container(self) -> bool:
        return self._features.version.overhead_by_container

    def _in(self, seconds: float, uid: str) -> None:
        self._stop(uid)
        pledge, loop = self._state.pledges.of(uid), asyncio.get_running_loop()
        self._timers[uid] = loop.call_later(seconds, self._expire, uid, pledge)

    def _expire(self, uid: str, pledge: Pledge | None) -> None:
        """Ends a pledge, unless another one is in its place."""
        self._timers.pop(uid, None)
        if self._state.pledges.of(uid) is pledge:
            self.release(uid)

    def _stop(self, uid: str) -> None:
        timer = self._timers.pop(uid, None)
        if timer is not None:
            timer.cancel()
