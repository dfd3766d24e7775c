"""Dry run: Pods placed one after another, each seeing what the earlier ones took."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from app.core.advice.hypothesis import Hypothesis
from app.core.advice.near_misses import NearMiss, near_misses
from app.core.dry_run.companions import Companions, best_for_all
from app.core.dry_run.node_groups import NO_GROUPS, NodeGroups
from app.core.dry_run.ranking import Rankings, settle
from app.core.model.pod import Pod
from app.core.pauses import pause
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import State

MAX_EXPLAINED = 5
"""Maximum number of Pods of a dry run with near misses: each costs up to 200 searches."""


@dataclass(frozen=True, slots=True)
class PodPlacement:
    """The placement of one Pod; ``chosen`` is None if the Pod fits nowhere.

    ``summary`` is the text for all nodes, ``nodes`` their number; ``answers`` has an entry for each, or
    none if that would be too many to show. ``groups`` has all nodes by reason, if they were requested.
    """

    pod: Pod
    claims: tuple[HeldClaim, ...]
    answers: tuple[NodeResult, ...]
    chosen: NodeResult | None
    summary: str
    nodes: int
    near_misses: tuple[NearMiss, ...] = ()
    groups: NodeGroups = NO_GROUPS


def place(
    state: State,
    pods: Iterable[Pod],
    nodes: Sequence[str],
    rules: Rules,
    *,
    shown: int | None = None,
    named: int | None = None,
) -> Iterator[PodPlacement]:
    """Places Pods on the best of ``nodes``; ties go to the first node.

    A Pod that allocates a claim for later Pods too goes where most of them have room (``best_for_all``), if
    ``pods`` is a sequence.

    ``state`` is changed: pass a fork. Yields one placement for each Pod. Cost: a search for each node for
    the first Pod of a kind and for Pods with allocated claims, and for a later Pod a search for each
    changed node.

    Args:
        shown: maximum number of node results, None for no limit; beyond that, a Pod has them only for its
            near misses.
        named: maximum number of names of nodes that fit, in ``groups``; None for no groups.
    """
    rankings = Rankings(nodes)
    try:
        yield from _placed(state, pods, rules, rankings, shown=shown, named=named)
    finally:
        rankings.let_go()


def _placed(
    state: State,
    pods: Iterable[Pod],
    rules: Rules,
    rankings: Rankings,
    *,
    shown: int | None,
    named: int | None,
) -> Iterator[PodPlacement]:
    nodes, explained = rankings.nodes, set[str]()
    together = Companions(pods if isinstance(pods, Sequence) else ())
    for number, pod in enumerate(pods):
        pause()  # with few nodes, all known, nothing else does
        evaluation = PodEvaluation(state, pod, rules)
        ranking = rankings.of(evaluation)
        ranking.refresh(evaluation)
        chosen, text = ranking.best(evaluation), ranking.summary()
        companions = together.after(number, evaluation) if chosen is not None else ()
        if chosen is not None and companions:
            chosen = best_for_all(evaluation, ranking, chosen, companions, rules)
        news = chosen is None and text not in explained and len(explained) < MAX_EXPLAINED
        answers: tuple[NodeResult, ...] = ()
        if shown is None or len(nodes) <= shown or news:
            answers = ranking.answers(evaluation)
            shown = None if shown is None else max(0, shown - len(nodes))
        groups = NO_GROUPS if named is None else ranking.groups(evaluation, named)
        if chosen is None:
            explained.add(text)
        else:
            settle(state, evaluation, chosen)
            rankings.touch(chosen.node)
        rankings.done(ranking)
        held = evaluation.claims if chosen is None else chosen.claims
        yield PodPlacement(pod, held, answers, chosen, text, len(nodes), groups=groups)


def with_near_misses(
    state: State, rules: Rules, placements: Iterable[PodPlacement]
) -> Iterator[PodPlacement]:
    """Adds near misses to Pods that fit nowhere: to one of those with equal reasons, and to a few in total.

    Args:
        state: the state that ``placements`` changes during the iteration.
    """
    explained: set[str] = set()
    made: set[str] = set()
    for item in placements:
        if item.chosen is not None:
            made |= {"/".join(held.key) for held in item.chosen.claims if held.claim.allocation is None}
        if item.chosen is not None or not item.answers or len(explained) >= MAX_EXPLAINED:
            yield item
            continue
        if item.summary in explained:
            yield item
            continue
        explained.add(item.summary)
        near = near_misses(Hypothesis(state, item.pod, rules, frozenset(made)), item.answers)
        yield replace(item, near_misses=near)
