"""Dry runs: would these Pods fit, where, on which devices, and how many more of them. Nothing is written."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, ValidationError

from app.api.bodies import decode_any, read_body
from app.api.errors import Refusal, invalid_fields
from app.api.models import CapacityAnswer, CapacityRequest, PlacementAnswer, PlacementRequest, Scenario
from app.api.overlay import lay_over, names_of, read_object
from app.api.responses import Json, json_response
from app.api.service import Service, ServiceOf
from app.api.turns import Deadline, Turns
from app.api.verdicts import Budget, pod_answer
from app.core.explain import summary
from app.core.model.features import UnknownFeatureError
from app.core.model.pod import Pod
from app.core.model.workload import Workload
from app.core.placement.place import PodPlacement, place, with_near_misses
from app.core.placement.rules import Rules
from app.core.scoring.policies import UnknownPolicyError, policy_named
from app.core.state.state import State

router = APIRouter(prefix="/api/v1", tags=["dry runs"])

Body = TypeVar("Body", bound=BaseModel)


def _documented(model: type[BaseModel]) -> dict[str, Any]:
    """The body in the OpenAPI document: the endpoints read it themselves, as JSON or YAML."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {kind: {"schema": schema} for kind in ("application/json", "application/yaml")}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/placements",
    response_model=PlacementAnswer,
    openapi_extra=_documented(PlacementRequest),
    summary="Would these Pods fit, where, on which devices, and why not",
)
async def placements(request: Request, service: ServiceOf) -> Json:
    wanted = await _read(request, service, PlacementRequest)
    service.require_synced()
    async with service.dry_runs.place():
        deadline = service.deadline(service.settings.dry_run_timeout_seconds)
        turns = Turns(service.clock)
        state, rules = await _scenario(service, wanted, turns, deadline)
        nodes = names_of(state, wanted.nodes)
        pods = list(_pods(wanted, len(nodes)))
        if not pods:
            raise Refusal(422, "InvalidField", "give at least one Pod in pods or workloads", "pods")
        if len(pods) > service.settings.dry_run_pods:
            text = f"{len(pods)} Pods are more than the {service.settings.dry_run_pods} of one dry run"
            raise Refusal(422, "TooManyPods", text, "replicas")
        steps = with_near_misses(state, rules, place(state, pods, nodes, rules))
        placed, late = await turns.collect(steps, deadline)
        answer = _answer(service, wanted, placed, late=late)
        await turns.rest()
        return json_response(answer)


@router.post(
    "/capacity",
    response_model=CapacityAnswer,
    openapi_extra=_documented(CapacityRequest),
    summary="How many more Pods of this kind fit, and on which nodes",
)
async def capacity(request: Request, service: ServiceOf) -> Json:
    wanted = await _read(request, service, CapacityRequest)
    service.require_synced()
    async with service.dry_runs.place():
        deadline = service.deadline(service.settings.dry_run_timeout_seconds)
        turns = Turns(service.clock)
        state, rules = await _scenario(service, wanted, turns, deadline)
        pod = _one_pod(wanted)
        nodes = names_of(state, wanted.nodes)
        limit = min(wanted.limit, service.settings.dry_run_pods)
        numbered = (_numbered(pod, index) for index in range(limit))
        placed, late = await turns.collect(_until_full(place(state, numbered, nodes, rules)), deadline)
        return json_response(_capacity_answer(service, placed, limit, late=late))


async def _read(request: Request, service: Service, model: type[Body]) -> Body:
    settings = service.settings
    body = await read_body(request, settings.api_body_bytes, settings.body_timeout_seconds)
    raw = await decode_any(body, request)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise invalid_fields(error) from None


async def _scenario(
    service: Service, wanted: Scenario, turns: Turns, deadline: Deadline
) -> tuple[State, Rules]:
    """The state to judge by, and the rules. Raises: Refusal, 422 or 503 if time was up."""
    rules = service.rules_until(_rules(service, wanted), deadline)
    steps = lay_over(service.state, wanted)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            state: State = end.value
            return state, rules
        await turns.rest()
        if deadline.expired():
            text = f"the objects could not be read within {deadline.seconds:g} s"
            raise Refusal(503, "TimeUp", text, "objects", retry_after_seconds=5)


