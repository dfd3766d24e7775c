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
from app.core.verdicts.candidates import ByScore, CopiedScores
from app.core.verdicts.filter_result import FilterResult

log = logging.getLogger(__name__)
_TRIES = 16
"""Maximum number of nodes to try: usually the devices are still free on the first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``names`` are returned.

    ``overtaken`` are nodes that fit when they were evaluated, and why they no longer do.
    """

    names: Sequence[str]
    overtaken: dict[str, str] = field(default_factory=dict)


async def choose(service: Service, evaluation: PodEvaluation, result: FilterResult) -> Choice:
    """The fitting nodes to return.

    With one candidate its devices are reserved, so that other Pods do not get them meanwhile. Cost: a
    search on the node; see ``Candidates``, and ``roomiest`` for a Pod that decides where others run too.
    """
    pod = evaluation.pod
    if service.decider.candidates.number != 1:
        return Choice(service.decider.candidates.of(pod.meta.uid, result, service.clock()))
    overtaken: dict[str, str] = {}
    for name in await _ranked(service, evaluation, result):
        if name not in service.state.nodes:
            return Choice([name], overtaken)  # known only from the request: bind decides
        refused = await service.decider.reservations.reserve(pod, name)
        if refused is None:
            return Choice([name], overtaken)
        overtaken[name] = refused.message
    return Choice([], overtaken)


async def _ranked(service: Service, evaluation: PodEvaluation, result: FilterResult) -> list[str]:
    """The best nodes, read before other tasks run, or from a copy."""
    if not result.fitting:
        return []
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
            liking = await service.webhook_slice().run(
                partial(preferences, service.state, pod, names), deadline.expired
            )
        except InterruptedWorkError:
            log.warning("the preferences of Pod %s were not weighed in time", "/".join(pod.meta.key))
    ranked = service.decider.candidates.ranked(fitting, liking, partial(load, service.state))
    if not companions:
        return list(islice(ranked, _TRIES))
    scores = {name: score for score in fitting.scores() for name in fitting.having(score)}
    names = list(ranked)
    best = await roomiest(service, pod, companions, worth_trying(names, scores.__getitem__))
    return [*best, *islice((name for name in names if name not in best), _TRIES)]
