"""The verdicts of many nodes at once.

Most of thousands of nodes get one of a few answers, the same object: so what depends on an answer is worked
out once for each of them, and the nodes are gone through by what Python does in C, or not at all.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain, compress, filterfalse

from app.core.verdicts.index import VerdictIndex
from app.core.verdicts.node_verdict import NodeVerdict


class FilterResult(ABC):
    """Answers for ``names``. ``counts``: how many nodes each answer is for."""

    names: Sequence[str]

    @property
    @abstractmethod
    def counts(self) -> Mapping[NodeVerdict, int]: ...

    @property
    @abstractmethod
    def by_node(self) -> Sequence[NodeVerdict]:
        """The answer of each node, in order."""

    @abstractmethod
    def in_order(self, chosen: Collection[NodeVerdict]) -> Sequence[str]:
        """The nodes with these answers, in order. O(nodes)."""

    @abstractmethod
    def having(self, score: int) -> Sequence[str]:
        """The nodes that fit and have the score."""

    @abstractmethod
    def texts_by_node(self, texts: Mapping[NodeVerdict, str]) -> dict[str, str]:
        """The text for each node whose answer has one."""

    @cached_property
    def fitting(self) -> int:
        """How many nodes fit. O(answers)."""
        return self.verdicts["fits"]

    @cached_property
    def verdicts(self) -> Counter[str]:
        """How many nodes have each verdict. O(answers)."""
        counts: Counter[str] = Counter()
        for verdict, number in self.counts.items():
            counts[verdict.verdict] += number
        return counts

    @cached_property
    def reasons(self) -> Counter[str]:
        """How many nodes were refused for each code, by the first of their reasons. O(answers)."""
        counts: Counter[str] = Counter()
        for verdict, number in self.counts.items():
            if verdict.reason:
                counts[verdict.reason] += number
        return counts

    def scores(self) -> list[int]:
        """The scores of those that fit, the best first. O(answers)."""
        found = {verdict.score for verdict in self.counts if verdict.verdict == "fits"}
        return sorted(found, reverse=True)

    def fits(self) -> Sequence[str]:
        """The nodes that fit, in order. O(nodes), less if that is all."""
        chosen = {verdict for verdict in self.counts if verdict.verdict == "fits"}
        return self.names if len(chosen) == len(self.counts) else self.in_order(chosen)

    def refused(self, *, curable: bool) -> dict[str, str]:
        """The nodes that do not fit, with the reason. O(nodes), less if all fit."""
        texts = {
            verdict: verdict.message
            for verdict in self.counts
            if verdict.verdict != "fits" and verdict.curable == curable
        }
        return self.texts_by_node(texts) if texts else {}

    def refused_with(self, reason: str) -> Sequence[str]:
        """The nodes whose refusal has this first reason. O(nodes), less if there is none."""
        chosen = {verdict for verdict in self.counts if verdict.reason == reason}
        return self.in_order(chosen) if chosen else ()

    def refused_for(self, reasons: Container[str]) -> dict[str, str]:
        """The nodes whose refusal has such a first reason, and is curable else. O(nodes), less if none is."""
        texts = {
            verdict: verdict.message
            for verdict in self.counts
            if verdict.verdict != "fits" and verdict.curable and verdict.reason in reasons
        }
        return self.texts_by_node(texts) if texts else {}

    def refusals(self) -> Counter[str]:
        """How many nodes each reason is for. O(answers)."""
        counts: Counter[str] = Counter()
        for verdict, number in self.counts.items():
            if verdict.verdict != "fits":
                counts[verdict.message] += number
        return counts

    def points(self) -> Iterable[int]:
        """The score of each node, in order; 0 for one that does not fit. O(nodes)."""
        scores = {verdict: verdict.score if verdict.verdict == "fits" else 0 for verdict in self.counts}
        return map(scores.__getitem__, self.by_node)


class ListedResult(FilterResult):
    """The names and their answers, side by side."""

    def __init__(
        self,
        names: Sequence[str],
        verdicts: Sequence[NodeVerdict],
        counts: Mapping[NodeVerdict, int] | None = None,
    ) -> None:
        self.names = names
        self._briefs = verdicts
        self._counts = Counter(verdicts) if counts is None else counts

    @property
    def counts(self) -> Mapping[NodeVerdict, int]:
        return self._counts

    @property
    def by_node(self) -> Sequence[NodeVerdict]:
        return self._briefs

    def in_order(self, chosen: Collection[NodeVerdict]) -> Sequence[str]:
        return list(compress(self.names, map(chosen.__contains__, self._briefs)))

    def having(self, score: int) -> Sequence[str]:
        chosen = {verdict for verdict in self._counts if verdict.verdict == "fits" and verdict.score == score}
        return self.names if len(chosen) == len(self._counts) else self.in_order(chosen)

    def texts_by_node(self, texts: Mapping[NodeVerdict, str]) -> dict[str, str]:
        # They are few among many, or nearly all: either way most of it is done in C.
        among = list(map(texts.__contains__, self._briefs))
        found = map(texts.__getitem__, compress(self._briefs, among))
        return dict(zip(compress(self.names, among), found, strict=True))


class IndexedResult(FilterResult):
    """All nodes of a roll, which must not change meanwhile: few operations go through all of them."""

    def __init__(self, names: Sequence[str], index: VerdictIndex) -> None:
        self.names = names
        self._roll = index

    @cached_property
    def counts(self) -> Mapping[NodeVerdict, int]:
        return self._roll.counts()

    @property
    def by_node(self) -> Sequence[NodeVerdict]:
        return [verdict for name in self.names if (verdict := self._roll.get(name)) is not None]

    def in_order(self, chosen: Collection[NodeVerdict]) -> Sequence[str]:
        if not chosen:
            return []
        others = set(chain.from_iterable(map(self._roll.members, self.counts.keys() - chosen)))
        return list(filterfalse(others.__contains__, self.names))

    def having(self, score: int) -> Sequence[str]:
        chosen = [verdict for verdict in self.counts if verdict.verdict == "fits" and verdict.score == score]
        if len(chosen) == 1:
            return self._roll.members(chosen[0])
        return list(chain.from_iterable(map(self._roll.members, chosen)))

    def texts_by_node(self, texts: Mapping[NodeVerdict, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for verdict, text in texts.items():
            found |= dict.fromkeys(self._roll.members(verdict), text)
        return found
