"""Which of the nodes that fit are passed on, if not all of them.

kube-scheduler scores every node that filter leaves, which at thousands of nodes costs it more than
everything else. A few of the best are choice enough; one node is not scored at all.
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import filterfalse

from app.core.placement.judged import Judged

_AIM_SECONDS = 2.0
_AIMS = 1024


class Candidates:
    """Chooses ``number`` nodes for each Pod; 0 chooses all.

    The best come first. Among equals the choice is spread evenly over them and moves on from Pod to
    Pod, and nodes that another Pod was sent to which has not come to be bound yet come last: kube-scheduler
    filters Pod B while it binds Pod A, and a node's last device would be aimed at twice.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._turn = 0
        self._aims: OrderedDict[str, tuple[float, tuple[str, ...]]] = OrderedDict()

    def of(self, uid: str, judged: Judged, now: float) -> Sequence[str]:
        """The names to pass on for a Pod.

        Args:
            uid: of the Pod.
            judged: the nodes; those that do not fit are left out.
            now: seconds of a clock that does not go back.
        Cost: O(nodes) for each score that is needed.
        """
        if not self.number:
            return judged.fits()
        self._forget(uid, now)
        aimed = {name for _, names in self._aims.values() for name in names}
        chosen: list[str] = []
        passed_over: list[Sequence[str]] = []
        for score in judged.scores():
            equals = judged.fits(score)
            free = list(filterfalse(aimed.__contains__, equals)) if aimed else equals
            passed_over.append(equals if len(free) < len(equals) else ())
            chosen += _spread(free, self.number - len(chosen), self._turn)
            if len(chosen) == self.number:
                break
        else:
            for equals in passed_over:
                taken = list(filter(aimed.__contains__, equals))
                chosen += _spread(taken, self.number - len(chosen), self._turn)
        self._turn += 1
        if chosen:
            self._aims[uid] = (now + _AIM_SECONDS, tuple(chosen))
            if len(self._aims) > _AIMS:
                self._aims.popitem(last=False)
        return chosen

    def settled(self, uid: str) -> None:
        """The Pod has come to be bound: from now on the state says what it takes."""
        self._aims.pop(uid, None)

    def _forget(self, uid: str, now: float) -> None:
        """Drops what was said of the Pod before, and Pods that have not come for long."""
        self._aims.pop(uid, None)
        while self._aims:
            oldest = next(iter(self._aims))
            if self._aims[oldest][0] > now:
                return
            del self._aims[oldest]


def _spread(names: Sequence[str], number: int, turn: int) -> list[str]:
    """``number`` of the names, evenly apart, starting one further with each turn."""
    total = len(names)
    if number >= total:
        return list(names)
    return [names[(turn + index * total // number) % total] for index in range(number)]
