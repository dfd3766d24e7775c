"""Wakes Pods that were refused, when devices appear that they could have.

kube-scheduler retries a Pod that an extender refused on events of Pods, Nodes, ResourceClaims and
DeviceClasses, but not on those of ResourceSlices and DeviceTaintRules (UnrollWildCardResource in
framework/types.go): the Pod would wait for up to five minutes. Any change of the Pod itself does
wake it, so this changes an annotation of it.

The other events matter too, later: kube-scheduler retries a Pod as soon as it hears of a change, and if the
index hears of it after that, the Pod is refused by what was before. So a Pod that was not asked about again
some seconds after a change that it could use is woken, whatever has changed.

A new device wakes as many Pods as it has room for, not all that wait: the Pods are tried out one
after the other on a copy of the state, those of higher priority and the older ones first.
"""

import asyncio
import logging
import math
from dataclasses import dataclass

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
from app.cluster.controllers.requeue_trial import WakingTrial
from app.cluster.controllers.unschedulable_pods import RefusedPod, RefusedPods
from app.cluster.informers.store import Event, Replaced, Upserted
from app.core.model.pod import Pod
from app.core.placement.rules import Rules
from app.core.state.state import Key, State

log = logging.getLogger(__name__)

ANNOTATION = "dra-extender/devices-appeared"
"""Set to the state's revision: the value says nothing, its change wakes the Pod."""
OVERLOOKED = frozenset({"ResourceSlice", "DeviceTaintRule"})


@dataclass(frozen=True, slots=True)
class WakerSettings:
    """How often to look, and how fast to write."""

    gather_seconds: float = 0.3
    """Between an event that kube-scheduler overlooks and the look: drivers publish several slices at once."""

    late_seconds: float = 3.0
    """Between any other event and the look: kube-scheduler's own retries come first."""

    retry_seconds: float = 5.0
    """After a wake that the API server was too busy for, or not there."""

    rest: float = 2.0
    """How long to rest after a look, as a multiple of the time that was searched, not waited, in it."""

    wakes_per_second: float = 20.0
    """Pods woken a second: each costs a write here and an attempt in kube-scheduler."""

    most_pods: int = 10_000
    """Refused Pods remembered; the ones refused longest ago go first."""


class Requeuer:
    """Remembers refused Pods. ``requeued`` and ``looked_at`` count.

    Args:
        client: with the right to patch Pods.
        rules: those of the webhooks.
    """

    def __init__(
        self,
        client: ApiClient,
        state: State,
        rules: Rules,
        *,
        settings: WakerSettings | None = None,
    ) -> None:
        self._client = client
        self._state = state
        self._rules = rules
        self._settings = settings or WakerSettings()
        self._refused = RefusedPods(self._settings.most_pods)
        self._due = math.inf
        self._event = asyncio.Event()
        self._searched = 0.0
        self.requeued = 0
        self.looked_at = 0

    def refused(self, pod: Pod, position: int, *, everywhere: bool = False) -> None:
        """Notes that no node fits the Pod. See ``RefusedPod``."""
        self._refused.note(RefusedPod(pod, position, everywhere))
        if position != self._state.inventory.changes.position:
            # Heard of while the Pod was judged: nobody else will come back to it.
            self._look_in(self._settings.gather_seconds)

    def passed(self, pod: Pod) -> None:
        """Notes that the Pod fits somewhere after all."""
        self._refused.forget(pod.meta.key, pod.meta.uid)

    def gone(self, key: Key, uid: str) -> None:
        """Notes that the Pod is deleted."""
        self._refused.forget(key, uid)

    def changed(self, kind: str, event: Event) -> None:
        """Notes what an informer has told."""
        if not self._refused or (isinstance(event, Replaced) and not (event.changed or event.gone)):
            return
        settings = self._settings
        new_class = kind == "DeviceClass" and isinstance(event, Upserted | Replaced)
        if new_class:
            # Classes are no matter of nodes: a new one may open all of them.
            self._refused.open_everywhere()
        at_once = new_class or kind in OVERLOOKED
        self._look_in(settings.gather_seconds if at_once else settings.late_seconds)

    def lifted(self) -> None:
        """Notes that devices are free that were reserved: kube-scheduler hears nothing of that."""
        if self._refused:
            self._look_in(self._settings.gather_seconds)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._until_due()
            self._due = math.inf
            self._searched = 0.0
            await self._look()
            await asyncio.sleep(self._settings.rest * self._searched)

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

    async def _look(self) -> None:
        """Tries those for whom something has changed, and wakes whom it helps.

        Whoever is not helped, or woken, is not tried again before something else changes.
        """
        waiting = self._refused.waiting(self._state)
        if not waiting:
            return
        trial = WakingTrial(self._state, self._rules)
        helpless: list[RefusedPod] = []
        for refused, pod in waiting:
            node = await self._node_for(trial, refused, pod, helpless)
            if node is None or not self._refused.stands(refused):
                continue
            try:
                await self._wake(refused, node)
            except (NotFoundError, ConflictError):
                # Gone unheard, or never known here: others were tried as if it had taken its device.
                self._look_in(self._settings.gather_seconds)
                return
            await asyncio.sleep(1 / self._settings.wakes_per_second)
        for refused in helpless:
            self._refused.looked_at(refused, trial.position)

    async def _node_for(
        self, trial: WakingTrial, refused: RefusedPod, pod: Pod, helpless: list[RefusedPod]
    ) -> str | None:
        """The node where the Pod would find devices now; joins the helpless if all that changed was tried."""
        nodes = trial.nodes(refused.position, everywhere=refused.everywhere)
        answer = None
        if nodes:
            evaluation = trial.ask(pod)
            if evaluation.refusal is not None and not evaluation.varies:
                return None  # no node was tried: all that has changed still counts
            self.looked_at += 1
            began = _now()
            answer = await trial.first_fit(evaluation, nodes)
            self._searched += _now() - began
        if answer is None:
            helpless.append(refused)
            return None
        return answer.node

    async def _wake(self, refused: RefusedPod, node: str) -> None:
        """Kept for another try if the API server has no time; else kube-scheduler will ask again, or not.

        Raises: NotFoundError, ConflictError if there is no such Pod.
        """
        pod = refused.pod
        annotation = {ANNOTATION: f"{self._state.revision}"}
        patch = {"metadata": {"uid": pod.meta.uid, "annotations": annotation}}
        # Before the write: what is refused after it is another matter.
        self._refused.forget(pod.meta.key, pod.meta.uid)
        try:
            await self._client.patch(POD.path(*pod.meta.key, "status"), patch)
        except (NotFoundError, ConflictError):
            raise
        except ClusterError as error:
            name = "/".join(pod.meta.key)
            log.warning("Pod %s, which would fit on %s now, could not be woken: %s", name, node, error)
            if isinstance(error, ConnectionFailedError | ServerError | TooManyRequestsError):
                self._refused.take_back(refused)
                self._look_in(self._settings.retry_seconds)
            return
        self.requeued += 1


def _now() -> float:
    return asyncio.get_running_loop().time()
