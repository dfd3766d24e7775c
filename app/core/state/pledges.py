"""What Pods take of nodes before an event shows them there.

Only with devices that take CPU or memory of their node: kube-scheduler does not know of these amounts until
its watch shows them in the Pod's status, so they are counted here, and beside them all other Pods that it may
have placed meanwhile.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

_KEPT = 16
"""Pledges that are remembered after their end: each may have thousands of nodes. A filter takes as long as
some binds."""


@dataclass(frozen=True, slots=True)
class Pledge:
    """What a Pod takes, in nano units by resource, on the one of ``nodes`` that it will get.

    ``firm``: it has that node. ``by_devices``: some of it is what its devices take.
    """

    nodes: frozenset[str]
    demand: Mapping[str, int]
    firm: bool = False
    by_devices: bool = False


class Pledges:
    """The pledges, by the UID of the Pod, and the nodes to ``watch``.

    On watched nodes kube-scheduler may count too little: devices of a Pod take something there that it does
    not know of, or has not known for long. ``blocked`` are nodes that were refused because of pledges, while
    a Pod waits that was refused for that. ``position`` counts the pledges that have ended.
    """

    def __init__(self) -> None:
        self._firm: dict[str, dict[str, Pledge]] = {}
        self._open: dict[str, Pledge] = {}
        self._all: dict[str, Pledge] = {}
        self._watched: dict[str, set[str]] = {}
        self.blocked: set[str] = set()
        self._waiting: set[str] = set()
        self.position = 0
        self._ended: deque[tuple[str, Pledge, frozenset[str]]] = deque(maxlen=_KEPT)

    def fork(self) -> "Pledges":
        """An independent copy. Cost: O(pledges)."""
        other = Pledges()
        other._firm = {node: dict(found) for node, found in self._firm.items()}
        other._open = dict(self._open)
        other._all = dict(self._all)
        other._watched = {node: set(users) for node, users in self._watched.items()}
        return other

    def __len__(self) -> int:
        return len(self._all)

    def of(self, uid: str) -> Pledge | None:
        """The pledge of a Pod."""
        return self._all.get(uid)

    def put(self, uid: str, pledge: Pledge) -> None:
        """Adds a pledge, or replaces that of the Pod. O(nodes) for a firm one, O(1) for another."""
        self.drop(uid)
        self._all[uid] = pledge
        if not pledge.firm:
            self._open[uid] = pledge
            return
        for node in pledge.nodes:
            self._firm.setdefault(node, {})[uid] = pledge
            if pledge.by_devices:
                self.watch(node, uid)

    def drop(self, uid: str) -> Pledge | None:
        """Removes the pledge of a Pod, if there is one. Its nodes are not watched for it any more."""
        found = self._all.pop(uid, None)
        if found is None:
            return None
        self._open.pop(uid, None)
        for node in found.nodes if found.firm else ():
            self.unwatch(node, uid)
            del self._firm[node][uid]
            if not self._firm[node]:
                del self._firm[node]
        return found

    @property
    def watched(self) -> Mapping[str, object]:
        """The nodes to watch."""
        return self._watched

    def watch(self, node: str, why: str) -> None:
        """Watches a node, until ``unwatch`` with the same reason."""
        self._watched.setdefault(node, set()).add(why)

    def unwatch(self, node: str, why: str) -> None:
        """Ends ``watch``."""
        users = self._watched.get(node, set())
        users.discard(why)
        if not users:
            self._watched.pop(node, None)

    def firm_on(self, node: str, without: str) -> dict[str, int]:
        """What Pods that have the node take of it, but the Pod ``without``. O(such Pods)."""
        return _sum(item for uid, item in self._firm.get(node, {}).items() if uid != without)

    def open_on(self, node: str, without: str) -> dict[str, int]:
        """What Pods take at most that may get the node, but the Pod ``without``. O(open pledges)."""
        return _sum(item for uid, item in self._open.items() if uid != without and node in item.nodes)

    def block(self, uid: str, nodes: Iterable[str]) -> None:
        """The Pod had no room on these nodes because of pledges, and waits for one of them to end. O(nodes).

        It does not wait any more without nodes.
        """
        found = set(nodes) if self._all else None
        if found:
            self._waiting.add(uid)
            self.blocked |= found
        else:
            self._waiting.discard(uid)
            if not self._waiting:
                self.blocked.clear()

    def ended(self, uid: str, before: Pledge, kept: frozenset[str] = frozenset()) -> frozenset[str]:
        """The nodes that are blocked, and may not be now that a pledge has ended, but on those ``kept``."""
        self.position += 1
        self._ended.append((uid, before, kept))
        found = frozenset(before.nodes & self.blocked) - kept
        if not self._all:
            self.blocked.clear()
            self._waiting.clear()
            self._ended.clear()
        return found

    def freed_since(self, position: int, nodes: Collection[str], without: str) -> set[str]:
        """Those of the nodes where pledges have ended since, other than of the Pod ``without``.

        All of them if too many have. O(nodes) for each that has.
        """
        number = self.position - position
        if number > len(self._ended):
            return set(nodes)
        found = set[str]()
        for uid, before, kept in list(self._ended)[len(self._ended) - number :]:
            if uid != without:
                found |= before.nodes.intersection(nodes) - kept
        return found


def _sum(pledges: Iterable[Pledge]) -> dict[str, int]:
    total: dict[str, int] = {}
    for pledge in pledges:
        for name, nanos in pledge.demand.items():
            total[name] = total.get(name, 0) + nanos
    return total
