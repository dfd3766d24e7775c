"""The nodes of a filter or a prioritize, judged within the time there is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from app.api.service import Service
from app.api.webhooks.wire import FilterArgs
from app.core.model.errors import ObjectError
from app.core.model.node import Node
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.state.state import State
from app.core.verdicts.cache import VerdictCache
from app.core.verdicts.evaluate import indexed, known, verdicts
from app.core.verdicts.filter_result import FilterResult, IndexedResult, ListedResult
from app.core.verdicts.node_verdict import NodeVerdict
from app.event_loop.time_slice import TimeSlice


@dataclass(frozen=True, slots=True)
class Judging:
    """What came of it, to be read before anything else is done: nodes may change then.

    ``late``: time was up before all nodes were judged; those are left out.
    """

    evaluation: PodEvaluation
    result: FilterResult
    late: bool


async def evaluate_nodes(service: Service, args: FilterArgs, pod: Pod, verb: str) -> Judging:
    """Says of each node whether the Pod fits.

    Cost: a look-up for each node that is as it was for the last Pod of the kind, none if all are; others
    take turns on the event loop. A Pod that may pass over devices held for others, or that they are held
    for, is judged on a copy of the state, with a search for each class.
    """
    deadline = service.deadline(service.settings.filter_timeout_seconds)
    state, verdict_cache = service.state.as_seen_by(pod), service.verdict_cache
    if state is not service.state:
        verdict_cache = VerdictCache(state)
    unknown = [] if args.nodes is None else [name for name in args.nodes if name not in state.nodes]
    if unknown:
        state = state.fork()
        verdict_cache = VerdictCache(state)
    wrong = {name: error for name in unknown if (error := _add_node(state, args, name)) is not None}
    evaluation = PodEvaluation(state, pod, service.rules)
    names = [name for name in args.names if name not in wrong] if wrong else args.names
    every_node = None if args.distinct is None else indexed(evaluation, args.distinct, verdict_cache)
    if every_node is not None:
        return Judging(evaluation, IndexedResult(names, every_node), late=False)
    kept = known(evaluation, names, verdict_cache)
    if not kept.unseen and not wrong:
        every = cast("list[NodeVerdict]", kept.found)  # None is for what is unseen
        return Judging(
            evaluation, ListedResult(names, every, cast("Counter[NodeVerdict]", kept.counts)), late=False
        )
    steps = verdicts(evaluation, [names[index] for index in kept.unseen], verdict_cache)
    answers, late = await TimeSlice(service.clock).collect(steps, deadline.expired)
    for index, (_, verdict) in zip(kept.unseen, answers, strict=False):  # fewer if it is late
        kept.found[index] = verdict
    if late:
        service.metrics.late.labels(verb).inc()
    return Judging(evaluation, _columns(names, kept.found, wrong), late)


def _columns(names: Sequence[str], found: list[NodeVerdict | None], wrong: dict[str, str]) -> FilterResult:
    if None in found:
        names = [name for name, verdict in zip(names, found, strict=True) if verdict is not None]
    result = list(filter(None, found))
    if not wrong:
        return ListedResult(names, result)
    refused = [
        NodeVerdict("invalid", message=error, curable=False, reason="InvalidNode") for error in wrong.values()
    ]
    return ListedResult([*names, *wrong], [*result, *refused])


def _add_node(state: State, args: FilterArgs, name: str) -> str | None:
    """Takes a node from the request that no watch event has told of yet; the error if it is wrong."""
    assert args.nodes is not None  # noqa: S101 - the caller has looked
    try:
        node = parse(args.nodes[name] | {"apiVersion": "v1", "kind": "Node"})
    except ObjectError as error:
        return str(error)
    assert isinstance(node, Node)  # noqa: S101 - by its kind
    state.upsert(node)
    return None
