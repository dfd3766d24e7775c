"""Requeues refused Pods when devices become available for them. kube-scheduler retries a Pod that an
extender refused on events of Pods, Nodes, ResourceClaims and DeviceClasses, but not on those of
ResourceSlices and DeviceTaintRules (UnrollWildCardResource in framework/types.go): the Pod would wait for
up to five minutes. Any change of the Pod itself does requeue it, so this changes an annotation. Other
events matter too, after a delay: kube-scheduler retries a Pod when it receives a change, and if our watch
is later, the Pod is refused by the old state. So a Pod that was not filtered again some seconds after a
relevant change is requeued, whatever has changed.

A new device requeues only as many Pods as it has room for: a trial places the Pods one after another on a
copy of the state, those of higher priority and older ones first. If one of them is refused again, or does not
come back, the others are tried without it.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import POD
from app.cluster.client.errors import (
    ClusterError,
    ConflictError,
    ConnectionFailedError,
    NotFoundError,
    ServerError,
    TooManyRequestsError,
)
from app.cluster.controllers.requeue_trial import RequeueTrial
from app.cluster.controllers.unschedulable_pods import RefusedPod, RefusedPods, RequeuedPods
from app.cluster.informers.store import Event, Replaced, Upserted
from app.core.model.pod import ENDED_PHASES, Pod
from app.core.pauses import FEW, paced
from app.core.placement.rules import Rules
from app.core.state.group_members import GroupKey, group_of, labelled_group
from app.core.state.state import Key, State
from app.event_loop.time_slice import Clock, TimeSlice

log = logging.getLogger(__name__)

ANNOTATION = "dra-extender/devices-appeared"
"""Set to the state's revision: only the change matters, which requeues the Pod."""
OVERLOOKED = frozenset({"ResourceSlice", "DeviceTaintRule"})


@dataclass(frozen=True, slots=True)
class WakerSettings:
    """Delays and rates."""

    gather_seconds: float = 0.3
    """Delay after an event that kube-scheduler ignores: drivers publish several slices at once."""

    late_seconds: float = 3.0
    """Delay after any other event: kube-scheduler's own retries come first."""

    retry_seconds: float = 5.0
    """Delay after a failed write to the API server."""

    rest: float = 2.0
    """Pause after a pass, as a multiple of the CPU time of its trial."""

    back_seconds: float = 15.0
    """Time that a requeued Pod has until its filter: kube-scheduler backs off for up to 10 s."""

    wakes_per_second: float = 20.0
    """Maximum number of Pods requeued per second: each costs a write and a scheduling attempt."""

    most_pods: int = 10_000
    """Maximum number of refused Pods to remember; the ones refused longest ago are dropped first."""


