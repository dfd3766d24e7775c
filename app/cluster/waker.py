"""Wakes Pods that were refused, when devices appear that they could have.

kube-scheduler retries a Pod that an extender refused on events of Pods, Nodes, ResourceClaims and
DeviceClasses, but not on those of ResourceSlices and DeviceTaintRules (UnrollWildCardResource in
framework/types.go): the Pod would wait for up to five minutes. Any change of the Pod itself does
wake it, so this changes an annotation of it.

The other events are looked at too where kube-scheduler may have been ahead: it retries a Pod as soon as it
hears of a change, and if the index hears of it later, the Pod is refused by what was before. So a change soon
after a refusal, or a list made again, which is how the index catches up after a gap, is looked at as well.

A new device wakes as many Pods as it has room for, not all that wait: the Pods are tried out one
after the other on a copy of the state, those of higher priority and the older ones first.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from app.cluster.client import ApiClient
from app.cluster.discovery import POD
from app.cluster.errors import ClusterError, Conflict, NotFound
from app.cluster.known import Event, Replaced
from app.cluster.refused_pods import RefusedPod, RefusedPods
from app.core.model.pod import Pod
from app.core.placement.node_answer import NodeAnswer, finish
from app.core.placement.question import Question
from app.core.placement.rules import Rules
from app.core.state.state import Key, State

ANNOTATION = "dra-extender/devices-appeared"
"""Set to the state's revision: the value says nothing, its change wakes the Pod."""
OVERLOOKED = frozenset({"ResourceSlice", "DeviceTaintRule"})
_TURN = 20
"""Nodes between two pauses at which others are served."""


@dataclass(frozen=True, slots=True)
class WakerSettings:
    """How often to look, and how fast to write."""

    gather_seconds: float = 0.3
    """Between an event and the look: a driver publishes several slices at once."""

    wakes_per_second: float = 20.0
    """Pods woken a second: each costs a write here and an attempt in kube-scheduler."""

    late_seconds: float = 2.0
    """How long after a refusal a change may still be one that kube-scheduler has heard of before."""

    most_pods: int = 10_000
    """Refused Pods remembered; the ones refused longest ago go first."""


class Waker:
    """Remembers refused Pods. ``woken`` and ``looked_at`` count.

    Args:
        client: with the right to patch Pods.
        rules: those of the webhooks; nodes are judged as kube-scheduler would, on top.
        report: told of Pods that could not be woken.
    """

    def __init__(
        self,
        client: ApiClient,
        state: State,
        rules: Rules,
        *,
        report: Callable[[str], None],
        settings: WakerSettings | None = None,
    ) -> None:
        self._client = client
        self._state = state
        self._rules = replace(rules, node_checks=True)
        self._report = report
        self._settings = settings or WakerSettings()
        self._refused = RefusedPods(self._settings.most_pods)
        self._event = asyncio.Event()
        self._position = state.inventory.changes.position
        self._all_nodes = self._all_pods = False
        self.woken = 0
        self.looked_at = 0

    def refused(self, pod: Pod, *, everywhere: bool = False) -> None:
        """Notes that no node fits the Pod; `everywhere`: its claims, not the nodes' devices, were why."""
        self._refused.note(RefusedPod(pod, _now(), everywhere))

    def passed(self, pod: Pod) -> None:
        """Notes that the Pod fits somewhere after all."""
        self._refused.forget(pod.meta.key)

    def gone(self, key: Key) -> None:
        """Notes that the Pod is deleted."""
        self._refused.forget(key)

    def changed(self, kind: str, event: Event) -> None:
        """Notes a watch event: those that kube-scheduler overlooks, or may have heard of before, matter."""
        relisted = isinstance(event, Replaced)
        if kind in OVERLOOKED or kind == "DeviceClass" or relisted:
            self._all_pods = True
            # Classes are no matter of nodes: a new one may open all of them.
            self._all_nodes = self._all_nodes or relisted or kind == "DeviceClass"
        elif not self._refused.any_since(_now() - self._settings.late_seconds):
            return
        self._event.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._event.wait()
            # Pods refused up to now: what is heard while it is slept may be why they were.
            late = -math.inf if self._all_pods else _now() - self._settings.late_seconds
            await asyncio.sleep(self._settings.gather_seconds)
            self._event.clear()
            since = -math.inf if self._all_pods else late
            self._all_pods = False
            for pod, answer in await self._fitting(self._changed_nodes(), since):
                await self._wake(pod, answer)
                await asyncio.sleep(1 / self._settings.wakes_per_second)

    def _changed_nodes(self) -> list[str]:
        """Nodes that have changed since the last look: only there can a Pod fit that did not before."""
        changes = self._state.inventory.changes
        changed = None if self._all_nodes else changes.since(self._position)
        self._position, self._all_nodes = changes.position, False
        nodes = self._state.nodes
        return sorted(nodes) if changed is None else sorted(changed & nodes.keys())

    async def _fitting(self, nodes: list[str], since: float) -> list[tuple[Pod, NodeAnswer]]:
        """The Pods that would all find devices, on these nodes or wherever all have opened."""
        found: list[tuple[Pod, NodeAnswer]] = []
        waiting = [
            refused for refused in self._refused.waiting(self._state, since) if nodes or refused.everywhere
        ]
        trial = self._state.fork() if waiting else self._state
        for refused in waiting:
            self.looked_at += 1
            question = Question(trial, refused.pod, self._rules)
            answer = await _first_fit(question, sorted(trial.nodes) if refused.everywhere else nodes)
            if answer is not None:
                claims = (held.claim for held in answer.claims)
                trial.settle(refused.pod, answer.node, zip(claims, answer.allocations, strict=True))
                found.append((refused.pod, answer))
            await asyncio.sleep(0)
        return found

    async def _wake(self, pod: Pod, answer: NodeAnswer) -> None:
        annotation = {ANNOTATION: f"{self._state.revision}"}
        patch = {"metadata": {"uid": pod.meta.uid, "annotations": annotation}}
        try:
            await self._client.patch(POD.path(*pod.meta.key), patch)
        except (NotFound, Conflict):
            # Deleted since, or never known here: what was kept for it is another's.
            self._refused.forget(pod.meta.key)
            self._all_nodes = self._all_pods = True
            self._event.set()
            return
        except ClusterError as error:
            name = "/".join(pod.meta.key)
            self._report(f"Pod {name}, which would fit on {answer.node} now, could not be woken: {error}")
            return
        self.woken += 1


async def _first_fit(question: Question, nodes: Iterable[str]) -> NodeAnswer | None:
    if question.refusal is not None and not question.varies:
        return None
    for number, name in enumerate(nodes):
        answer = finish(question.answer(name))
        if answer.verdict == "fits":
            return answer
        if number % _TURN == 0:
            await asyncio.sleep(0)
    return None


def _now() -> float:
    return asyncio.get_running_loop().time()
