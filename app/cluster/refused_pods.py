"""The Pods that kube-scheduler was told fit nowhere, as long as they may wait for it."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from app.core.model.pod import Pod
from app.core.state.state import Key, State


@dataclass(frozen=True, slots=True)
class RefusedPod:
    """One refusal: the Pod as kube-scheduler sent it, when (seconds of the loop's clock)."""

    pod: Pod
    at: float
    everywhere: bool
    """Whether it was not for want of devices on the nodes, so that all may be open once that has changed."""


class RefusedPods:
    """Refused Pods, the latest last; no more than `most`, the ones refused longest ago go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._refused: OrderedDict[Key, RefusedPod] = OrderedDict()

    def __len__(self) -> int:
        return len(self._refused)

    def note(self, refused: RefusedPod) -> None:
        """O(1), as `forget` is."""
        self._refused[refused.pod.meta.key] = refused
        self._refused.move_to_end(refused.pod.meta.key)
        while len(self._refused) > self._most:
            self._refused.popitem(last=False)

    def forget(self, key: Key) -> None:
        self._refused.pop(key, None)

    def any_since(self, time: float) -> bool:
        """Whether a Pod was refused after that."""
        return any(True for _ in self._since(time))

    def waiting(self, state: State, since: float) -> list[RefusedPod]:
        """Those refused since then that still are pending, the most urgent first. Forgets bound ones.

        A Pod that the state does not know counts: kube-scheduler's watch may be ahead of ours, by the length
        of a backoff after an API server was away. One that is deleted is forgotten when that is heard.
        """
        waiting = []
        for refused in list(self._since(since)):
            key = refused.pod.meta.key
            known = state.pods.get(key)
            pod = refused.pod if known is None or known.meta.uid != refused.pod.meta.uid else known
            if pod.node_name or pod.meta.deleted is not None:
                self.forget(key)
            else:
                waiting.append(RefusedPod(pod, refused.at, refused.everywhere))
        return sorted(waiting, key=_urgency)

    def _since(self, time: float) -> Iterator[RefusedPod]:
        for refused in reversed(self._refused.values()):
            if refused.at <= time:
                return
            yield refused


def _urgency(refused: RefusedPod) -> tuple[int, str, Key]:
    return (-refused.pod.priority, refused.pod.meta.created or "", refused.pod.meta.key)