class Requeuer:
    """Remembers refused Pods. ``requeued`` and ``looked_at`` are counters.

    Args:
        client: with permission to patch Pods.
        rules: those of the webhooks.
        gang_labels: labels and annotations that group Pods that run together or not at all.
        urgent: whether filters are in progress, which come first.
        cpu_clock: CPU seconds of this thread.
    """

    def __init__(
        self,
        client: ApiClient,
        state: State,
        rules: Rules,
        *,
        gang_labels: Sequence[str] = (),
        settings: WakerSettings | None = None,
        urgent: Callable[[], bool] = lambda: False,
        cpu_clock: Clock = time.thread_time,
    ) -> None:
        self._urgent = urgent
        self._cpu_clock = cpu_clock
        self._client = client
        self._state = state
        self._rules = rules
        self._settings = settings or WakerSettings()
        self._refused = RefusedPods(self._settings.most_pods)
        self._requeued = RequeuedPods()
        self._gang_labels = gang_labels
        self._smaller: set[GroupKey] = set()
        self._due = math.inf
        self._event = asyncio.Event()
        self.requeued = 0
        self.looked_at = 0

    def refused(self, pod: Pod, position: int, *, everywhere: bool = False, allocated: int = 0) -> None:
        """Adds a Pod that no node fits. See ``RefusedPod``."""
        self._refused.note(RefusedPod(pod, position, everywhere, allocated))
        self._answered(pod.meta.uid, ())
        if position != self._state.inventory.changes.position:
            # The change arrived during the evaluation: nothing else retries the Pod.
            self._look_in(self._settings.gather_seconds)

    def may_fit_anywhere(self, pod: Pod) -> None:
        """A claim of a refused Pod is deallocated: that changes one node, and all others may fit."""
        if self._refused.open(pod):
            self._look_in(self._settings.gather_seconds)

    def passed(self, pod: Pod, nodes: Collection[str]) -> None:
        """Removes a Pod that fits on these nodes."""
        self._refused.forget(pod.meta.key, pod.meta.uid)
        self._answered(pod.meta.uid, nodes)

    def gone(self, key: Key, uid: str) -> None:
        """Removes a deleted Pod."""
        self._refused.forget(key, uid)
        self._answered(uid, ())

    def _answered(self, uid: str, nodes: Collection[str]) -> None:
        if self._requeued.answered(uid, nodes):
            self._look_in(self._settings.gather_seconds)

    def changed(self, kind: str, event: Event) -> None:
        """Processes an informer's event."""
        if not (self._refused or self._requeued):
            return
        if isinstance(event, Replaced) and not (event.changed or event.gone):
            return
        settings = self._settings
        new_class = kind == "DeviceClass" and isinstance(event, Upserted | Replaced)
        if new_class:
            # Classes do not belong to nodes: a new one may make all of them fit.
            self._refused.open_everywhere()
        at_once = new_class or kind in OVERLOOKED or (kind == "Pod" and self._may_shrink_groups(event))
        self._look_in(settings.gather_seconds if at_once else settings.late_seconds)

    def _may_shrink_groups(self, event: Event) -> bool:
        """Whether a Pod of a labelled group has come to its end: the others may fit together without it."""
        if not self._gang_labels or isinstance(event, Replaced):
            return False
        metadata, status = event.object["metadata"], event.object.get("status") or {}
        ended = bool(metadata.get("deletionTimestamp")) or status.get("phase") in ENDED_PHASES
        if isinstance(event, Upserted) and not ended:
            return False
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        group = labelled_group(labels, annotations, self._gang_labels)
        if group:
            self._smaller.add((metadata.get("namespace", ""), group))
        return bool(group)

    def lifted(self) -> None:
        """Processes the end of a reservation: kube-scheduler gets no event about it."""
        if self._refused:
            self._look_in(self._settings.gather_seconds)

    async def run(self) -> None:
        """Until canceled."""
        while True:
            await self._until_due()
            self._due = math.inf
            cpu_seconds = await self._look()
            if (due := self._requeued.due) is not None:
                self._look_in(max(0.0, due - _now()))
            await asyncio.sleep(self._settings.rest * cpu_seconds)

    def _look_in(self, seconds: float) -> None:
        due = _now() + seconds
        if due < self._due:
            self._due = due
            self._event.set()

    async def _until_due(self) -> None:
        while (wait := self._due - _now()) > 0:
            self._event.clear()
            try:
                async with asyncio.timeout(None if wait == math.inf else wait):
                    await self._event.wait()
            except TimeoutError:
                return

    async def _look(self) -> float:
        """Tries the Pods with a relevant change, and requeues those that fit. Returns its CPU seconds.

        All others are not tried again before the next change.
        """
        time_slice = TimeSlice(_now, urgent=self._urgent)
        for late in self._requeued.end_late(_now()):
            self._refused.take_back(late)
        left_out = self._requeued.take_left_out()
        waiting = await time_slice.run(lambda: self._waiting(left_out))
        if not waiting:
            return 0.0
        trial = RequeueTrial(self._state, self._rules, self._urgent, cpu_clock=self._cpu_clock)
        helpless: list[tuple[RefusedPod, int]] = []
        for refused, pod in waiting:
            # Each of thousands of Pods may take less than a slice, and so not wait at all.
            await time_slice.yield_if_due()
            node = await self._node_for(trial, refused, pod, helpless)
            if node is None or not self._refused.stands(refused):
                continue
            try:
                await self._wake(refused, node, trial.position)
            except (NotFoundError, ConflictError):
                # Deleted without an event, or never in the state: the other Pods were tried without its
                # device.
                self._look_in(self._settings.gather_seconds)
                return trial.cpu_seconds
            await asyncio.sleep(1 / self._settings.wakes_per_second)
        if not self._requeued.disappointed:
            await time_slice.run(lambda: self._not_helped(helpless, trial.position))
        return trial.cpu_seconds

    def _waiting(self, left_out: Sequence[RefusedPod]) -> list[tuple[RefusedPod, Pod]]:
        for before in paced(left_out, FEW):
            self._refused.look_again(before)
        smaller, self._smaller = self._smaller, set()
        waiting = self._refused.waiting(self._state)
        if not smaller:
            return waiting
        for refused, pod in paced(waiting, FEW):
            if (pod.meta.namespace, group_of(pod, self._gang_labels)) in smaller:
                self._refused.look_again(replace(refused, everywhere=True))
        return self._refused.waiting(self._state)

    def _not_helped(self, pods: Sequence[tuple[RefusedPod, int]], position: int) -> None:
        for refused, allocated in paced(pods, FEW):
            self._requeued.leave_out(refused)
            self._refused.looked_at(refused, position, allocated)

    async def _node_for(
        self, trial: RequeueTrial, refused: RefusedPod, pod: Pod, helpless: list[tuple[RefusedPod, int]]
    ) -> str | None:
        """The node where the Pod fits now. If no changed node fits, marks the Pod."""
        nodes = trial.nodes(refused.position, everywhere=refused.everywhere)
        answer, allocated = None, refused.allocated
        if nodes or refused.allocated:
            evaluation = await trial.ask(pod)
            if evaluation.refusal is not None and not evaluation.varies:
                return None  # no node was tried: all changes still count
            allocated = evaluation.allocated
            if allocated < refused.allocated:
                # Only the node that the claim was allocated for has changed.
                nodes = trial.nodes(refused.position, everywhere=True)
            if nodes:
                self.looked_at += 1
                answer = await trial.first_fit(evaluation, nodes)
        if answer is None:
            helpless.append((refused, allocated))
            return None
        return answer.node

    async def _wake(self, refused: RefusedPod, node: str, position: int) -> None:
        """Requeues the Pod, and keeps it for another attempt if the API server is too busy.

        Raises: NotFoundError, ConflictError if the Pod does not exist.
        """
        pod = refused.pod
        annotation = {ANNOTATION: f"{self._state.revision}"}
        patch = {"metadata": {"uid": pod.meta.uid, "annotations": annotation}}
        # Before the write: a later refusal is a new entry.
        self._refused.forget(pod.meta.key, pod.meta.uid)
        tried = replace(refused, position=position, everywhere=False)
        self._requeued.add(tried, node, _now() + self._settings.back_seconds)
        try:
            await self._client.patch(POD.path(*pod.meta.key, "status"), patch)
        except (NotFoundError, ConflictError):
            self._requeued.answered(pod.meta.uid, ())
            raise
        except ClusterError as error:
            self._requeued.answered(pod.meta.uid, ())
            name = "/".join(pod.meta.key)
            log.warning("cannot requeue Pod %s, which would fit on node %s now: %s", name, node, error)
            if isinstance(error, ConnectionFailedError | ServerError | TooManyRequestsError):
                self._refused.take_back(refused)
                self._look_in(self._settings.retry_seconds)
            return
        self.requeued += 1


def _now() -> float:
    return asyncio.get_running_loop().time()
