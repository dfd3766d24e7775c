"""The nodes that filter returns, and the devices that are reserved there."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from app.api.service import Service
from app.api.webhooks.companions import roomiest
from app.core.dry_run.companions import waiting_companions, worth_trying
from app.core.pauses import InterruptedWorkError
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.preferences import has_preferences, load, preferences
from app.core.state.group_members import group_of
from app.core.verdicts.candidates import ByScore, CopiedScores
from app.core.verdicts.filter_result import FilterResult

log = logging.getLogger(__name__)
_TRIES = 16
"""Maximum number of nodes to try without result: usually the devices are still free on the first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``names`` are returned.

    ``overtaken`` are nodes that fit when they were evaluated, and why they no longer do.
    """

    names: Sequence[str]
    overtaken: Mapping[str, str] = field(default_factory=dict)


async def choose(service: Service, evaluation: PodEvaluation, result: FilterResult) -> Choice:
    """The fitting nodes to return, with the Pod's devices reserved on each of them, unless all are returned.

    Cost: a search on each; see ``Candidates``, and ``roomiest`` for a Pod that decides where others run too.
    """
    candidates, pod = service.decider.candidates, evaluation.pod
    if candidates.number == 0:
        return Choice(result.fits())
    # More nodes of one Pod of a group would be missing for the next.
    grouped = bool(group_of(pod, service.settings.gang_labels))
    number = 1 if grouped else candidates.number_of(pod, result.fitting)
    ranked, sole = await _ranked(service, evaluation, result, number + _TRIES)
    number = 1 if sole else number
    nodes = service.state.nodes
    if ranked and ranked[0] not in nodes:
        return Choice(ranked[:1])  # known only from the request: bind decides
    known = [name for name in ranked if name in nodes]
    if pod.nominated_node in known:
        # Beside others, the next event of any kind would show it as the choice.
        known.sort(key=lambda name: name != pod.nominated_node)
        number = 1
    points = _points(result, known) if number > 1 else {}
    reserved = await service.decider.reservations.reserve(pod, known, number, evaluation)
    if len(reserved.nodes) > 1:
        kept = {name: points[name] for name in reserved.nodes if name in points}
        service.decider.reservations.note_points(pod.meta.uid, kept)
    return Choice(reserved.nodes, reserved.refused)


def _points(result: FilterResult, among: Sequence[str]) -> dict[str, int]:
    chosen = set(among)
    return {name: score for score in result.scores() for name in result.having(score) if name in chosen}


async def _ranked(
    service: Service, evaluation: PodEvaluation, result: FilterResult, most: int
) -> tuple[list[str], bool]:
    """The best nodes, and whether filter names only the first."""
    if not result.fitting:
        return [], False
    planned = service.decider.planned_moves.node_for(evaluation.pod)
    moves = bool(planned) and planned in result.fits()
    # Read before other tasks run, or from a copy.
    best, sole = await _best(service, evaluation, result, most)
    if not moves:
        return best, sole
    return [planned, *(name for name in best if name != planned)], True


async def _best(
    service: Service, evaluation: PodEvaluation, result: FilterResult, most: int
) -> tuple[list[str], bool]:
    """The nodes by score; the one with room for Pods that share a claim comes first, and is the only one."""
    pod = evaluation.pod
    companions = waiting_companions(service.state, evaluation)
    fitting: ByScore = result
    liking: Mapping[str, float] = {}
    if companions or has_preferences(service.state, pod):
        fitting = CopiedScores.of(result)
    if has_preferences(service.state, pod):
        names = [name for score in fitting.scores() for name in fitting.having(score)]
        deadline = service.deadline(service.settings.filter_timeout_seconds)
        try:
            liking = await service.webhook_slice(pod.meta.namespace).run(
                partial(preferences, service.state, pod, names), deadline.expired
            )
        except InterruptedWorkError:
            log.warning("the preferences of Pod %s were not weighed in time", "/".join(pod.meta.key))
    ranked = service.decider.candidates.ranked(fitting, liking, partial(load, service.state))
    if not companions:
        return list(islice(ranked, most)), False
    scores = {name: score for score in fitting.scores() for name in fitting.having(score)}
    names = list(ranked)
    best = await roomiest(service, pod, companions, worth_trying(names, scores.__getitem__))
    return [*best, *islice((name for name in names if name not in best), most)], bool(best)
