"""The nodes that filter names, and the devices that are kept there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from app.api.service import Service
from app.api.webhooks.wire import FilterArgs
from app.core.model.pod import Pod
from app.core.placement.preferences import load, preferences
from app.core.verdicts.filter_result import FilterResult

_TRIES = 16
"""Nodes on which devices are looked for: what was found a moment ago is seldom gone on the first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """``names`` are passed on. ``overtaken`` are nodes that fitted when they were judged, and why they do not
    any more."""

    names: Sequence[str]
    overtaken: dict[str, str] = field(default_factory=dict)


async def choose(service: Service, args: FilterArgs, pod: Pod, result: FilterResult) -> Choice:
    """Of the nodes that fit, those to be named.

    With one candidate its devices are reserved: what is named is kept, whatever others are told meanwhile.
    Cost: a search on the node; see ``Candidates``.
    """
    if service.candidates.number != 1:
        return Choice(service.candidates.of(pod.meta.uid, result, service.clock()))
    overtaken: dict[str, str] = {}
    # What was judged is to be read before others have the loop.
    for name in list(islice(_ranked(service, pod, result), _TRIES)):
        if name not in service.state.nodes:
            return Choice([name], overtaken)  # known from the request alone: bind will decide
        refused = await service.reservations.reserve(pod, args.pod, name)
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
    return service.candidates.ranked(result, liking, partial(load, service.state))
