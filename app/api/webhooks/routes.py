"""The webhooks of kube-scheduler: filter, prioritize, preempt, bind.

The responses are made for how kube-scheduler uses them. A status other than 200 fails the whole attempt
without a message to the user, so errors in a Pod or a pool are reported node by node. A misfit that
evicting Pods from the node cannot resolve goes into FailedAndUnresolvableNodes, which preemption skips.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.bodies import decode_json, read_body
from app.api.errors import HttpError
from app.api.parameters import unknown_parameter
from app.api.responses import json_response
from app.api.service import Service, ServiceOf, service_of
from app.api.webhooks.choice import choose
from app.api.webhooks.evaluation import NodesEvaluated, claim_to_release, evaluate_nodes, fits_soon
from app.api.webhooks.gang import choose_for_gang, let_go, may_fit_by_eviction
from app.api.webhooks.history_entries import bind_decision, filter_decision, gang_decision
from app.api.webhooks.plain_pods import nodes_with_room, pod_of
from app.api.webhooks.wire import (
    BINDING_ARGS,
    BINDING_RESULT,
    EXTENDER_ARGS,
    FILTER_RESULT,
    PREEMPTION_ARGS,
    PREEMPTION_RESULT,
    PRIORITY_LIST,
    FilterArgs,
    bind_answer,
    documented,
    filter_answer,
    preemption_answer,
    priorities,
    read_bind_args,
    read_filter_args,
    read_preemption_args,
)
from app.core.json_object import JsonObject
from app.core.model.errors import ObjectError
from app.core.model.extended_resources import asks_for
from app.core.model.pod import Pod
from app.core.placement.node_room import HELD
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.preemption.candidates import INCURABLE, helpful_candidates, hosts_of_victims
from app.core.state.state import State
from app.core.verdicts.filter_result import FilterResult
from app.observability.durations import seconds_since
from app.observability.logs import bind_context

log = logging.getLogger(__name__)
PREFIX = "/scheduler"
_LARGE_BYTES = 512 * 1024
"""Of a body whose nodes are read with pauses: the names of 5,000 nodes have a tenth of that."""
router = APIRouter(prefix=PREFIX, tags=["webhooks"])

Endpoint = Callable[[Request, Service], Awaitable[Response]]


@router.post(
    "/filter",
    summary="Nodes with devices for a Pod (ExtenderArgs -> ExtenderFilterResult)",
    openapi_extra=documented(EXTENDER_ARGS, FILTER_RESULT),
)
async def filter_nodes(request: Request, service: ServiceOf) -> Response:
    args = await _filter_args(request, service)
    try:
        pod = await _pod(service, args.pod)
    except ObjectError as error:
        # kube-scheduler would only show a status code, and this Pod is invalid on every node.
        return json_response(filter_answer(args, [], {}, dict.fromkeys(args.names, str(error))))
    if pod is None:
        service.metrics.plain_pods.inc()
        plain = await nodes_with_room(service, args)
        return json_response(filter_answer(args, _passed_on(service, args, plain.names), {}, plain.refused))
    _about(pod)
    decider = service.decider
    if decider.undelivered_claims is not None:
        await decider.undelivered_claims.wait_for(pod, service.broken)
    bound_to = decider.binder.under_way(pod.meta.uid)
    if bound_to is not None:
        return json_response(_being_bound(args, bound_to))
    first_look = decider.nominated_looks.is_first(pod, args.names)
    with service.wide_changes:
        answered = await _answered_for_gang(service, args, pod, first_look=first_look)
        if answered is not None:
            return answered
        return await _answered_alone(service, args, pod, first_look=first_look)


async def _answered_alone(service: Service, args: FilterArgs, pod: Pod, *, first_look: bool) -> Response:
    """The answer for a Pod without a group: nodes with its devices reserved there, or why it fits nowhere."""
    decider = service.decider
    decider.reservations.release(pod.meta.uid, "filtered")
    started = service.clock()
    since = decider.pledges.position if decider.pledges is not None else 0
    if decider.pledges is not None:
        decider.pledges.filtered(pod, args.distinct or args.names)
    judging = await evaluate_nodes(service, args, pod, "filter")
    # Read the result before other tasks run.
    result = judging.result
    decision = filter_decision(service, pod, result, service.clock() - started)
    failed, unresolvable = result.refused(curable=True), result.refused(curable=False)
    incurable = None if result.fitting else result.refused_for(INCURABLE)
    _count(service, result)
    held = result.refused_with(HELD)
    chosen = await choose(service, judging.evaluation, result)
    if decider.pledges is not None:
        decider.pledges.filtered(pod, chosen.names)
        decider.pledges.blocked(pod, [*held, *chosen.overtaken] if not chosen.names else (), since)
    if chosen.names:
        decider.nominated_looks.end(pod)
        decider.passed(pod, chosen.names)
    elif first_look and not judging.late:
        decider.nominated_looks.refused(pod)
    elif not judging.late:
        curable = await _fits_nowhere(service, judging.evaluation, decision.summary, failed, incurable)
        failed, unresolvable = _split(failed, unresolvable, curable)
    bind_context(fitting=result.fitting, nodes=len(args.names))
    log.debug("filter: %d of %d nodes fit", result.fitting, len(args.names))
    service.history.add(decision)
    left = _not_evaluated(args, judging)
    failed |= left
    # Nothing is known to be impossible: after an error kube-scheduler retries soon.
    incomplete = judging.late and not chosen.names
    trouble = (
        f"{len(left)} of {len(args.names)} nodes {judging.late}, no other node fits" if incomplete else ""
    )
    # Fitting nodes that are not selected are left out: as failed nodes they would be candidates of
    # preemption if another extender refuses the selected ones.
    names = _passed_on(service, args, chosen.names)
    failed = {**failed, **chosen.overtaken} if chosen.overtaken else failed
    return json_response(filter_answer(args, names, failed, unresolvable, trouble))


def _not_evaluated(args: FilterArgs, judging: NodesEvaluated) -> dict[str, str]:
    """The nodes that time was not enough for, and what happened."""
    if not judging.late:
        return {}
    left = set(args.names).difference(judging.result.names)
    return {name: judging.late for name in args.names if name in left}


async def _fits_nowhere(
    service: Service,
    evaluation: PodEvaluation,
    summary: str,
    failed: dict[str, str],
    incurable: Collection[str] | None,
) -> dict[str, str]:
    """Has the controllers know of the refusal, and returns the failed nodes where an eviction may help."""
    decider, pod = service.decider, evaluation.pod
    decider.nominated_looks.end(pod)
    let_go(service, pod)
    curable = failed if incurable is None else await _curable(service, pod, failed, incurable)
    held = await claim_to_release(service, evaluation)
    decider.refused(evaluation, summary, held)
    if decider.preemptor is not None:
        decider.preemptor.refused(pod, list(failed))
    return curable


@router.post(
    "/prioritize",
    operation_id="prioritizeNodes",
    summary="Scores of nodes for a Pod (ExtenderArgs -> HostPriorityList)",
    openapi_extra=documented(EXTENDER_ARGS, PRIORITY_LIST),
)
async def prioritize(request: Request, service: ServiceOf) -> Response:
    args = await _filter_args(request, service)
    try:
        pod = await _pod(service, args.pod)
    except ObjectError:
        pod = None  # filter has reported the error; kube-scheduler ignores one here
    if pod is None:
        return json_response(priorities(args.names, repeat(0, len(args.names))))
    _about(pod)
    # Its devices are reserved there: to an evaluation they are taken.
    reserved = service.decider.reservations.of(pod.meta.uid)
    if reserved is not None and reserved.points.keys() >= set(args.names):
        return json_response(priorities(args.names, [reserved.points[name] for name in args.names]))
    result = (await evaluate_nodes(service, args, pod, "prioritize")).result
    if result.names is args.names:
        return json_response(priorities(args.names, result.points()))
    scores = dict(zip(result.names, result.points(), strict=True))
    return json_response(priorities(args.names, [scores.get(name, 0) for name in args.names]))


@router.post(
    "/preempt",
    operation_id="selectVictims",
    summary="Which evictions give a Pod its devices too (ExtenderPreemptionArgs -> ExtenderPreemptionResult)",
    openapi_extra=documented(PREEMPTION_ARGS, PREEMPTION_RESULT),
)
async def preempt(request: Request, service: ServiceOf) -> Response:
    body = await _body(request, service)
    decoded = await _decoded(body, request, service)
    time_slice = service.webhook_slice()
    args = await time_slice.run(lambda: read_preemption_args(decoded))
    service.require_synced()
    try:
        pod = await _pod(service, args.pod)
    except ObjectError:
        return json_response(preemption_answer({}))  # no eviction for a Pod that cannot be placed
    if pod is None:
        with_victims = {name: item for name, item in args.candidates.items() if item.victims}
        return json_response(await time_slice.run(lambda: preemption_answer(with_victims)))
    _about(pod)
    if not await may_fit_by_eviction(service, pod):
        return json_response(preemption_answer({}))
    state = service.state.fork_seen_by(pod)
    # Another extender has refused the node that filter returned.
    service.decider.reservations.forget_in(state, pod.meta.uid)
    deadline = service.deadline(service.settings.filter_timeout_seconds)
    add_victims = service.settings.preemption == "answer" and not await fits_soon(
        service, pod, args.candidates
    )
    candidates = helpful_candidates(state, pod, args.candidates, service.rules, add_victims=add_victims)
    # Nodes not checked in time are left out: no Pod is evicted on a node that may not help.
    helpful, _ = await service.webhook_slice(pod.meta.namespace).collect(candidates, deadline.expired)
    log.debug("preempt: %d of %d candidates help", len(helpful), len(args.candidates))
    if service.decider.nominated_holds is not None:
        answers = {node: item.answer for node, item in helpful if item.answer is not None}
        service.decider.nominated_holds.answered(pod, answers)
    return json_response(await time_slice.run(lambda: preemption_answer(dict(helpful))))


@router.post(
    "/bind",
    operation_id="bindPod",
    summary="Allocate a Pod's devices and bind it to its node (ExtenderBindingArgs -> ExtenderBindingResult)",
    openapi_extra=documented(BINDING_ARGS, BINDING_RESULT),
)
async def bind(request: Request, service: ServiceOf) -> Response:
    body = await _body(request, service)
    args = read_bind_args(await _decoded(body, request, service))
    service.require_synced()
    known = service.state.pods.get((args.namespace, args.name))
    bind_context(pod=f"{args.namespace}/{args.name}", node=args.node)
    if known is not None:
        _about(known)
    started = service.clock()
    error = await service.decider.binder.bind(args.namespace, args.name, args.uid, args.node)
    seconds = service.clock() - started
    outcome = "bound" if error is None else "refused"
    bind_context(outcome=outcome)
    if known is None or known.claims:
        service.history.add(bind_decision(service, args, error, seconds))
    service.metrics.bind_duration.labels(outcome).observe(seconds)
    if error is None and known is not None and known.claims:
        _waited(service, known)
    log.log(
        logging.INFO if error is None else logging.WARNING,
        "bind: %s",
        error or "done",
        extra={"seconds": round(seconds, 4)},
    )
    return json_response(bind_answer(error))


class Webhooks:
    """Answers kube-scheduler's calls, and passes every other request on to ``others``.

    FastAPI and Starlette take some 60 function calls of every one for routes, wrapped errors and stacks of
    contexts. Their own routes are for the reference, and for every method but POST.
    """

    def __init__(self, others: ASGIApp) -> None:
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = _ENDPOINTS.get(scope["path"]) if scope.get("method") == "POST" else None
        if endpoint is None:
            await self._others(scope, receive, send)
            return
        try:
            response = await _respond(endpoint, Request(scope, receive, send))
        except HttpError as error:
            response = error.response()
        await response(scope, receive, send)


async def _respond(endpoint: Endpoint, request: Request) -> Response:
    if request.scope["query_string"]:
        raise unknown_parameter(next(iter(request.query_params), ""), ())
    service = await service_of(request)
    with await service.decider.lead(service.settings.leader_elect_wait_seconds):
        return await endpoint(request, service)


_ENDPOINTS: Mapping[str, Endpoint] = {
    route.path: route.endpoint for route in router.routes if isinstance(route, APIRoute)
}


def _waited(service: Service, pod: Pod) -> None:
    now = service.rules.now
    seconds = seconds_since(pod.meta.created, now()) if now is not None else None
    if seconds is not None:
        service.metrics.pod_wait.observe(seconds)


def _about(pod: Pod) -> None:
    """Lines that are logged for this request name the Pod and its claims."""
    claims = [entry.claim_name or f"{entry.name} (of {entry.template_name})" for entry in pod.claims]
    bind_context(pod="/".join(pod.meta.key), claims=claims)


async def _body(request: Request, service: Service) -> bytes:
    settings = service.settings
    return await read_body(request, settings.webhook_body_bytes, settings.body_timeout_seconds)


async def _decoded(body: bytes, request: Request, service: Service) -> dict[str, Any]:
    settings = service.settings
    stop = service.deadline(settings.filter_timeout_seconds).expired
    return await decode_json(body, request, settings.webhook_body_bytes, service.webhook_slice(), stop)


async def _filter_args(request: Request, service: Service) -> FilterArgs:
    with service.first():
        body = await _body(request, service)
    known = service.decider.name_lists.split(body)
    if known is not None:
        args = read_filter_args(await _decoded(known[0], request, service), known[1])
    else:
        raw = await _decoded(body, request, service)
        read = partial(read_filter_args, raw)
        args = read() if len(body) < _LARGE_BYTES else await service.webhook_slice().run(read)
        if args.nodes is None:
            service.decider.name_lists.received(body, args.names)
    service.require_synced()
    return args


async def _pod(service: Service, raw: JsonObject) -> Pod | None:
    """The Pod if it requests devices; None for a plain one, which is not parsed. Raises: ObjectError."""
    plain = not _asks_for_devices(raw, service.state)
    if plain and not service.learns_pods:
        return None
    pod = await pod_of(service, raw)
    if service.learns_pods:
        _learn(service.state, pod)
    return None if plain else pod


def _asks_for_devices(raw: Mapping[str, Any], state: State) -> bool:
    """Whether the Pod has claims, or requests an extended resource of a DeviceClass."""
    spec = raw.get("spec")
    if not isinstance(spec, dict) or spec.get("resourceClaims"):
        return True
    return asks_for(spec, state.resource_classes.__contains__)


def _learn(state: State, pod: Pod) -> None:
    known = state.pods.get(pod.meta.key)
    if known is None or known.meta.uid != pod.meta.uid:
        state.upsert(pod)


async def _curable(
    service: Service, pod: Pod, failed: dict[str, str], incurable: Collection[str]
) -> dict[str, str]:
    """Of the failed nodes those where an eviction may help: they have such devices, and Pods to evict.

    Cost: O(Pods); O(nodes) as well if there are Pods to evict.
    """
    time_slice = service.webhook_slice(pod.meta.namespace)
    hosts = await time_slice.run_short(lambda: hosts_of_victims(service.state, pod))
    return {name: failed[name] for name in hosts if name in failed and name not in incurable}


def _split(
    failed: dict[str, str], unresolvable: dict[str, str], curable: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Moves failed nodes where no eviction helps to those where kube-scheduler need not try one."""
    if curable is failed:
        return failed, unresolvable
    hopeless = {name: text for name, text in failed.items() if name not in curable} if curable else failed
    return curable, hopeless | unresolvable if unresolvable else hopeless


