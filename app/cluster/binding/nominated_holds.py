"""Devices that are held for a Pod for which kube-scheduler evicts others.

The Pod is filtered again when its victims are gone, after a back-off. Until then kube-scheduler counts CPU
of the nominated node as the Pod's, but knows nothing of devices: a Pod of lower priority would take them, and
the others were evicted for nothing. ``status.nominatedNodeName`` shows which of the candidates of
``preempt`` kube-scheduler has chosen.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.cluster.informers.informer import Event, Replaced, Upserted
from app.core.model.pod import Pod
from app.core.placement.node_result import NodeResult
from app.core.placement.rules import Rules
from app.core.preemption.candidates import answers_after_evictions
from app.core.state.nominations import Nomination
from app.core.state.state import State
from app.event_loop.time_slice import Deadline, TimeSlice

_MOST = 16
"""Pods whose candidates are remembered: kube-scheduler chooses at once."""
_RESTORE_SECONDS = 5.0
"""Filters wait for it."""


class NominatedHolds:
    """At most one for each Pod. It ends with the nomination, with the Pod's binding or end, or after a time.

    Args:
        seconds: how long devices are held if the Pod does not use them.
        lifted: called when devices that were held are free: kube-scheduler gets no event about it.
    """

    def __init__(self, state: State, seconds: float, lifted: Callable[[], None]) -> None:
        self._state = state
        self._seconds = seconds
        self._lifted = lifted
        self._candidates: OrderedDict[str, tuple[Pod, Mapping[str, NodeResult]]] = OrderedDict()
        self._held: dict[str, Nomination] = {}

    def answered(self, pod: Pod, answers: Mapping[str, NodeResult]) -> None:
        """Preempt has named these nodes. ``answers``: how the Pod fits there without the victims."""
        self._candidates[pod.meta.uid] = (pod, answers)
        self._candidates.move_to_end(pod.meta.uid)
        while len(self._candidates) > _MOST:
            self._candidates.popitem(last=False)

    def passed(self, pod: Pod) -> None:
        """Filter has named nodes for the Pod, and reserved its devices there: no eviction is needed.

        kube-scheduler writes the field for a Pod that waits for volumes, too.
        """
        self._candidates.pop(pod.meta.uid, None)

    async def restore(self, pods: Sequence[Pod], rules: Rules) -> None:
        """Holds devices for Pods that have a nominated node and wait for Pods there to end.

        Another process may have held them. Needs a complete state.
        Cost: O(objects) if there are such Pods, and a search for each of them, as far as the time suffices.
        """
        if not pods:
            return
        found = answers_after_evictions(self._state.fork(), pods, rules)
        clock = asyncio.get_running_loop().time
        answers, _ = await TimeSlice(clock).collect(found, Deadline(clock, _RESTORE_SECONDS).expired)
        for pod, answer in answers:
            known = self._state.pods.get(pod.meta.key)
            if known is not None and known.nominated_node == answer.node:
                self._begin(pod, answer)

    def changed(self, kind: str, event: Event) -> None:
        """Processes an informer's event about a Pod, after the state."""
        if kind != "Pod" or not (self._candidates or self._held):
            return
        if isinstance(event, Replaced):
            for item in event.changed:
                self._look_at(item)
            for gone in event.gone:
                self._forget(gone.uid)
        elif isinstance(event, Upserted):
            self._look_at(event.object)
        else:
            self._forget(event.object["metadata"].get("uid", ""))

    def _look_at(self, raw: Mapping[str, Any]) -> None:
        uid = raw["metadata"].get("uid", "")
        node = (raw.get("status") or {}).get("nominatedNodeName")
        held = self._held.get(uid)
        if held is not None and held.node != node:
            self._end(uid, held)
        pod, answers = self._candidates.get(uid, (None, {}))
        answer = answers.get(node or "")
        if pod is None or answer is None:
            return
        del self._candidates[uid]
        self._begin(pod, answer)

    def _begin(self, pod: Pod, answer: NodeResult) -> None:
        """Holds devices for a Pod that still waits, unless others are held for it."""
        known, uid = self._state.pods.get(pod.meta.key), pod.meta.uid
        waits = known is not None and known.meta.uid == uid and not (known.node_name or known.finished)
        if not waits or pod.meta.key in self._state.nominations:
            return
        hold = self._held[uid] = _hold(pod, answer)
        self._state.hold(hold)
        asyncio.get_running_loop().call_later(self._seconds, self._end, uid, hold)

    def _forget(self, uid: str) -> None:
        """The Pod is gone, and with it what the state has held."""
        self._candidates.pop(uid, None)
        self._held.pop(uid, None)

    def _end(self, uid: str, held: Nomination) -> None:
        if self._held.get(uid) is held:
            del self._held[uid]
        if self._state.nominations.get(held.pod) is held:
            self._state.clear_nomination(held.pod)
            self._lifted()


def _hold(pod: Pod, answer: NodeResult) -> Nomination:
    fresh = tuple(
        (held.key, allocation)
        for held, allocation in zip(answer.claims, answer.allocations, strict=True)
        if held.claim.allocation is None
    )
    return Nomination(pod.meta.key, pod.meta.uid, pod.priority, answer.node, fresh)
