"""Pods that were refused their nominated node, before kube-scheduler filters all nodes for them.

It filters ``status.nominatedNodeName`` first, and all nodes if that one is refused (findNodesThatFitPod and
evaluateNominatedNode in pkg/scheduler/schedule_one.go). Only the answer for all nodes ends the attempt: until
then a refusal must not free, evict or deallocate anything. If no other node passes its own filters, it
requests the same one again.
"""

from collections import OrderedDict
from collections.abc import Sequence

from app.core.model.pod import Pod

_MOST = 10_000


class NominatedLooks:
    """The versions of Pods, by uid, whose next request is about all nodes; the oldest of many are dropped."""

    def __init__(self) -> None:
        self._refused: OrderedDict[str, str] = OrderedDict()

    def is_first(self, pod: Pod, names: Sequence[str]) -> bool:
        """Whether kube-scheduler sends another request, for all nodes, if none of these fits."""
        if len(names) != 1 or names[0] != pod.nominated_node:
            return False
        return self._refused.get(pod.meta.uid) != pod.meta.resource_version

    def refused(self, pod: Pod) -> None:
        """The nominated node was, and another request follows."""
        self._refused[pod.meta.uid] = pod.meta.resource_version
        self._refused.move_to_end(pod.meta.uid)
        while len(self._refused) > _MOST:
            self._refused.popitem(last=False)

    def end(self, pod: Pod) -> None:
        """It was answered for all nodes, or has a node."""
        self._refused.pop(pod.meta.uid, None)
