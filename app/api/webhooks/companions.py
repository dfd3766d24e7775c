"""The node for a Pod whose claim decides where the Pods that wait beside it run too."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from app.api.service import Service
from app.core.dry_run.companions import roomier
from app.core.model.pod import Pod
from app.core.pauses import pause
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation

log = logging.getLogger(__name__)
MAX_CPU_SECONDS = 0.1
"""What one filter may take for this; then the best node so far is the answer."""


async def roomiest(
    service: Service, pod: Pod, companions: Sequence[Pod], names: Iterable[str]
) -> tuple[str, ...]:
    """The first of the nodes with room for the most companions, as the state is now; none if none was tried.

    Companions may wait for claims that kube-controller-manager has not made yet, and need more of a node
    than devices, as in a dry run.

    Cost: a copy of the state, and at most ``MAX_CPU_SECONDS``.
    """
    state = service.state.fork_seen_by(pod)
    time_slice = service.webhook_slice(pod.meta.namespace)
    deadline = service.deadline(service.settings.filter_timeout_seconds)

    def better() -> Iterator[NodeResult]:
        evaluation = PodEvaluation(state, pod, service.rules)
        rules = replace(service.rules, generate_claims=True, node_checks=True)
        return roomier(evaluation, _answers(evaluation, names), companions, rules)

    found, late = await time_slice.collect(
        better(), lambda: deadline.expired() or time_slice.cpu_seconds > MAX_CPU_SECONDS
    )
    if late:
        log.info("not all nodes were tried for %d more Pods", len(companions))
    if time_slice.cel_cost > 0:
        service.shares.spend(pod.meta.namespace, time_slice.cpu_seconds)
    return tuple(answer.node for answer in found[-1:])


def _answers(evaluation: PodEvaluation, names: Iterable[str]) -> Iterator[NodeResult]:
    for name in names:
        pause()
        yield evaluation.answer(name)
