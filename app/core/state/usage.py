"""The resources of nodes that Pods use: for the check of a dry run, and for devices that take some."""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from app.core.model.pod import Pod
from app.core.model.pod_demand import demand_of
from app.core.pauses import FEW, paced

PodKey = tuple[str, str]

NOTHING: Mapping[str, int] = MappingProxyType({})


class Usage:
    """Sums of requests by node, in nano units by resource name, with ``pods`` counted as a resource.

    A Pod counts from the moment it has a node until it has run to its end. Adding and removing cost
    O(resources a Pod names). ``with_amounts`` counts the Pods with devices that take something of their
    node, by node.
    """

    def __init__(self) -> None:
        self._pods: dict[PodKey, tuple[str, Mapping[str, int], int]] = {}
        self._nodes: dict[str, Mapping[str, int]] = {}
        self._takers: dict[PodKey, str] = {}
        self.with_amounts: Counter[str] = Counter()
        self._by_container = False

    def fork(self) -> "Usage":
        """A copy that can be changed without this one noticing."""
        other = Usage()
        other._pods = dict(self._pods)
        other._nodes = dict(self._nodes)
        other._takers = dict(self._takers)
        other.with_amounts = self.with_amounts.copy()
        other._by_container = self._by_container
        return other

    def count_overhead(self, *, by_container: bool) -> None:
        """How the overhead of devices counts for Pods from now on: see ``demand_of``."""
        self._by_container = by_container

    def put(self, pod: Pod) -> str:
        """Adds or updates a Pod. Returns the node that has more room now, if any."""
        before = self._pods.get(pod.meta.key)
        left = self.drop(pod.meta.key)
        if not pod.node_name or pod.finished:
            return left
        requests = requests_of(pod, by_container=self._by_container)
        if pod.amounts:
            self._takers[pod.meta.key] = pod.node_name
            self.with_amounts[pod.node_name] += 1
        self._pods[pod.meta.key] = (pod.node_name, requests, pod.priority)
        self._change(pod.node_name, requests, 1)
        if before is None or (before[0] == pod.node_name and not _is_less(requests, before[1])):
            return ""
        return left

    def drop(self, key: PodKey) -> str:
        """Removes a Pod, if it is counted. Returns its node then."""
        counted = self._pods.pop(key, None)
        if counted is not None:
            self._change(counted[0], counted[1], -1)
        node = self._takers.pop(key, None) if self._takers else None
        if node is not None:
            self.with_amounts[node] -= 1
            if not self.with_amounts[node]:
                del self.with_amounts[node]
        return "" if counted is None else counted[0]

    def from_priority(self, priority: int) -> "Usage | None":
        """A copy without the Pods of lower priority, which may be evicted. None if there are none.

        Cost: O(Pods), with pauses.
        """
        lower = [key for key, (*_, known) in paced(self._pods.items()) if known < priority]
        if not lower:
            return None
        other = self.fork()
        for key in paced(lower, FEW):
            other.drop(key)
        return other

    def node_of(self, key: PodKey) -> str:
        """The node of a Pod that is counted; empty for any other."""
        counted = self._pods.get(key)
        return "" if counted is None else counted[0]

    def __contains__(self, key: PodKey) -> bool:
        """Whether a Pod is counted."""
        return key in self._pods

    def keys(self) -> set[PodKey]:
        """The Pods that are counted."""
        return set(self._pods)

    def of(self, node: str) -> Mapping[str, int]:
        """The used resources of a node."""
        return self._nodes.get(node, NOTHING)

    def _change(self, node: str, requests: Mapping[str, int], sign: int) -> None:
        total = dict(self._nodes.get(node, NOTHING))
        for name, nanos in requests.items():
            left = total.get(name, 0) + sign * nanos
            if left:
                total[name] = left
            else:  # Pods may name resources of any number that no other Pod names
                total.pop(name, None)
        if total:
            self._nodes[node] = total
        else:
            self._nodes.pop(node, None)


def _is_less(requests: Mapping[str, int], before: Mapping[str, int]) -> bool:
    """Whether less of any resource is requested than before."""
    return requests != before and any(requests.get(name, 0) < nanos for name, nanos in before.items())


def requests_of(pod: Pod, *, by_container: bool = False) -> dict[str, int]:
    """The resources of a Pod, itself counted as one of the node's ``pods``.

    With what its devices take, as far as its status shows it: see ``demand_of``.
    """
    return {"pods": 10**9} | counted(demand_of(pod, pod.amounts, by_container=by_container))


def counted(demand: Mapping[str, int]) -> dict[str, int]:
    """What a Pod takes, as kube-scheduler counts it: see ``rounded``."""
    return {name: rounded(name, nanos) for name, nanos in demand.items()}


def rounded(name: str, nanos: int) -> int:
    """An amount as kube-scheduler counts it: whole milli units of CPU, and whole units of the rest."""
    unit = 10**6 if name == "cpu" else 10**9
    return -(-nanos // unit) * unit
