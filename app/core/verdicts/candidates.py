"""Selects which fitting nodes filter returns. kube-scheduler scores each returned node, which at
thousands of nodes costs more than everything else. A few of the best are enough; a single node is not
scored at all.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import filterfalse
from typing import Protocol

from app.core.placement.preferences import POINT
from app.core.verdicts.filter_result import FilterResult

_AIM_SECONDS = 2.0
_AIMS = 1024
_COMPARED = 8
"""Equal nodes that are compared by what is free of them: one is far better than none."""


class ByScore(Protocol):
    """Fitting nodes by the points for their devices: a ``FilterResult``, or a copy of one."""

    def scores(self) -> Sequence[int]: ...

    def having(self, score: int) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class CopiedScores:
    """The fitting nodes of a result as they were. Cost: O(fitting nodes)."""

    nodes: Mapping[int, Sequence[str]]

    @classmethod
    def of(cls, result: ByScore) -> "CopiedScores":
        return cls({score: tuple(result.having(score)) for score in result.scores()})

    def scores(self) -> Sequence[int]:
        return tuple(self.nodes)

    def having(self, score: int) -> Sequence[str]:
        return self.nodes[score]


class Candidates:
    """Chooses ``number`` nodes for each Pod; 0 chooses all.

    The best come first. Among equals the choice is spread evenly over them and moves on from Pod to Pod,
    and nodes with another Pod between filter and bind come last: kube-scheduler filters Pod B while it
    binds Pod A, and both would select a node's last device.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._turn = 0
        self._aims: OrderedDict[str, tuple[float, Sequence[str]]] = OrderedDict()
        self._aimed: Counter[str] = Counter()

    def of(self, uid: str, result: FilterResult, now: float) -> Sequence[str]:
        """The names to pass on for a Pod.

        Args:
            uid: of the Pod.
            judged: the nodes; those that do not fit are left out.
            now: seconds of a clock that does not go back.
        Cost: O(number + candidates) a score that is needed, and the cost of ``FilterResult.having``.
        """
        if not self.number:
            return result.fits()
        self._forget(uid, now)
        chosen = self._chosen(result)
        self._turn += 1
        if chosen:
            self._aims[uid] = (now + _AIM_SECONDS, chosen)
            self._aimed.update(chosen)
            if len(self._aims) > _AIMS:
                self.settled(next(iter(self._aims)))
        return chosen

    def ranked(
        self, result: ByScore, liking: Mapping[str, float], load: Callable[[str], float]
    ) -> Iterator[str]:
        """The nodes that fit, the best first, each when the caller takes it.

        Args:
            liking: points beside those for devices, see ``preferences``.
            load: of a node; the least one comes first among a few of those that are equal otherwise.
        Cost: O(fitting nodes) with likings; else as ``of`` for the first one.
        """
        self._turn += 1
        if liking:
            total = {
                name: POINT * score + liking.get(name, 0.0)
                for score in result.scores()
                for name in result.having(score)
            }
            yield from sorted(total, key=lambda name: (-total[name], load(name)))
            return
        for score in result.scores():
            equals = result.having(score)
            few = sorted(_spread(equals, _COMPARED, self._turn), key=load)
            yield from few
            if len(few) < len(equals):
                yield from filterfalse(set(few).__contains__, equals)

    def settled(self, uid: str) -> None:
        """Marks a Pod in bind: from now on the state contains its devices."""
        aim = self._aims.pop(uid, None)
        for name in () if aim is None else aim[1]:
            self._aimed[name] -= 1
            if not self._aimed[name]:
                del self._aimed[name]

    def _chosen(self, result: FilterResult) -> list[str]:
        chosen: list[str] = []
        passed_over: list[Sequence[str]] = []
        for score in result.scores():
            equals = result.having(score)
            left = self.number - len(chosen)
            if left + len(self._aimed) <= len(equals):
                return chosen + _spread(equals, left, self._turn, self._aimed)
            free = [name for name in equals if name not in self._aimed]
            passed_over.append(equals if len(free) < len(equals) else ())
            chosen += _spread(free, left, self._turn)
            if len(chosen) == self.number:
                return chosen
        for equals in passed_over:
            taken = [name for name in equals if name in self._aimed]
            chosen += _spread(taken, self.number - len(chosen), self._turn)
        return chosen

    def _forget(self, uid: str, now: float) -> None:
        """Drops earlier entries of the Pod, and Pods without a bind for long."""
        self.settled(uid)
        while self._aims:
            oldest = next(iter(self._aims))
            if self._aims[oldest][0] > now:
                return
            self.settled(oldest)


def _spread(names: Sequence[str], number: int, turn: int, aimed: Container[str] = ()) -> list[str]:
    """``number`` of the names, evenly apart, starting one further with each turn.

    Args:
        aimed: passed over for the next one; there must be at least ``number`` other names.
    """
    total = len(names)
    if number >= total:
        return list(names)
    chosen: dict[str, None] = {}
    for index in range(number):
        place = turn + index * total // number
        while (name := names[place % total]) in aimed or name in chosen:
            place += 1
        chosen[name] = None
    return list(chosen)