def _count(service: Service, result: FilterResult) -> None:
    service.metrics.filter_fitting.observe(result.fitting)
    for verdict, count in result.verdicts.items():
        service.metrics.filter_nodes.labels(verdict).inc(count)
    for reason, count in result.reasons.items():
        service.metrics.refusals.labels(reason).inc(count)


async def _answered_for_gang(
    service: Service, args: FilterArgs, pod: Pod, *, first_look: bool
) -> Response | None:
    """The answer for a Pod that has a place with its group, or none because the group has none."""
    position = service.state.inventory.changes.position
    gang = await choose_for_gang(service, args, pod, first_look=first_look)
    if not gang.node and not gang.refusal:
        return None
    service.history.add(gang_decision(service, pod, gang, len(args.names)))
    if gang.node:
        if service.decider.pledges is not None:
            service.decider.pledges.filtered(pod, (gang.node,))
            service.decider.pledges.blocked(pod, (), service.decider.pledges.position)
        service.decider.nominated_looks.end(pod)
        service.decider.passed(pod, (gang.node,))
        return json_response(filter_answer(args, [gang.node], {}, {}))
    if first_look:
        service.decider.nominated_looks.refused(pod)
    else:
        service.decider.nominated_looks.end(pod)
        prepare = partial(PodEvaluation, service.state, pod, service.rules)
        evaluation = await service.webhook_slice(pod.meta.namespace).run_short(prepare)
        held = await _claim_in_the_way(service, args, evaluation)
        service.decider.refused(evaluation, gang.refusal, held, position)
    return json_response(filter_answer(args, [], {}, dict.fromkeys(args.names, gang.refusal)))


async def _claim_in_the_way(
    service: Service, args: FilterArgs, evaluation: PodEvaluation
) -> HeldClaim | None:
    """The claim to deallocate for a Pod of a refused group that fits on no node without its group either.

    Cost: none if none of its claims is allocated; else that of a filter.
    """
    if not evaluation.allocated:
        return None
    judging = await evaluate_nodes(service, args, evaluation.pod, "filter")
    if judging.late or judging.result.fitting:
        return None
    return await claim_to_release(service, judging.evaluation)


def _being_bound(args: FilterArgs, node: str) -> dict[str, Any]:
    """For a Pod that kube-scheduler has stopped waiting for: its bind continues, to that node only."""
    if node in args.names:
        return filter_answer(args, [node], {}, {})
    return filter_answer(args, [], {}, dict.fromkeys(args.names, f"the Pod is being bound to node {node}"))


def _passed_on(service: Service, args: FilterArgs, names: Sequence[str]) -> Sequence[str] | orjson.Fragment:
    """prioritize will receive these names next."""
    return names if args.nodes is not None else service.decider.name_lists.sent(names)
