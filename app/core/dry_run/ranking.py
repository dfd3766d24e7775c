"""The ranking of nodes for Pods of one kind, updated while such Pods are placed one by one.

For the next replica of a Pod only the node of the previous replica has changed. So the cost of a replica
depends on the changed nodes, not on all nodes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush, nsmallest
from itertools import count

from app.core.allocator import Reason
from app.core.diagnosis import grouped
from app.core.dry_run.node_groups import (
    MAX_NAMES,
    GroupKey,
    NodeGroup,
    NodeGroups,
    best_names,
    group_key,
    in_order,
)
from app.core.model.allocation import Allocation
from app.core.model.resource_claim import ClaimSpec
from app.core.pauses import emptied, paced
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.state.state import State
from app.core.state.taken import ClaimKey

_KINDS = 16
"""Maximum number of cached kinds of Pods: a workload has a few, with 5,000 results of 1 kB each."""

_Claim = tuple[str, ClaimSpec, tuple[ClaimKey, Allocation] | None]


class Ranking:
    """The results of all nodes for one kind of Pod. ``evaluated`` counts the evaluated nodes."""

    def __init__(self, evaluation: PodEvaluation, nodes: Sequence[str]) -> None:
        self._state = evaluation.state
        self._first = evaluation
        self._claims = _claims(evaluation)
        self._nodes = {name: number for number, name in enumerate(nodes)}
        self._position = self._state.inventory.changes.position
        self._stale: set[str] = set(nodes)
        self._answers: dict[str, NodeResult] = {}
        self._group_of: dict[str, GroupKey] = {}
        self._groups: dict[GroupKey, dict[str, None]] = {}
        self._scores: dict[str, int] = {}
        self._ranked: list[tuple[int, int, int, NodeResult]] = []
        self._serial = count()
        self.evaluated = 0

    def serves(self, evaluation: PodEvaluation) -> bool:
        """Whether the evaluated Pod is of this kind, with the same allocated claims. Cost: O(claims)."""
        first = self._first.pod
        return (
            replace(evaluation.pod, meta=first.meta) == first
            and _claims(evaluation) == self._claims
            and evaluation.rules.policy == self._first.rules.policy
        )

    def touch(self, node: str) -> None:
        """Marks a node where something other than devices has changed."""
        if node in self._nodes:
            self._stale.add(node)

    def refresh(self, evaluation: PodEvaluation) -> None:
        """Evaluates the nodes that have changed since the last call."""
        changes = self._state.inventory.changes
        changed = changes.since(self._position)
        self._position = changes.position
        self._stale |= self._nodes.keys() if changed is None else changed & self._nodes.keys()
        again = set[str]()
        for name in sorted(self._stale, key=self._nodes.__getitem__):
            self.evaluated += 1
            answer = evaluation.answer(name)
            self._put(name, _as_for(self._first, evaluation.explained(answer), evaluation))
            if answer.verdict == "invalid":
                again.add(name)  # it names the Pod's claims
        self._stale = again

    def best(self, evaluation: PodEvaluation) -> NodeResult | None:
        """The result with the highest score; ties go to the first node. Cost: O(log nodes)."""
        ranked = self._ranked
        while ranked and self._answers.get(ranked[0][3].node) is not ranked[0][3]:
            heappop(ranked)
        return _as_for(evaluation, ranked[0][3], self._first) if ranked else None

    def answers(self, evaluation: PodEvaluation) -> tuple[NodeResult, ...]:
        """The results of all nodes, in order, with the names of the evaluated Pod's claims.

        Cost: O(nodes), about 10 us for each.
        """
        names = paced(self._nodes, 32)
        return tuple([_as_for(evaluation, self._answers[name], self._first) for name in names])

    def summary(self) -> str:
        """The text for all nodes, as ``messages.summary``. Cost: O(distinct texts)."""
        groups: Counter[str] = Counter()
        distances: dict[str, int] = {}
        for (_, text, far), names in self._groups.items():
            groups[text] += len(names)
            distances[text] = min(far, distances.get(text, far))
        return grouped(len(self._scores), groups, distances)

    def groups(self, evaluation: PodEvaluation, most: int) -> NodeGroups:
        """The nodes in groups, with at most ``most`` names of nodes that fit.

        Cost: O(nodes) comparisons; results are made for one node of each group only.
        """
        refused = []
        for key, names in self._groups.items():
            first = tuple(nsmallest(MAX_NAMES, paced(names), key=self._nodes.__getitem__))
            example = _as_for(evaluation, self._answers[first[0]], self._first)
            refused.append(NodeGroup(*key, len(names), first, example))
        best = best_names(self._scores, self._nodes, most)
        return NodeGroups(len(self._scores), best, in_order(refused))

    def let_go(self) -> None:
        """Frees the results, with pauses: 5,000 of 1 kB each. The ranking is of no use then."""
        emptied(self._ranked, self._answers)

    def _put(self, name: str, answer: NodeResult) -> None:
        self._scores.pop(name, None)
        before = self._group_of.pop(name, None)
        if before is not None:
            del self._groups[before][name]
            if not self._groups[before]:
                del self._groups[before]
        self._answers[name] = answer
        if answer.verdict == "fits":
            self._scores[name] = answer.score or 0
            self._rank(name, answer)
        else:
            key = self._group_of[name] = group_key(answer)
            self._groups.setdefault(key, {})[name] = None

    def _rank(self, name: str, answer: NodeResult) -> None:
        entry = (-(answer.score or 0), self._nodes[name], next(self._serial), answer)
        if len(self._ranked) > 2 * len(self._nodes) + 64:
            self._ranked = [item for item in self._ranked if self._answers.get(item[3].node) is item[3]]
            heapify(self._ranked)
        heappush(self._ranked, entry)


class Rankings:
    """The rankings of ``nodes`` in one dry run, which is the only writer of its state."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self.nodes = nodes
        self._kept: list[Ranking] = []

    def of(self, evaluation: PodEvaluation) -> Ranking:
        """The ranking of the Pod's kind; a temporary one if results depend on the Pod."""
        if not evaluation.repeatable or evaluation.refusal is not None:
            return Ranking(evaluation, self.nodes)
        for kept in self._kept:
            if kept.serves(evaluation):
                return kept
        made = Ranking(evaluation, self.nodes)
        self._kept.append(made)
        if len(self._kept) > _KINDS:
            self._kept.pop(0).let_go()
        return made

    def done(self, ranking: Ranking) -> None:
        """Frees a ranking that is not kept for later Pods."""
        if not any(kept is ranking for kept in self._kept):
            ranking.let_go()

    def let_go(self) -> None:
        """Frees all of them, with pauses."""
        while self._kept:
            self._kept.pop().let_go()

    def touch(self, node: str) -> None:
        """Marks the node of a placed Pod."""
        for kept in self._kept:
            kept.touch(node)


