"""Where the successor of a Pod should go that is about to be evicted: ``repack --apply`` annotates the Pod.

Its controller creates another Pod, under a name that is not known before. By itself it may go back to where
the old one was. Filter names the planned node for it, if it fits there. The annotation gives no right: it
only chooses among nodes where Pods of this workload fit.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.cluster.informers.informer import Event, Replaced, Upserted
from app.core.model.pod import Pod

ANNOTATION = "dra-extender/move-to"
"""On the Pod that is evicted next: the node for its successor."""
_SECONDS = 300.0
_MOST = 1_000


@dataclass(slots=True)
class _PlannedMove:
    owner: str
    node: str
    until: float
    successor: str = ""


class PlannedMoves:
    """One for each annotated Pod, for five minutes.

    Args:
        clock: seconds of a clock that does not go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._moves: OrderedDict[str, _PlannedMove] = OrderedDict()

    def node_for(self, pod: Pod) -> str:
        """The node planned for the Pod as the successor of an evicted one; empty if there is none.

        Each move has one successor: the first Pod of the same controller. Cost: O(moves).
        """
        owner = pod.meta.controller
        if not self._moves or owner is None:
            return ""
        self._forget_old()
        mine = [move for move in self._moves.values() if move.owner == owner.uid]
        uid = pod.meta.uid
        move = next((move for move in mine if move.successor == uid), None)
        if move is None:
            move = next((move for move in mine if not move.successor), None)
        if move is None:
            return ""
        move.successor = uid
        return move.node

    def changed(self, kind: str, event: Event) -> None:
        """Processes an informer's event about a Pod. A Pod that is gone is still waited for."""
        if kind != "Pod":
            return
        if isinstance(event, Replaced):
            for item in event.changed:
                self._look_at(item)
        elif isinstance(event, Upserted):
            self._look_at(event.object)

    def _look_at(self, raw: Mapping[str, Any]) -> None:
        metadata = raw["metadata"]
        node = (metadata.get("annotations") or {}).get(ANNOTATION)
        uid = metadata.get("uid", "")
        known = self._moves.get(uid)
        if not node:
            self._moves.pop(uid, None)
            return
        owners = metadata.get("ownerReferences") or ()
        owner = next((item.get("uid", "") for item in owners if item.get("controller")), "")
        if owner and (known is None or known.node != node):
            self._moves[uid] = _PlannedMove(owner, str(node), self._clock() + _SECONDS)
            if len(self._moves) > _MOST:
                self._moves.popitem(last=False)

    def _forget_old(self) -> None:
        now = self._clock()
        for uid in [uid for uid, move in self._moves.items() if move.until < now]:
            del self._moves[uid]
