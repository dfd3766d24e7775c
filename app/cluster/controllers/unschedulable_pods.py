"""The Pods that kube-scheduler was told fit nowhere, as long as they may wait for it."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from app.core.model.pod import Pod
from app.core.state.state import Key, State


@dataclass(frozen=True, slots=True)
class RefusedPod:
    """One refusal of a Pod, as kube-scheduler sent it."""

    pod: Pod
    position: int
    """Of the log of changed nodes: what came after it is not in the answer."""

    everywhere: bool
    """Whether the answer was the same for all nodes, a claim or class was not there, so that all may be open
    once that has changed."""


class RefusedPods:
    """Refused Pods, the latest last; no more than `most`, the ones refused longest ago go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._refused: OrderedDict[Key, RefusedPod] = OrderedDict()

    def __len__(self) -> int:
        return len(self._refused)

    def note(self, refused: RefusedPod) -> None:
        """In place of an earlier refusal of that name. O(1), as all that tells no other cost."""
        self._refused[refused.pod.meta.key] = refused
        self._refused.move_to_end(refused.pod.meta.key)
        while len(self._refused) > self._most:
            self._refused.popitem(last=False)

    def forget(self, key: Key, uid: str) -> None:
        """Forgets this Pod, not a later one of its name."""
        refused = self._refused.get(key)
        if refused is not None and refused.pod.meta.uid == uid:
            del self._refused[key]

    def take_back(self, refused: RefusedPod) -> None:
        """Remembers it again, unless the Pod was refused anew since."""
        if refused.pod.meta.key not in self._refused:
            self.note(refused)

    def stands(self, refused: RefusedPod) -> bool:
        """Whether it was not forgotten, or refused again, since."""
        return self._refused.get(refused.pod.meta.key) is refused

    def looked_at(self, refused: RefusedPod, position: int) -> None:
        """Notes that nothing up to that position helps, if the refusal stands."""
        if self.stands(refused):
            later = replace(refused, position=position, everywhere=False)
            self._refused[refused.pod.meta.key] = later

    def open_everywhere(self) -> None:
        """Notes that all nodes may have opened. O(Pods)."""
        for key, refused in self._refused.items():
            self._refused[key] = replace(refused, everywhere=True)

    def waiting(self, state: State) -> list[tuple[RefusedPod, Pod]]:
        """Those that still are pending, the most urgent first, each as it is by now; forgets bound ones.

        A Pod that the state does not know counts: kube-scheduler's watch may be ahead of ours, by the length
        of a backoff after an API server was away.

        Cost: O(Pods * log Pods).
        """
        waiting: list[tuple[RefusedPod, Pod]] = []
        for key, refused in list(self._refused.items()):
            known = state.pods.get(key)
            pod = refused.pod if known is None or known.meta.uid != refused.pod.meta.uid else known
            if pod.node_name or pod.meta.deleted is not None:
                del self._refused[key]
            else:
                waiting.append((refused, pod))
        return sorted(waiting, key=lambda item: _urgency(item[1]))


def _urgency(pod: Pod) -> tuple[int, str, Key]:
    return (-pod.priority, pod.meta.created or "", pod.meta.key)
