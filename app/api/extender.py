"""The webhooks of kube-scheduler: filter, prioritize, bind.

What kube-scheduler does with an answer decides its form. Anything but 200 fails the whole attempt
without a word to the user, so a Pod or a pool that is wrong is told node by node. A misfit that no
eviction of Pods from the node can cure goes into FailedAndUnresolvableNodes, where preemption does
not look.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Depends, Request

from app.api.bodies import decode_json, read_body
from app.api.extender_wire import (
    FilterArgs,
    bind_answer,
    filter_answer,
    priorities,
    read_bind_args,
    read_filter_args,
)
from app.api.record import bind_decision, filter_decision
from app.api.responses import Json, json_response
from app.api.service import Service, ServiceOf, leading
from app.api.turns import Turns
from app.core.model.errors import ObjectError
from app.core.model.extended_resources import asks_for
from app.core.model.node import Node
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.briefs import briefs
from app.core.placement.memo import Brief, Memo
from app.core.placement.question import Question
from app.core.state.state import State

log = logging.getLogger(__name__)
PREFIX = "/scheduler"
router = APIRouter(prefix=PREFIX, tags=["webhooks"], dependencies=[Depends(leading)])


@router.post("/filter", summary="Which nodes have devices for a Pod (ExtenderArgs -> ExtenderFilterResult)")
async def filter_nodes(request: Request, service: ServiceOf) -> Json:
    args = await _filter_args(request, service)
    try:
        pod = _pod(service, args)
    except ObjectError as error:
        # kube-scheduler would say no more than a status code, and this Pod is wrong on every node.
        return json_response(filter_answer(args, [], {}, dict.fromkeys(args.names, str(error))))
    if pod is None:
        service.metrics.plain_pods.inc()
        return json_response(filter_answer(args, args.names, {}, {}))
    started = service.clock()
    question, answers, late = await _briefs(service, args, pod, "filter")
    if any(brief.verdict == "fits" for _, brief in answers):
        if service.waker is not None:
            service.waker.passed(pod)
    elif not late:
        service.refused(question)
    answer = _filtered(service, args, pod, answers, late=late)
    service.history.add(filter_decision(service, pod, answers, service.clock() - started))
    return json_response(answer)


@router.post("/prioritize", summary="How good each node is for a Pod (ExtenderArgs -> HostPriorityList)")
async def prioritize(request: Request, service: ServiceOf) -> Json:
    args = await _filter_args(request, service)
    try:
        pod = _pod(service, args)
    except ObjectError:
        pod = None  # filter has said what is wrong; an error here would not be heard
    if pod is None:
        return json_response(priorities((name, 0) for name in args.names))
    _, answers, _ = await _briefs(service, args, pod, "prioritize")
    scores = {name: brief.score for name, brief in answers if brief.verdict == "fits"}
    return json_response(priorities((name, scores.get(name, 0)) for name in args.names))


@router.post(
    "/bind", summary="Give a Pod its devices and its node (ExtenderBindingArgs -> ExtenderBindingResult)"
)
async def bind(request: Request, service: ServiceOf) -> Json:
    args = read_bind_args(decode_json(await _body(request, service), request))
    service.require_synced()
    service.candidates.settled(args.uid)
    known = service.state.pods.get((args.namespace, args.name))
    started = service.clock()
    error = await service.binder.bind(args.namespace, args.name, args.uid, args.node)
    seconds = service.clock() - started
    outcome = "bound" if error is None else "refused"
    if known is None or known.claims:
        service.history.add(bind_decision(service, args, error, seconds))
    service.metrics.bind_duration.labels(outcome).observe(seconds)
    log.log(
        logging.INFO if error is None else logging.WARNING,
        "bind: %s",
        error or "done",
        extra={"pod": f"{args.namespace}/{args.name}", "node": args.node, "seconds": round(seconds, 4)},
    )
    return json_response(bind_answer(error))


ENDPOINTS = {
    f"{PREFIX}/filter": filter_nodes,
    f"{PREFIX}/prioritize": prioritize,
    f"{PREFIX}/bind": bind,
}
"""For calls past the router: see app.api.shortcut."""


async def _body(request: Request, service: Service) -> bytes:
    settings = service.settings
    return await read_body(request, settings.webhook_body_bytes, settings.body_timeout_seconds)


async def _filter_args(request: Request, service: Service) -> FilterArgs:
    args = read_filter_args(decode_json(await _body(request, service), request))
    service.require_synced()
    return args


def _pod(service: Service, args: FilterArgs) -> Pod | None:
    """The Pod if it asks for devices; None for a plain one, which is not even read.

    Raises: ObjectError.
    """
    plain = not _asks_for_devices(args.pod, service.state)
    if plain and not service.learns_pods:
        return None
    pod = parse(args.pod | {"apiVersion": "v1", "kind": "Pod"})
    assert isinstance(pod, Pod)  # noqa: S101 # by its kind
    if service.learns_pods:
        _learn(service.state, pod)
    return None if plain else pod


def _asks_for_devices(raw: Mapping[str, Any], state: State) -> bool:
    """Whether the Pod has claims, or requests a resource that a DeviceClass stands for."""
    spec = raw.get("spec")
    if not isinstance(spec, dict) or spec.get("resourceClaims"):
        return True
    return asks_for(spec, state.resource_classes.__contains__)


def _learn(state: State, pod: Pod) -> None:
    known = state.pods.get(pod.meta.key)
    if known is None or known.meta.uid != pod.meta.uid:
        state.upsert(pod)


async def _briefs(
    service: Service, args: FilterArgs, pod: Pod, verb: str
) -> tuple[Question, list[tuple[str, Brief]], bool]:
    """What is to be said of each node, in order, and whether time was up before the last."""
    deadline = service.deadline(service.settings.filter_timeout_seconds)
    state, memo = service.state, service.memo
    unknown = [] if args.nodes is None else [name for name in args.nodes if name not in state.nodes]
    if unknown:
        state = state.fork()
        memo = Memo(state)
    wrong = {name: error for name in unknown if (error := _add_node(state, args, name)) is not None}
    question = Question(state, pod, service.rules_until(service.rules, deadline))
    judged = briefs(question, [name for name in args.names if name not in wrong], memo)
    answers, late = await Turns(service.clock).collect(judged, deadline)
    answers += [(name, Brief("invalid", message=error, curable=False)) for name, error in wrong.items()]
    if late:
        service.metrics.late.labels(verb).inc()
    return question, answers, late


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


def _filtered(
    service: Service, args: FilterArgs, pod: Pod, answers: Sequence[tuple[str, Brief]], *, late: bool
) -> dict[str, Any]:
    # Nodes that fit and are not among the candidates are not named at all: as failed ones they would be
    # preemption's business, should another extender refuse the candidates.
    fitting = service.candidates.of(pod.meta.uid, answers, service.clock())
    failed: dict[str, str] = {}
    unresolvable: dict[str, str] = {}
    for name, brief in answers:
        if brief.verdict != "fits":
            (failed if brief.curable else unresolvable)[name] = brief.message
    service.metrics.filter_fitting.observe(len(fitting))
    for verdict, count in Counter(brief.verdict for _, brief in answers).items():
        service.metrics.filter_nodes.labels(verdict).inc(count)
    error = ""
    if late:
        text = f"not judged within {service.settings.filter_timeout_seconds:g} s"
        judged = {name for name, _ in answers}
        failed |= {name: text for name in args.names if name not in judged}
        if not fitting:
            # Nothing is known to be impossible: an error makes kube-scheduler come back soon.
            error = (
                f"{len(args.names) - len(judged)} of {len(args.names)} nodes {text}, none of the others fits"
            )
    return filter_answer(args, fitting, failed, unresolvable, error)
