"""What is said of many nodes at once, in columns.

Most of thousands of nodes get one of a few answers, the same object: so what depends on an answer is worked
out once for each of them, and the nodes are gone through by what Python does in C.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress

from app.core.placement.memo import Brief


@dataclass(frozen=True)
class Judged:
    """``briefs`` are the answers for ``names``, in the same order.

    ``counts``: how many nodes each answer is for, where that is known.
    """

    names: Sequence[str]
    briefs: Sequence[Brief]
    counts: Mapping[Brief, int] | None = None

    @cached_property
    def _counts(self) -> Mapping[Brief, int]:
        """How many nodes each answer is for. O(nodes) where it is not known."""
        return Counter(self.briefs) if self.counts is None else self.counts

    @cached_property
    def fitting(self) -> int:
        """How many nodes fit. O(answers)."""
        return self.verdicts["fits"]

    @cached_property
    def verdicts(self) -> Counter[str]:
        """How many nodes have each verdict. O(answers)."""
        counts: Counter[str] = Counter()
        for brief, number in self._counts.items():
            counts[brief.verdict] += number
        return counts

    @cached_property
    def reasons(self) -> Counter[str]:
        """How many nodes were refused for each code, by the first of their reasons. O(answers)."""
        counts: Counter[str] = Counter()
        for brief, number in self._counts.items():
            if brief.reason:
                counts[brief.reason] += number
        return counts

    def scores(self) -> list[int]:
        """The scores of those that fit, the best first. O(answers)."""
        found = {brief.score for brief in self._counts if brief.verdict == "fits"}
        return sorted(found, reverse=True)

    def fits(self, score: int | None = None) -> Sequence[str]:
        """The nodes that fit, in order; with ``score``, those that have it. O(nodes), less if that is all."""
        wanted = {brief for brief in self._counts if brief.verdict == "fits" and score in (None, brief.score)}
        if len(wanted) == len(self._counts):
            return self.names
        return list(compress(self.names, map(wanted.__contains__, self.briefs)))

    def refused(self, *, curable: bool) -> dict[str, str]:
        """The nodes that do not fit, with the reason. O(nodes), less if all fit."""
        texts = {
            brief: brief.message
            for brief in self._counts
            if brief.verdict != "fits" and brief.curable == curable
        }
        if not texts:
            return {}
        # They are few among many, or nearly all: either way most of it is done in C.
        among = list(map(texts.__contains__, self.briefs))
        found = map(texts.__getitem__, compress(self.briefs, among))
        return dict(zip(compress(self.names, among), found, strict=True))

    def refusals(self) -> Counter[str]:
        """How many nodes each reason is for. O(answers)."""
        counts: Counter[str] = Counter()
        for brief, number in self._counts.items():
            if brief.verdict != "fits":
                counts[brief.message] += number
        return counts

    def points(self) -> Iterable[int]:
        """The score of each node, in order; 0 for one that does not fit. O(nodes)."""
        scores = {brief: brief.score if brief.verdict == "fits" else 0 for brief in self._counts}
        return map(scores.__getitem__, self.briefs)
