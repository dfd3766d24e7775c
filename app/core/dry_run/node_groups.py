"""Nodes in groups: those that fit, and the others by equal reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from app.core.diagnosis import distance, node_message
from app.core.pauses import paced
from app.core.placement.node_result import NodeResult, Verdict

MAX_NAMES = 10
"""Names of nodes that a group shows."""
GroupKey = tuple[Verdict, str, int]
"""Verdict, text and distance: equal for the nodes of a group."""


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes that do not fit for equal reasons. ``distance``: 0 is nearest to fitting.

    ``example`` is the result of one of them: counts and holders differ from node to node. ``names`` are the
    first ``MAX_NAMES``.
    """

    verdict: Verdict
    headline: str
    distance: int
    count: int
    names: tuple[str, ...]
    example: NodeResult


@dataclass(frozen=True, slots=True)
class NodeGroups:
    """All nodes for one Pod. ``best``: names of nodes that fit, best first; there may be more."""

    fitting: int = 0
    best: tuple[str, ...] = ()
    refused: tuple[NodeGroup, ...] = ()


NO_GROUPS = NodeGroups()


def group_key(answer: NodeResult) -> GroupKey:
    """The group of a node that does not fit."""
    return answer.verdict, node_message(answer.reasons), distance(answer.reasons)


def best_names(scores: Mapping[str, int], order: Mapping[str, int], most: int) -> tuple[str, ...]:
    """The names with the highest scores, ties in ``order``. Cost: O(names)."""
    return tuple(nsmallest(most, paced(scores), key=lambda name: (-scores[name], order[name])))


def in_order(groups: Iterable[NodeGroup]) -> tuple[NodeGroup, ...]:
    """The nearest to fitting first, and of those the largest."""
    return tuple(sorted(groups, key=lambda group: (group.distance, -group.count, group.headline)))


def groups_of(answers: Sequence[NodeResult], most: int) -> NodeGroups:
    """The groups of all results, with at most ``most`` names of nodes that fit. Cost: O(answers)."""
    scores: dict[str, int] = {}
    refused: dict[GroupKey, list[NodeResult]] = {}
    for answer in paced(answers, 32):
        if answer.verdict == "fits":
            scores[answer.node] = answer.score or 0
        else:
            refused.setdefault(group_key(answer), []).append(answer)
    order = {answer.node: number for number, answer in enumerate(answers)}
    groups = (
        NodeGroup(*key, len(found), tuple(item.node for item in found[:MAX_NAMES]), found[0])
        for key, found in refused.items()
    )
    return NodeGroups(len(scores), best_names(scores, order, most), in_order(groups))
