"""How long a reservation waits for a sign of kube-scheduler, from 1.35 on at once if it goes on with a Pod.

After its cycle for a Pod, or for all Pods of a PodGroup, kube-scheduler calls bind, or writes
``status.nominatedNodeName`` while it waits for volumes or permits. If it has given up instead, it writes the
condition PodScheduled, but only if that changes. It retries a PodGroup of which one Pod lacks CPU, or a Pod
that another extender refuses, again and again: without a limit, such Pods would hold their devices all the
time, and no other Pod would get them.
"""

from collections import OrderedDict
from dataclasses import dataclass

from app.core.model.pod import Pod

SIGN_SECONDS = 2.0
"""From the last filter of a cycle until a sign of kube-scheduler must have come."""
_MOST = 10_000

_Key = tuple[str, str]


@dataclass(slots=True)
class _Attempt:
    filtered: float
    """Time of the last filter of any Pod of the cycle."""

    vain: int = 0
    """Number of attempts without a sign."""

    doubtful: bool = False
    """Whether kube-scheduler may have given up, without an event that shows it."""


class Attempts:
    """The cycles of kube-scheduler in which Pods got devices; the oldest of many are dropped.

    ``shows_choice``: see ``KubernetesVersion``. Where it is false, a Pod that waits for a volume looks like
    one that was given up, and none is in doubt. Cost: O(1) for each method.
    """

    def __init__(self, *, shows_choice: bool) -> None:
        self._shows_choice = shows_choice
        self._attempts: OrderedDict[_Key, _Attempt] = OrderedDict()

    def filtered(self, pod: Pod, now: float) -> None:
        """The Pod, or another of its group, is given a node."""
        known = self._attempts.setdefault(_key(pod), _Attempt(now))
        known.filtered = now
        self._attempts.move_to_end(_key(pod))
        while len(self._attempts) > _MOST:
            self._attempts.popitem(last=False)

    def doubt(self, pod: Pod) -> bool:
        """kube-scheduler may have given up: that holds for later attempts too. Returns whether it is news."""
        known = self._attempts.get(_key(pod))
        if known is None or known.doubtful or not self._shows_choice:
            return False
        known.doubtful = True
        return True

    def vain(self, pod: Pod) -> bool:
        """An attempt is over without a sign. As ``doubt`` if later ones may be so too.

        For a Pod without a group that takes two: one may be a chance, such as a filter without an answer.
        """
        known = self._attempts.get(_key(pod))
        if known is None:
            return False
        known.vain += 1
        return (bool(pod.group) or known.vain > 1) and self.doubt(pod)

    def end(self, pod: Pod) -> None:
        """kube-scheduler goes on with the Pod, and so has accepted its group."""
        self._attempts.pop(_key(pod), None)

    def seconds_left(self, pod: Pod, now: float) -> float | None:
        """Until a sign must have come; None if kube-scheduler is not known to give such Pods up."""
        known = self._attempts.get(_key(pod))
        return known.filtered + SIGN_SECONDS - now if known is not None and known.doubtful else None


def _key(pod: Pod) -> _Key:
    return pod.meta.namespace, f"group {pod.group}" if pod.group else pod.meta.uid
