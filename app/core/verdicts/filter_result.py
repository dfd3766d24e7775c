"""What is said of many nodes at once.

Most of thousands of nodes get one of a few answers, the same object: so what depends on an answer is worked
out once for each of them, and the nodes are gone through by what Python does in C, or not at all.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain, compress, filterfalse

from app.core.verdicts.index import Roll
from app.core.verdicts.node_verdict import Brief


class Judged(ABC):
    """Answers for ``names``. ``counts``: how many nodes each answer is for."""

    names: Sequence[str]

    @property
    @abstractmethod
    def counts(self) -> Mapping[Brief, int]: ...

    @property
    @abstractmethod
    def briefs(self) -> Sequence[Brief]:
        """The answer of each node, in order."""

    @abstractmethod
    def in_order(self, wanted: Collection[Brief]) -> Sequence[str]:
        """The nodes with these answers, in order. O(nodes)."""

    @abstractmethod
    def having(self, score: int) -> Sequence[str]:
        """The nodes that fit and have the score."""

    @abstractmethod
    def told(self, texts: Mapping[Brief, str]) -> dict[str, str]:
        """The text for each node whose answer has one."""

    @cached_property
    def fitting(self) -> int:
        """How many nodes fit. O(answers)."""
        return self.verdicts["fits"]

    @cached_property
    def verdicts(self) -> Counter[str]:
        """How many nodes have each verdict. O(answers)."""
        counts: Counter[str] = Counter()
        for brief, number in self.counts.items():
            counts[brief.verdict] += number
        return counts

    @cached_property
    def reasons(self) -> Counter[str]:
        """How many nodes were refused for each code, by the first of their reasons. O(answers)."""
        counts: Counter[str] = Counter()
        for brief, number in self.counts.items():
            if brief.reason:
                counts[brief.reason] += number
        return counts

    def scores(self) -> list[int]:
        """The scores of those that fit, the best first. O(answers)."""
        found = {brief.score for brief in self.counts if brief.verdict == "fits"}
        return sorted(found, reverse=True)

    def fits(self) -> Sequence[str]:
        """The nodes that fit, in order. O(nodes), less if that is all."""
        wanted = {brief for brief in self.counts if brief.verdict == "fits"}
        return self.names if len(wanted) == len(self.counts) else self.in_order(wanted)

    def refused(self, *, curable: bool) -> dict[str, str]:
        """The nodes that do not fit, with the reason. O(nodes), less if all fit."""
        texts = {
            brief: brief.message
            for brief in self.counts
            if brief.verdict != "fits" and brief.curable == curable
        }
        return self.told(texts) if texts else {}

    def refusals(self) -> Counter[str]:
        """How many nodes each reason is for. O(answers)."""
        counts: Counter[str] = Counter()
        for brief, number in self.counts.items():
            if brief.verdict != "fits":
                counts[brief.message] += number
        return counts

    def points(self) -> Iterable[int]:
        """The score of each node, in order; 0 for one that does not fit. O(nodes)."""
        scores = {brief: brief.score if brief.verdict == "fits" else 0 for brief in self.counts}
        return map(scores.__getitem__, self.briefs)


class Columns(Judged):
    """The names and their answers, side by side."""

    def __init__(
        self, names: Sequence[str], briefs: Sequence[Brief], counts: Mapping[Brief, int] | None = None
    ) -> None:
        self.names = names
        self._briefs = briefs
        self._counts = Counter(briefs) if counts is None else counts

    @property
    def counts(self) -> Mapping[Brief, int]:
        return self._counts

    @property
    def briefs(self) -> Sequence[Brief]:
        return self._briefs

    def in_order(self, wanted: Collection[Brief]) -> Sequence[str]:
        return list(compress(self.names, map(wanted.__contains__, self._briefs)))

    def having(self, score: int) -> Sequence[str]:
        wanted = {brief for brief in self._counts if brief.verdict == "fits" and brief.score == score}
        return self.names if len(wanted) == len(self._counts) else self.in_order(wanted)

    def told(self, texts: Mapping[Brief, str]) -> dict[str, str]:
        # They are few among many, or nearly all: either way most of it is done in C.
        among = list(map(texts.__contains__, self._briefs))
        found = map(texts.__getitem__, compress(self._briefs, among))
        return dict(zip(compress(self.names, among), found, strict=True))


class Enrolled(Judged):
    """All nodes of a roll, which must not change meanwhile: little of what is asked goes through them."""

    def __init__(self, names: Sequence[str], roll: Roll) -> None:
        self.names = names
        self._roll = roll

    @cached_property
    def counts(self) -> Mapping[Brief, int]:
        return self._roll.counts()

    @property
    def briefs(self) -> Sequence[Brief]:
        return [brief for name in self.names if (brief := self._roll.get(name)) is not None]

    def in_order(self, wanted: Collection[Brief]) -> Sequence[str]:
        others = set(chain.from_iterable(map(self._roll.members, self.counts.keys() - wanted)))
        return list(filterfalse(others.__contains__, self.names))

    def having(self, score: int) -> Sequence[str]:
        wanted = [brief for brief in self.counts if brief.verdict == "fits" and brief.score == score]
        if len(wanted) == 1:
            return self._roll.members(wanted[0])
        return list(chain.from_iterable(map(self._roll.members, wanted)))

    def told(self, texts: Mapping[Brief, str]) -> dict[str, str]:
        return {name: text for brief, text in texts.items() for name in self._roll.members(brief)}
