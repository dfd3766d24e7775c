"""The Pods that kube-scheduler has nominated a node for, by node: it counts them there for Pods of lower
priority."""

from collections.abc import Iterator

from app.core.model.pod import Pod

PodKey = tuple[str, str]


class Nominees:
    """Pods without a node that have ``status.nominatedNodeName``."""

    def __init__(self) -> None:
        self._nodes: dict[PodKey, str] = {}
        self._pods: dict[str, dict[PodKey, Pod]] = {}

    def fork(self) -> "Nominees":
        """An independent copy. Cost: O(such Pods)."""
        other = Nominees()
        other._nodes = dict(self._nodes)
        other._pods = {node: dict(pods) for node, pods in self._pods.items()}
        return other

    def node_of(self, key: PodKey) -> str:
        """The node of a Pod, if it waits for one. O(1)."""
        return self._nodes.get(key, "")

    def put(self, pod: Pod) -> None:
        """Adds a Pod that waits for its nominated node; any other is removed."""
        key, node = pod.meta.key, pod.nominated_node
        if self._nodes:
            self.drop(key)
        if node and not (pod.node_name or pod.finished or pod.meta.deleted):
            self._nodes[key] = node
            self._pods.setdefault(node, {})[key] = pod

    def drop(self, key: PodKey) -> None:
        """Removes a Pod, if it is there."""
        node = self._nodes.pop(key, None)
        if node is not None:
            del self._pods[node][key]
            if not self._pods[node]:
                del self._pods[node]

    def before(self, pod: Pod, node: str) -> Iterator[Pod]:
        """The Pods that come before a Pod on a node: those of at least its priority. O(Pods nominated
        there)."""
        for other in self._pods.get(node, {}).values():
            if other.priority >= pod.priority and other.meta.uid != pod.meta.uid:
                yield other
