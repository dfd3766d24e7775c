"""The Pods of each group that filter has refused since the group was last planned."""

from collections import OrderedDict

from app.core.state.group_members import GroupKey

_MOST = 10_000


class GangAttempts:
    """Remembers uids by group; of many groups the ones refused longest ago are dropped."""

    def __init__(self) -> None:
        self._refused: OrderedDict[GroupKey, set[str]] = OrderedDict()

    def refused(self, group: GroupKey, uid: str) -> set[str]:
        """Adds a Pod, and returns those of its group."""
        found = self._refused.setdefault(group, set())
        found.add(uid)
        self._refused.move_to_end(group)
        while len(self._refused) > _MOST:
            self._refused.popitem(last=False)
        return found

    def tried_again(self, group: GroupKey, uid: str) -> None:
        """The Pod is filtered again: its last refusal does not count any more."""
        if group in self._refused:
            self._refused[group].discard(uid)

    def end(self, group: GroupKey) -> None:
        """The group is planned, or given up."""
        self._refused.pop(group, None)