def _rules(service: Service, wanted: Scenario) -> Rules:
    policy = wanted.policy or service.rules.policy
    try:
        policy_named(policy)
    except UnknownPolicyError as error:
        raise Refusal(422, "InvalidField", str(error), "policy") from None
    try:
        features = service.rules.features.switched(wanted.features)
    except UnknownFeatureError as error:
        raise Refusal(422, "InvalidField", str(error), "features") from None
    return replace(
        service.rules,
        policy=policy,
        features=features,
        node_checks=wanted.node_checks,
        generate_claims=True,
    )


def _pods(wanted: PlacementRequest, nodes: int) -> Iterable[Pod]:
    """The Pods in order. Raises: Refusal, 422."""
    return chain(
        (_pod(raw, f"pods[{index}]") for index, raw in enumerate(wanted.pods)),
        *(
            _expanded(raw, f"workloads[{index}]", wanted.replicas, nodes)
            for index, raw in enumerate(wanted.workloads)
        ),
    )


def _expanded(raw: Any, where: str, replicas: int | None, nodes: int) -> Iterable[Pod]:
    item = read_object(raw, where)
    if isinstance(item, Workload):
        number = item.replicas if replicas is None else replicas
        return item.pods(nodes if item.replicas is None or number is None else number)
    if not isinstance(item, Pod):
        raise Refusal(422, "InvalidObject", f"a {raw.get('kind')} makes no Pods", where)
    if replicas is None:
        return [item]
    return (_numbered(item, index) for index in range(replicas))


def _pod(raw: Any, where: str) -> Pod:
    item = read_object(raw, where)
    if not isinstance(item, Pod):
        raise Refusal(422, "InvalidObject", f"a {raw.get('kind')} is no Pod", where)
    return item


def _one_pod(wanted: CapacityRequest) -> Pod:
    if (wanted.pod is None) == (wanted.workload is None):
        raise Refusal(422, "InvalidField", "give exactly one of pod and workload", "pod")
    if wanted.pod is not None:
        return _pod(wanted.pod, "pod")
    item = read_object(wanted.workload, "workload")
    if isinstance(item, Workload):
        return next(iter(item.pods(1)))
    if isinstance(item, Pod):
        return item
    raise Refusal(422, "InvalidObject", "makes no Pods", "workload")


def _numbered(pod: Pod, index: int) -> Pod:
    """A Pod like this one, under a name of its own."""
    meta = replace(pod.meta, name=f"{pod.meta.name or pod.meta.generate_name}-{index}", uid="")
    return replace(pod, meta=meta)


def _until_full(
    placements_: Iterable[PodPlacement | None],
) -> Generator[PodPlacement | None, None, None]:
    """Up to the first Pod that fits nowhere: the next would not either, being the same."""
    for item in placements_:
        yield item
        if item is not None and item.chosen is None:
            return


def _answer(
    service: Service, wanted: PlacementRequest, placed: Sequence[PodPlacement], *, late: bool
) -> dict[str, Any]:
    fitting = sum(item.chosen is not None for item in placed)
    service.metrics.dry_run_pods.labels("placed").inc(fitting)
    service.metrics.dry_run_pods.labels("unplaced").inc(len(placed) - fitting)
    budget = Budget()
    return {
        "revision": str(service.state.revision),
        "placed": fitting,
        "unplaced": len(placed) - fitting,
        "complete": not late,
        "pods": [pod_answer(item, budget, full=wanted.explain == "full") for item in placed],
    }


def _capacity_answer(
    service: Service, placed: Sequence[PodPlacement], limit: int, *, late: bool
) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for item in placed:
        if item.chosen is not None:
            counts[item.chosen.node] = counts.get(item.chosen.node, 0) + 1
    fits = sum(counts.values())
    last = placed[-1] if placed else None
    full = last is not None and last.chosen is None
    return {
        "revision": str(service.state.revision),
        "fits": fits,
        "capped": not full and (late or fits >= limit),
        "nodes": [{"name": name, "count": count} for name, count in sorted(counts.items())],
        "summary": summary(0, [answer.reasons for answer in last.answers]) if last and full else "",
    }
