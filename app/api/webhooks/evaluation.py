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
from app.core.placement.question import Question
from app.core.state.state import State
from app.core.verdicts.cache import Memo
from app.core.verdicts.evaluate import briefs, enrolled, known
from app.core.verdicts.filter_result import Columns, Enrolled, Judged
from app.core.verdicts.node_verdict import Brief
from app.event_loop.time_slice import TimeSlice


@dataclass(frozen=True, slots=True)
class Judging:
    """What came of it, to be read before anything else is done: nodes may change then.

    ``late``: time was up before all nodes were judged; those are left out.
    """

    question: Question
    judged: Judged
    late: bool


async def judge(service: Service, args: FilterArgs, pod: Pod, verb: str) -> Judging:
    """Says of each node whether the Pod fits.

    Cost: a look-up for each node that is as it was for the last Pod of the kind, none if all are; others
    take turns on the event loop. A Pod that may pass over devices held for others, or that they are held
    for, is judged on a copy of the state, with a search for each class.
    """
    deadline = service.deadline(service.settings.filter_timeout_seconds)
    state, memo = service.state.as_seen_by(pod), service.memo
    if state is not service.state:
        memo = Memo(state)
    unknown = [] if args.nodes is None else [name for name in args.nodes if name not in state.nodes]
    if unknown:
        state = state.fork()
        memo = Memo(state)
    wrong = {name: error for name in unknown if (error := _add_node(state, args, name)) is not None}
    question = Question(state, pod, service.rules)
    names = [name for name in args.names if name not in wrong] if wrong else args.names
    roll = None if args.distinct is None else enrolled(question, args.distinct, memo)
    if roll is not None:
        return Judging(question, Enrolled(names, roll), late=False)
    kept = known(question, names, memo)
    if not kept.unseen and not wrong:
        every = cast("list[Brief]", kept.found)  # None is for what is unseen
        return Judging(question, Columns(names, every, cast("Counter[Brief]", kept.counts)), late=False)
    steps = briefs(question, [names[index] for index in kept.unseen], memo)
    answers, late = await TimeSlice(service.clock).collect(steps, deadline.expired)
    for index, (_, brief) in zip(kept.unseen, answers, strict=False):  # fewer if it is late
        kept.found[index] = brief
    if late:
        service.metrics.late.labels(verb).inc()
    return Judging(question, _columns(names, kept.found, wrong), late)


def _columns(names: Sequence[str], found: list[Brief | None], wrong: dict[str, str]) -> Judged:
    if None in found:
        names = [name for name, brief in zip(names, found, strict=True) if brief is not None]
    judged = list(filter(None, found))
    if not wrong:
        return Columns(names, judged)
    refused = [
        Brief("invalid", message=error, curable=False, reason="InvalidNode") for error in wrong.values()
    ]
    return Columns([*names, *wrong], [*judged, *refused])


def _add_node(state: State, args: FilterArgs, name: str) -> str | None:
    """Takes a node from the request that no watch event has told of yet; the error if it is wrong."""
    assert args.nodes is not None  # noqa: S101 # the caller has looked
    try:
        node = parse(args.nodes[name] | {"apiVersion": "v1", "kind": "Node"})
    except ObjectError as error:
        return str(error)
    assert isinstance(node, Node)  # noqa: S101 # by its kind
    state.upsert(node)
    return None
