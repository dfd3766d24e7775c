"""The Pods of each group that runs together or not at all."""

from collections.abc import Collection, Mapping, Sequence

from app.core.model.pod import Pod

PodKey = tuple[str, str]
GroupKey = tuple[str, str]
"""Namespace, and the name of a PodGroup or a label with its value."""


def group_of(pod: Pod, labels: Sequence[str]) -> str:
    """The group of the Pod: its PodGroup, or the first of these labels or annotations that it has."""
    return pod.group or labelled_group(pod.meta.labels, pod.meta.annotations, labels)


def labelled_group(labels: Mapping[str, str], annotations: Mapping[str, str], names: Sequence[str]) -> str:
    """The group of a Pod without a PodGroup: the first of these names that it has a value for; or empty."""
    for name in names:
        value = labels.get(name) or annotations.get(name)
        if value:
            return f"{name}={value}"
    return ""


class GroupMembers:
    """All Pods with a group, with a node or without one.

    Filter looks for the others of a group: among 50,000 Pods, that would take longer than all the rest.
    """

    def __init__(self) -> None:
        self._labels: Sequence[str] = ()
        self._groups: dict[PodKey, GroupKey] = {}
        self._members: dict[GroupKey, dict[PodKey, Pod]] = {}
        self._waiting: dict[GroupKey, dict[PodKey, Pod]] = {}

    def group_by(self, labels: Sequence[str]) -> None:
        """Uses these labels and annotations beside PodGroups. Call it before there are Pods."""
        self._labels = labels

    def put(self, pod: Pod) -> None:
        """Adds a Pod, or replaces it. O(labels)."""
        key, name = pod.meta.key, group_of(pod, self._labels)
        group = (pod.meta.namespace, name) if name else None
        if self._groups.get(key) != group:
            self.drop(key)
        if group is not None:
            self._groups[key] = group
            self._members.setdefault(group, {})[key] = pod
            if pod.waits:
                self._waiting.setdefault(group, {})[key] = pod
            else:
                _drop(self._waiting, group, key)

    def drop(self, key: PodKey) -> None:
        """Removes a Pod, if it is there."""
        group = self._groups.pop(key, None)
        if group is not None:
            _drop(self._members, group, key)
            _drop(self._waiting, group, key)

    def of(self, namespace: str, group: str) -> Collection[Pod]:
        """The Pods of a group. O(1)."""
        return self._members.get((namespace, group), {}).values()

    def waiting(self, namespace: str, group: str) -> Collection[Pod]:
        """Those that have no node yet, and may get one. O(1)."""
        return self._waiting.get((namespace, group), {}).values()


def _drop(groups: dict[GroupKey, dict[PodKey, Pod]], group: GroupKey, key: PodKey) -> None:
    members = groups.get(group, {})
    if members.pop(key, None) is not None and not members:
        del groups[group]
