"""Wakes Pods that were refused, when devices appear that they could have.

kube-scheduler retries a Pod that an extender refused on events of Pods, Nodes, ResourceClaims and
DeviceClasses, but not on those of ResourceSlices and DeviceTaintRules (UnrollWildCardResource in
framework/types.go): the Pod would wait for up to five minutes. Any change of the Pod itself does
wake it, so this changes an annotation of it.

A new device wakes as many Pods as it has room for, not all that wait: the Pods are tried out one
after the other on a copy of the state, those of higher priority and the older ones first.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from app.cluster.client import ApiClient
from app.cluster.discovery import POD
from app.cluster.errors import ClusterError, NotFound
from app.core.model.pod import Pod
from app.core.placement.node_answer import NodeAnswer, finish
from app.core.placement.question import Question
from app.core.placement.rules import Rules
from app.core.state.state import Key, State

ANNOTATION = "dra-extender/devices-appeared"
"""Set to the state's revision: the value says nothing, its change wakes the Pod."""
KINDS = frozenset({"ResourceSlice", "DeviceTaintRule", "DeviceClass"})
_TURN = 20


@dataclass(frozen=True, slots=True)
class WakerSettings:
    """How often to look, and how fast to write."""

    gather_seconds: float = 0.3
    """Between an event and the look: a driver publishes several slices at once."""

    wakes_per_second: float = 20.0
    """Pods woken a second: each costs a write here and an attempt in kube-scheduler."""

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
        self._refused: OrderedDict[Key, str] = OrderedDict()
        self._event = asyncio.Event()
        self._position = state.inventory.changes.position
        self._all_nodes = False
        self.woken = 0
        self.looked_at = 0

    def refused(self, pod: Pod) -> None:
        """Notes that no node fits the Pod."""
        self._refused[pod.meta.key] = pod.meta.uid
        self._refused.move_to_end(pod.meta.key)
        while len(self._refused) > self._settings.most_pods:
            self._refused.popitem(last=False)

    def passed(self, pod: Pod) -> None:
        """Notes that the Pod fits somewhere after all."""
        self._refused.pop(pod.meta.key, None)

    def changed(self, kind: str) -> None:
        """Notes a watch event: only those that kube-scheduler overlooks matter."""
        if kind in KINDS:
            # Classes are no matter of nodes: a new one may open all of them.
            self._all_nodes = self._all_nodes or kind == "DeviceClass"
            self._event.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._event.wait()
            await asyncio.sleep(self._settings.gather_seconds)
            self._event.clear()
            for pod, answer in await self._fitting(self._changed_nodes()):
                await self._wake(pod, answer)
                await asyncio.sleep(1 / self._settings.wakes_per_second)

    def _changed_nodes(self) -> list[str]:
        """Nodes that have changed since the last look: only there can a Pod fit that did not before."""
        changes = self._state.inventory.changes
        changed = None if self._all_nodes else changes.since(self._position)
        self._position, self._all_nodes = changes.position, False
        nodes = self._state.nodes
        return sorted(nodes) if changed is None else sorted(changed & nodes.keys())

    async def _fitting(self, nodes: list[str]) -> list[tuple[Pod, NodeAnswer]]:
        """The Pods that would all find devices on these nodes, each on top of those before it."""
        found: list[tuple[Pod, NodeAnswer]] = []
        if not nodes:
            return found
        trial = self._state.fork()
        for number, pod in enumerate(self._waiting()):
            self.looked_at += 1
            question = Question(trial, pod, self._rules)
            answer = _first_fit(question, nodes)
            if answer is not None:
                claims = (held.claim for held in answer.claims)
                trial.settle(pod, answer.node, zip(claims, answer.allocations, strict=True))
                found.append((pod, answer))
            if number % _TURN == 0:
                await asyncio.sleep(0)
        return found

    def _waiting(self) -> list[Pod]:
        """Refused Pods that still are pending, the most urgent first."""
        waiting = []
        for key, uid in list(self._refused.items()):
            pod = self._state.pods.get(key)
            if pod is None or pod.meta.uid != uid or pod.node_name or pod.meta.deleted is not None:
                del self._refused[key]
            else:
                waiting.append(pod)
        return sorted(waiting, key=lambda pod: (-pod.priority, pod.meta.created or "", pod.meta.key))

    async def _wake(self, pod: Pod, answer: NodeAnswer) -> None:
        annotation = {ANNOTATION: f"{self._state.revision}"}
        patch = {"metadata": {"uid": pod.meta.uid, "annotations": annotation}}
        try:
            await self._client.patch(POD.path(*pod.meta.key), patch)
        except NotFound:
            return  # deleted since
        except ClusterError as error:
            name = "/".join(pod.meta.key)
            self._report(f"Pod {name}, which would fit on {answer.node} now, could not be woken: {error}")
            return
        self.woken += 1


def _first_fit(question: Question, nodes: Iterable[str]) -> NodeAnswer | None:
    for name in nodes:
        answer = finish(question.answer(name))
        if answer.verdict == "fits":
            return answer
    return None