def settle(state: State, evaluation: PodEvaluation, chosen: NodeResult) -> None:
    """Changes the state as if the Pod ran on the selected node."""
    state.settle(evaluation.pod, chosen.node, chosen.settled, chosen.amounts)


def _claims(evaluation: PodEvaluation) -> tuple[_Claim, ...]:
    """The key of a Pod's claims: their specs, or the claim itself if it is allocated."""
    found = []
    for held in evaluation.claims:
        allocation = held.claim.allocation
        found.append((held.pod_claim, held.claim.spec, (held.key, allocation) if allocation else None))
    return tuple(found)


def _names(evaluation: PodEvaluation) -> list[str]:
    return ["/".join(held.key) for held in evaluation.claims]


def _as_for(evaluation: PodEvaluation, answer: NodeResult, made_for: PodEvaluation) -> NodeResult:
    """The result for another Pod of the kind, with the names of that Pod's claims."""
    if evaluation is made_for or answer.verdict == "invalid":
        return answer
    # Claims for extended resources differ from node to node.
    evaluation, made_for = evaluation.on(answer.node), made_for.on(answer.node)
    if answer.verdict == "fits":
        return replace(answer, claims=evaluation.claims)
    names = dict(zip(_names(made_for), _names(evaluation), strict=True))
    return replace(answer, reasons=tuple([_renamed(reason, names) for reason in answer.reasons]))


def _renamed(reason: Reason, names: dict[str, str]) -> Reason:
    if reason.claim is None or reason.claim not in names:
        return reason
    # A selector contains the name of its claim: see ``Planner``.
    old, new = f"claim {reason.claim}, ", f"claim {names[reason.claim]}, "
    behind = reason.evidence
    if behind.selectors:
        selectors = [replace(item, where=item.where.replace(old, new, 1)) for item in behind.selectors]
        behind = replace(behind, selectors=tuple(selectors))
    counts = {key.replace(old, new, 1): number for key, number in reason.counts.items()}
    # The sentence names the claim if several claims have a request of that name: see ``misfit``.
    message = reason.message.replace(f" of claim {reason.claim}:", f" of claim {names[reason.claim]}:", 1)
    return replace(reason, claim=names[reason.claim], message=message, counts=counts, evidence=behind)
