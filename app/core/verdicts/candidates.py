"""Selects which fitting nodes filter returns. kube-scheduler scores each returned node, which at
thousands of nodes costs more than everything else. A few of the best are enough; a single node is not
scored at all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import filterfalse
from typing import Literal, Protocol

from app.core.model.pod import Pod
from app.core.placement.preferences import POINT

_FEW = 8
"""Nodes that ``auto`` leaves to kube-scheduler's scores: half as much again as the filter of one."""
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
    """Ranks the nodes of each Pod, of which filter returns ``number``; 0 stands for all.

    The best come first. Among equals the choice is spread evenly over them and moves on from Pod to Pod.
    """

    def __init__(self, number: int | Literal["auto"]) -> None:
        self.number = number
        self._turn = 0

    def number_of(self, pod: Pod, fitting: int) -> int:
        """On how many of the fitting nodes to reserve devices for a Pod: at most half of them.

        The others are for the Pods that kube-scheduler filters before this one is bound. With ``auto`` it is
        one, and a few for a Pod that kube-scheduler prefers nodes for by what is not known here.
        """
        most = (_FEW if pod.unweighed else 1) if self.number == "auto" else self.number
        return min(most, max(1, fitting // 2))

    def ranked(
        self, result: ByScore, liking: Mapping[str, float], load: Callable[[str], float]
    ) -> Iterator[str]:
        """The nodes that fit, the best first, each when the caller takes it.

        Args:
            liking: points beside those for devices, see ``preferences``.
            load: of a node; the least one comes first among a few of those that are equal otherwise.
        Cost: O(fitting nodes) with likings; else O(1) for the first few.
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


def _spread(names: Sequence[str], number: int, turn: int) -> list[str]:
    """``number`` of the names, evenly apart, starting one further with each turn."""
    total = len(names)
    if number >= total:
        return list(names)
    return [names[(turn + index * total // number) % total] for index in range(number)]
