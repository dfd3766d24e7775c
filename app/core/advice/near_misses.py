"""Finds the smallest changes after which a Pod would fit, each verified by an evaluation with the change.

A search by levels: single changes first, then two, then three at once, since one reason may hide another.
It ends at the first level with a result.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.core.advice.change import Change
from app.core.advice.hypothesis import Hypothesis
from app.core.advice.remedies import free, remedies
from app.core.pauses import paced, paced_if_many
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation

MAX_QUESTIONS = 200
"""Maximum number of searches of one node for all near misses of a Pod."""
MAX_NODES = 12
"""Maximum number of kinds of refusals to examine; and nodes to try if the misfit is the same on all."""
_MAX_CHANGES = 3
_MAX_SHOWN = 6
_MAX_MINIMISED = 24
_GRADUAL = ("FewerDevices", "LowerCapacity")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A minimal set of changes after which the Pod fits on the node."""

    changes: tuple[Change, ...]
    node: str

    @property
    def text(self) -> str:
        """Like ``if claim ml/train were released, with a toleration for ecc:NoSchedule (node worker-1)``."""
        return f"{' and '.join(change.text for change in self.changes)} (node {self.node})"

    @property
    def weight(self) -> int:
        """The sort key of near misses: the lightest first."""
        return sum(change.weight for change in self.changes)


def near_misses(hypothesis: Hypothesis, answers: Sequence[NodeResult]) -> tuple[NearMiss, ...]:
    """The near misses of a Pod that fits nowhere.

    Args:
        hypothesis: is not changed.
        answers: verdicts of all nodes, with their reasons (``PodEvaluation.explained``).
    Cost: at most ``MAX_QUESTIONS`` searches of one node, with a copy of the state each.
    """
    return _Hunt(hypothesis).run(answers)


_Tried = tuple[NodeResult, tuple[Change, ...]]


class _Hunt:
    def __init__(self, hypothesis: Hypothesis) -> None:
        self._scene = hypothesis
        self._left = MAX_QUESTIONS

    def run(self, answers: Sequence[NodeResult]) -> tuple[NearMiss, ...]:
        level: list[_Tried] = [(answer, ()) for answer in _representatives(answers)]
        tried: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        found: list[NearMiss] = []
        for _ in range(_MAX_CHANGES):
            following: list[_Tried] = []
            for answer, before in level:
                made = self._changed(before)
                met: set[tuple[object, ...]] = set()
                for change in remedies(made, answer.node, answer.reasons):
                    if _kind(change) in met or (
                        _is_many(change) and any(kind[0] == change.code for kind in met)
                    ):
                        continue
                    changes = (*before, change)
                    together = (answer.node, frozenset((item.code, item.text) for item in changes))
                    if together in tried:
                        continue  # the same changes in another order
                    tried.add(together)
                    new = self._ask(changes, answer.node)
                    if new is None:
                        return _ranked(found)
                    if new.verdict == "fits":
                        met.add(_kind(change))
                        found.append(NearMiss(self._minimal(changes, answer.node), answer.node))
                    elif _codes(new) != _codes(answer):
                        following.append((new, changes))
            if found:
                return _ranked(found)
            level = sorted(following, key=lambda item: sum(change.weight for change in item[1]))
        return ()

    def _ask(self, changes: Iterable[Change], node: str) -> NodeResult | None:
        """The verdict of the node after the changes; None: too many evaluations."""
        if self._left <= 0:
            return None
        self._left -= 1
        hypothesis = self._changed(changes)
        evaluation = PodEvaluation(hypothesis.state, hypothesis.pod, hypothesis.rules)
        answer = evaluation.answer(node)
        return evaluation.explained(answer)

    def _changed(self, changes: Iterable[Change]) -> Hypothesis:
        hypothesis = self._scene.fork()
        for change in changes:
            change.apply(hypothesis)
        return hypothesis

    def _minimal(self, changes: tuple[Change, ...], node: str) -> tuple[Change, ...]:
        """The same without the claims that need not be released: tries to keep each in turn."""
        *others, last = changes
        claims = last.data.get("claims")
        if last.code != "FreeDevices" or not isinstance(claims, list) or len(claims) == 1:
            return changes
        kept = list(claims)
        for claim in reversed(claims[:_MAX_MINIMISED]):
            rest = [other for other in kept if other != claim]
            if not rest:
                break
            answer = self._ask((*others, free(rest, 0)), node)
            if answer is not None and answer.verdict == "fits":
                kept = rest
        return (*others, free(kept, 30 + 10 * len(kept)))


def _representatives(answers: Sequence[NodeResult]) -> list[NodeResult]:
    """One node for each kind of misfit; more if all have the same, since the remedy may differ."""
    kinds: dict[object, NodeResult] = {}
    for answer in paced(answers, 32):
        if answer.verdict != "fits":
            reasons = tuple(
                (reason.code, reason.claim, reason.request, tuple(sorted(reason.counts.items())))
                for reason in paced_if_many(answer.reasons)
            )
            kinds.setdefault(reasons, answer)
    chosen = list(kinds.values())[:MAX_NODES]
    if len(chosen) < MAX_NODES:
        names = {answer.node for answer in chosen}
        others = [item for item in answers if item.verdict != "fits" and item.node not in names]
        chosen += others[: MAX_NODES - len(chosen)]
    return chosen


def _kind(change: Change) -> tuple[object, ...]:
    """Equal for changes of which only the first that helps is needed.

    They are ordered: two devices fewer before three, half of the memory before a quarter.
    """
    if change.code in _GRADUAL:
        return change.code, change.data["claim"], change.data["request"]
    return change.code, change.text


def _is_many(change: Change) -> bool:
    claims = change.data.get("claims")
    return isinstance(claims, list) and len(claims) > 1


def _codes(answer: NodeResult) -> set[tuple[object, ...]]:
    """Requests of several claims may have one name. A capacity that has another name is another cause than
    one that is too small.
    """
    return {
        (
            reason.code,
            reason.claim,
            reason.request,
            tuple(item.best is None for item in reason.evidence.capacities),
        )
        for reason in answer.reasons
    }


def _ranked(found: Iterable[NearMiss]) -> tuple[NearMiss, ...]:
    """Each change once, on the first node where it helps; the lightest first.

    Of gradual changes only the least: if eight devices on one node suffice, seven on another are not
    proposed.
    """
    unique: dict[frozenset[tuple[object, ...]], NearMiss] = {}
    for item in sorted(found, key=lambda item: item.weight):
        unique.setdefault(frozenset(_kind(change) for change in item.changes), item)
    ordered = sorted(unique.values(), key=lambda item: (len(item.changes), item.weight, item.text))
    return tuple(ordered[:_MAX_SHOWN])
