"""The Pods on nodes by their labels, for the scores that depend on other Pods."""

from collections import Counter
from collections.abc import Iterable

from app.core.model.label_selector import LabelSelector
from app.core.model.pod import Pod
from app.core.pauses import paced

PodKey = tuple[str, str]
_AT_ONCE = 4
"""Different labels between two pauses: Pods with each may be on all nodes, and have a thousand labels."""
_Labels = frozenset[tuple[str, str]]


class Residents:
    """Counts Pods by namespace, labels and node. Most Pods of a workload have the same labels."""

    def __init__(self) -> None:
        self._pods: dict[PodKey, tuple[_Labels, str]] = {}
        self._counts: dict[str, dict[_Labels, Counter[str]]] = {}

    def put(self, pod: Pod, planned: str = "") -> None:
        """Adds a Pod that has a node and is neither done nor being deleted; any other is removed.

        ``planned``: the node that it will have.
        """
        self.drop(pod.meta.key)
        node = planned or pod.node_name
        if not node or pod.finished or pod.meta.deleted is not None:
            return
        labels = frozenset(pod.meta.labels.items())
        self._pods[pod.meta.key] = (labels, node)
        alike = self._counts.setdefault(pod.meta.namespace, {}).setdefault(labels, Counter())
        alike[node] += 1

    def drop(self, key: PodKey) -> None:
        """Removes a Pod, if it is counted."""
        found = self._pods.pop(key, None)
        if found is None:
            return
        labels, node = found
        by_labels = self._counts[key[0]]
        by_labels[labels][node] -= 1
        if not by_labels[labels][node]:
            del by_labels[labels][node]
        if not by_labels[labels]:
            del by_labels[labels]
        if not by_labels:
            del self._counts[key[0]]

    def matching(self, selector: LabelSelector | None, namespaces: Iterable[str] | None) -> Counter[str]:
        """The number of selected Pods on each node that has any; ``namespaces`` is None for all.

        Cost: O(different labels in the namespaces, and nodes with such Pods), with pauses.
        """
        total: Counter[str] = Counter()
        if selector is None:
            return total
        for namespace in list(self._counts if namespaces is None else dict.fromkeys(namespaces)):
            # Other tasks may change the counts at a pause.
            for labels, nodes in paced(list(self._counts.get(namespace, {}).items()), _AT_ONCE):
                if selector.matches(dict(labels)):
                    total.update(nodes)
        return total
