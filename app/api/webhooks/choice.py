"""The nodes that filter returns, and the devices that are reserved there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from app.api.service import Service
from app.core.model.pod import Pod
from app.core.placement.preferences import load, preferences
from app.core.verdicts.filter_result import FilterResult

_TRIES = 16
"""Maximum number of nodes to try: usually the devices are still free on the first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``names`` are returned.

    ``overtaken`` are nodes that fit when they were evaluated, and why they no longer do.
    """

    names: Sequence[str]
    overtaken: dict[str, str] = field(default_factory=dict)


async def choose(service: Service, pod: Pod, result: FilterResult) -> Choice:
    """The fitting nodes to return.

    With one candidate its devices are reserved, so that other Pods do not get them meanwhile. Cost: a
    search on the node; see ``Candidates``.
    """
    if service.decider.candidates.number != 1:
        return Choice(service.decider.candidates.of(pod.meta.uid, result, service.clock()))
    overtaken: dict[str, str] = {}
    # Read the result before other tasks run.
    for name in list(islice(_ranked(service, pod, result), _TRIES)):
        if name not in service.state.nodes:
            return Choice([name], overtaken)  # known only from the request: bind decides
        refused = await service.decider.reservations.reserve(pod, name)
        if refused is None:
            return Choice([name], overtaken)
        overtaken[name] = refused.message
    return Choice([], overtaken)


def _ranked(service: Service, pod: Pod, result: FilterResult) -> Iterator[str]:
    if not result.fitting:
        return iter(())
    reluctant = bool(service.state.inventory.reluctant)
    fitting = result.fits() if pod.preferred_affinity or reluctant else ()
    liking = preferences(service.state, pod, fitting)
    return service.decider.candidates.ranked(result, liking, partial(load, service.state))
