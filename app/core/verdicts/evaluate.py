"""Computes the verdicts for the webhooks: a verdict, a score and a text for each node.

``VerdictCache`` keeps them from one Pod to the next.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from app.core.diagnosis import node_message
from app.core.pauses import paced
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.verdicts.cache import CacheEntry, VerdictCache
from app.core.verdicts.index import VerdictIndex
from app.core.verdicts.node_verdict import NodeVerdict

_FEW = 64
"""Maximum number of keys computed in one step: a millisecond."""


@dataclass(frozen=True, slots=True)
class KnownVerdicts:
    """The kept verdict of each node, in order; ``counts`` are how many nodes have each answer, ``unseen`` the
    places of those to evaluate, None among the answers."""

    found: list[NodeVerdict | None]
    counts: Counter[NodeVerdict | None]
    unseen: Sequence[int]


def indexed(entry: CacheEntry, distinct: frozenset[str], verdict_cache: VerdictCache) -> VerdictIndex | None:
    """The answers for these nodes if they are kept for all of them, and for no others. O(1)."""
    if not entry.answers.is_for(distinct):
        return None
    verdict_cache.reused += len(distinct)
    return entry.answers


def known(entry: CacheEntry | None, nodes: Sequence[str], verdict_cache: VerdictCache) -> KnownVerdicts:
    """The kept verdicts of the nodes; none without an entry.

    Cost: O(nodes), in one go: some 30 ns for each.
    """
    if entry is None:
        counts: Counter[NodeVerdict | None] = Counter({None: len(nodes)}) if nodes else Counter()
        return KnownVerdicts([None] * len(nodes), counts, range(len(nodes)))
    found = list(map(entry.answers.get, nodes))
    # Counting looks for None as well, at half of what looking for it alone would take.
    counts = Counter(found)
    unseen = [place for place, verdict in enumerate(found) if verdict is None] if None in counts else []
    verdict_cache.reused += len(found) - len(unseen)
    return KnownVerdicts(found, counts, unseen)


def current_entry(evaluation: PodEvaluation, verdict_cache: VerdictCache) -> CacheEntry | None:
    """The entry, if all that it takes to answer the question is in it; with what has changed caught up.

    Cost: a key for each node that has changed, if they are few.
    """
    if (
        not evaluation.uniform
        or evaluation.varies
        or evaluation.watches
        or not evaluation.missing
        or evaluation.unclaimed is not None
    ):
        return None
    entry = verdict_cache.entry(evaluation.missing, evaluation.rules)
    if not isinstance(entry, CacheEntry):
        return None
    _catch_up(evaluation, entry, verdict_cache)
    return entry


def _catch_up(evaluation: PodEvaluation, entry: CacheEntry, verdict_cache: VerdictCache) -> None:
    """Gives nodes that have changed the answer of the class that they are in now, if it is kept.

    Most filters come after a bind, which changes one node: without this each of them would have to look
    through all nodes for that one.
    """
    stale, entry.stale = entry.stale, set()  # another filter may add to it in a pause
    if len(stale) <= _FEW:
        for name in stale:
            key = entry.classes.key(name) if name in evaluation.state.nodes else None
            found = None if key is None else entry.by_class.get(key)
            if found is not None:
                verdict_cache.shared += 1
                entry.answers.put(name, found)


def verdicts(
    evaluation: PodEvaluation, nodes: Iterable[str], verdict_cache: VerdictCache
) -> Iterator[tuple[str, NodeVerdict]]:
    """A short answer for each node, in order.

    Cost: a look-up for each node that the cache knows of, a key for each other one, and a search for
    each class that it does not know.
    """
    if evaluation.varies:
        for part, alike in groupby(nodes, evaluation.on):
            yield from _evaluated(part, alike, verdict_cache)
    else:
        yield from _evaluated(evaluation, nodes, verdict_cache)


def _evaluated(
    evaluation: PodEvaluation, nodes: Iterable[str], verdict_cache: VerdictCache
) -> Iterator[tuple[str, NodeVerdict]]:
    missing, by_claims = evaluation.missing, evaluation.unclaimed is None
    entry = verdict_cache.entry(missing, evaluation.rules) if missing and by_claims else None
    if not isinstance(entry, CacheEntry):
        for name in nodes:
            answer = evaluation.answer(name)
            yield name, verdict_cache.interned(_verdict_of(evaluation.explained(answer)))
        return
    kept, known_nodes = entry.answers, evaluation.state.nodes
    only_known = evaluation.uniform and evaluation.refusal is None
    for name in paced(nodes, _FEW):
        if evaluation.is_of_node(name):
            answer = evaluation.answer(name)
            verdict_cache.searches += answer.searched
            yield name, _verdict_of(evaluation.explained(answer))
            continue
        found = kept.get(name) if evaluation.uniform else None
        if found is not None:
            verdict_cache.reused += 1
            yield name, found
            continue
        early = None if only_known and name in known_nodes else evaluation.early(name)
        if early is not None:
            yield name, verdict_cache.interned(_verdict_of(early))
            continue
        found = kept.get(name)
        if found is None:
            found = _looked_up(evaluation, name, entry, verdict_cache)
        else:
            verdict_cache.reused += 1
        yield name, found


def _looked_up(
    evaluation: PodEvaluation, name: str, entry: CacheEntry, verdict_cache: VerdictCache
) -> NodeVerdict:
    """The answer of the node's class, searched for if need be."""
    key = entry.classes.key(name)
    found = None if key is None else entry.by_class.get(key)
    if found is not None:
        verdict_cache.shared += 1
        entry.answers.put(name, found)
        return found
    tried = None if key is None else entry.tried.get(key)
    if tried is not None:
        verdict_cache.shared += 1
        return verdict_cache.interned(_verdict_of(evaluation.weighed(name, tried)))
    position = entry.position
    answer = evaluation.answer(name)
    found = verdict_cache.interned(_verdict_of(evaluation.explained(answer)))
    if answer.of_node:
        verdict_cache.searches += 1
        if answer.tried and key is not None and entry.classes.key(name) == key:
            entry.keep_tried(key, answer.tried)
        return found
    # An invalid answer names the Pod's own claim.
    if answer.searched and answer.verdict != "invalid":
        verdict_cache.searches += 1
        # What changes during a pause is entered after the entry's position, and so will be discarded when
        # the entry is used again, unless another filter has done so meanwhile. A class has no such log.
        if entry.position == position:
            entry.answers.put(name, found)
        if key is not None and entry.classes.key(name) == key:
            entry.keep(key, found)
    return found


def _verdict_of(answer: NodeResult) -> NodeVerdict:
    if answer.verdict == "fits":
        return NodeVerdict(answer.verdict, answer.score or 0, curable=answer.curable)
    reason = answer.reasons[0].code if answer.reasons else ""
    return NodeVerdict(
        answer.verdict, answer.score or 0, node_message(answer.reasons), answer.curable, reason
    )
