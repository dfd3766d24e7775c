"""The Pods that filter has refused, as long as they may be pending."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from app.core.model.pod import Pod
from app.core.state.state import Key, State


@dataclass(frozen=True, slots=True)
class RefusedPod:
    """One refusal of a Pod, as kube-scheduler sent it."""

    pod: Pod
    position: int
    """Position in the log of changed nodes: later changes are not part of the verdict."""

    everywhere: bool
    """Whether the verdict was the same for all nodes, because a claim or class did not exist, so that all
    nodes may fit after a change.
    """

    allocated: int = 0
    """How many of its claims were allocated, and allowed few nodes: without one, all others may fit."""


class RefusedPods:
    """Refused Pods, the latest last; at most ``most``, the ones refused longest ago are dropped first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._refused: OrderedDict[Key, RefusedPod] = OrderedDict()

    def __len__(self) -> int:
        return len(self._refused)

    def note(self, refused: RefusedPod) -> None:
        """Replaces an earlier refusal with that name. Cost: O(1), as of all methods without a stated cost."""
        self._refused[refused.pod.meta.key] = refused
        self._refused.move_to_end(refused.pod.meta.key)
        while len(self._refused) > self._most:
            self._refused.popitem(last=False)

    def forget(self, key: Key, uid: str) -> None:
        """Removes this Pod, not a later one with its name."""
        refused = self._refused.get(key)
        if refused is not None and refused.pod.meta.uid == uid:
            del self._refused[key]

    def take_back(self, refused: RefusedPod) -> None:
        """Adds it again, unless the Pod was refused again since."""
        if refused.pod.meta.key not in self._refused:
            self.note(refused)

    def stands(self, refused: RefusedPod) -> bool:
        """Whether it was neither removed nor refused again since."""
        return self._refused.get(refused.pod.meta.key) is refused

    def looked_at(self, refused: RefusedPod, position: int, allocated: int) -> None:
        """Records that no change up to that position helps, if the refusal is still current."""
        if self.stands(refused):
            later = replace(refused, position=position, everywhere=False, allocated=allocated)
            self._refused[refused.pod.meta.key] = later

    def open_everywhere(self) -> None:
        """Records that all nodes may fit now. Cost: O(Pods)."""
        for refused in list(self._refused.values()):
            self.open(refused.pod)

    def open(self, pod: Pod) -> bool:
        """Records that all nodes may fit this Pod now, and returns whether it is still refused."""
        refused = self._refused.get(pod.meta.key)
        if refused is None or refused.pod.meta.uid != pod.meta.uid:
            return False
        self._refused[pod.meta.key] = replace(refused, everywhere=True)
        return True

    def waiting(self, state: State) -> list[tuple[RefusedPod, Pod]]:
        """The Pods that are still pending, in current form, highest priority first.

        Removes those that are bound or have ended. A Pod that is not in the state counts as pending:
        kube-scheduler's watch may be ahead of ours, by a backoff after an outage of the API server.

        Cost: O(Pods * log Pods).
        """
        waiting: list[tuple[RefusedPod, Pod]] = []
        for key, refused in list(self._refused.items()):
            known = state.pods.get(key)
            pod = refused.pod if known is None or known.meta.uid != refused.pod.meta.uid else known
            if pod.node_name or pod.finished or pod.meta.deleted is not None:
                del self._refused[key]
            else:
                waiting.append((refused, pod))
        return sorted(waiting, key=lambda item: _urgency(item[1]))


def _urgency(pod: Pod) -> tuple[int, str, Key]:
    return (-pod.priority, pod.meta.created or "", pod.meta.key)
