"""Finds refused Pods that would get devices now, by a simulation on a copy of the state, one after
another.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from app.core.dry_run.ranking import settle
from app.core.model.meta import Meta
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.nominations import Nomination
from app.core.state.state import State
from app.core.state.usage import Usage
from app.event_loop.time_slice import Clock, TimeSlice

_MAX_SECONDS = 1.0
"""CPU time for one Pod: without a node in that time, it is not requeued. Some searches take for ever."""
_NODE_SECONDS = 0.001
"""What is added for each node: on the first search of a trial, 5,000 nodes of 8 devices take a second."""
_ALIKE = 16
"""Number of Pods to compare others with."""


class RequeueTrial:
    """One pass over refused Pods. Other tasks run meanwhile; later changes are for the next pass.

    ``cpu_seconds`` is what it has taken so far.

    Args:
        state: copied, O(nodes + claims).
        rules: also checks nodes as kube-scheduler does.
        urgent: whether other work comes first, within bounds: see ``TimeSlice``. ``cpu_clock``: see there.
    """

    def __init__(
        self,
        state: State,
        rules: Rules,
        urgent: Callable[[], bool] = lambda: False,
        *,
        cpu_clock: Clock = time.thread_time,
    ) -> None:
        self.cpu_seconds = 0.0
        self._urgent = urgent
        self._cpu_clock = cpu_clock
        self.position = state.inventory.changes.position
        self._changes = state.inventory.changes.fork()
        self._state = state.fork()
        # Those that count for the Pod that is tried; the others wait, the most urgent last.
        self._holds = sorted(state.nominations.values(), key=lambda hold: hold.priority)
        for hold in self._holds:
            self._state.clear_nomination(hold.pod)
        self._own: Nomination | None = None
        # What is used of nodes by Pods that the last one may not have evicted, by its priority.
        self._lasting: dict[int, Usage | None] = {}
        self._rules = replace(rules, node_checks=True)
        self._all = sorted(self._state.nodes)
        self._changed: dict[int, list[str]] = {}
        self._hopeless: deque[tuple[Any, list[str]]] = deque(maxlen=_ALIKE)

    def nodes(self, position: int, *, everywhere: bool) -> list[str]:
        """Nodes where a Pod may fit that did not before. Cost: O(changes), once for each position."""
        if everywhere:
            return self._all
        found = self._changed.get(position)
        if found is None:
            changed = self._changes.since(position)
            found = self._all if changed is None else sorted(changed & self._state.nodes.keys())
            self._changed[position] = found
        return found

    async def ask(self, pod: Pod) -> PodEvaluation:
        """The state to try: with the devices of the Pods before. Its ``refusal`` is computed.

        Each Pod is at most as urgent as the one before. What filter lets it pass over is free: devices that
        are held for it after a preemption, or for Pods of lower priority.
        Cost: O(claims), in time slices: a Pod may have thousands.
        """
        self._count_holds(pod)

        def prepared() -> PodEvaluation:
            evaluation = PodEvaluation(self._state, pod, self._rules)
            _ = evaluation.refusal  # plans the claims
            return evaluation

        return await self._time_slice().run(prepared)

    def _count_holds(self, pod: Pod) -> None:
        """Makes the holds count that the Pod may not pass over. Cost: each counts once in a trial."""
        if self._own is not None:
            self._state.hold(self._own)  # the Pod that was tried before did not fit
        while self._holds and not self._holds[-1].yields_to("", pod.priority):
            self._state.hold(self._holds.pop())
        own = self._state.nominations.get(pod.meta.key)
        self._own = own if own is not None and own.yields_to(pod.meta.uid, pod.priority) else None
        if self._own is not None:
            self._state.clear_nomination(pod.meta.key)

    async def first_fit(self, evaluation: PodEvaluation, nodes: list[str]) -> NodeResult | None:
        """The first node that fits, whose devices count as taken from then on.

        Cost: a search for each node, but none for a Pod that is equivalent to one that fit on none of the
        same nodes: the number of free devices only decreases in a trial.
        """
        kind = None if self._own is not None else _kind(evaluation)
        if kind is not None and any(like == kind and tried is nodes for like, tried in self._hopeless):
            return None
        answer = await self._search(evaluation, nodes) or await self._search_by_eviction(evaluation, nodes)
        if answer is None:
            if kind is not None:
                self._hopeless.append((kind, nodes))
            return None
        await self._time_slice().run(partial(settle, self._state, evaluation, answer))
        for lasting in self._lasting.values():
            if lasting is not None:  # the next Pod of this priority may not evict this one
                lasting.put(replace(evaluation.pod, node_name=answer.node, amounts=answer.amounts))
        self._own = None
        return answer

    async def _search_by_eviction(self, evaluation: PodEvaluation, nodes: list[str]) -> NodeResult | None:
        """As ``_search``, on nodes where kube-scheduler may evict Pods for CPU: devices are free there.

        Only an attempt shows kube-scheduler that the node has such devices. Cost: O(Pods) once for each
        priority, and a second search if Pods have a lower one.
        """
        pod, usage = evaluation.pod, self._state.usage
        if pod.never_preempts:
            return None
        if pod.priority not in self._lasting:
            lasting = await self._time_slice().run(lambda: usage.from_priority(pod.priority))
            self._lasting = {pod.priority: lasting}
        lasting = self._lasting[pod.priority]
        if lasting is None:
            return None
        self._state.usage = lasting
        try:
            return await self._search(evaluation, nodes)
        finally:
            self._state.usage = usage

    async def _search(self, evaluation: PodEvaluation, nodes: Collection[str]) -> NodeResult | None:
        fitting = (answer for answer in evaluation.answers(nodes) if answer.verdict == "fits")
        seconds = _MAX_SECONDS + _NODE_SECONDS * len(nodes)
        # Not the time that filters take meanwhile.
        time_slice = self._time_slice()
        try:
            return await time_slice.run(
                lambda: next(fitting, None), lambda: time_slice.cpu_seconds >= seconds
            )
        except InterruptedWorkError:
            return None

    def _time_slice(self) -> TimeSlice:
        clock = asyncio.get_running_loop().time
        return TimeSlice(clock, urgent=self._urgent, held=self._count, cpu_clock=self._cpu_clock)

    def _count(self, seconds: float) -> None:
        self.cpu_seconds += seconds


def _kind(evaluation: PodEvaluation) -> tuple[Pod, tuple[object, ...]] | None:
    """The key of equivalent Pods; None if the Pod has no equivalent."""
    if evaluation.allocated or evaluation.varies:
        return None
    pod = replace(evaluation.pod, meta=Meta(""), claims=(), claim_statuses={}, started=None)
    return pod, tuple(claim.spec for claim in evaluation.missing)
