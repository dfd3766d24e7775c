"""What every dry run reads from its request: the cluster to judge by, the rules, the Pods."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.api.bodies import decode_any, read_body
from app.api.dry_run.overlay import Ground, lay_over, read_object
from app.api.errors import HttpError, invalid_fields
from app.api.models.questions import PlacementRequest, Scenario, SizingRequest
from app.api.service import Service
from app.core.model.features import UnknownFeatureError
from app.core.model.parse import Object
from app.core.model.pod import Pod
from app.core.model.workload import Workload
from app.core.pauses import InterruptedWorkError, paced
from app.core.placement.rules import Rules
from app.core.scoring import UnknownPolicyError, policy_named
from app.core.state.state import kind_of
from app.event_loop.time_slice import Deadline, TimeSlice

Body = TypeVar("Body", bound=BaseModel)


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """The body in the OpenAPI document: the endpoints read it themselves, as JSON or YAML."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {kind: {"schema": schema} for kind in ("application/json", "application/yaml")}
    return {"requestBody": {"required": True, "content": content}}


async def read_request(request: Request, service: Service, model: type[Body]) -> Body:
    settings = service.settings
    body = await read_body(request, settings.api_body_bytes, settings.body_timeout_seconds)
    stop = service.deadline(settings.dry_run_timeout_seconds).expired
    raw = await decode_any(body, request, settings.api_body_bytes, service.time_slice(), stop)
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise invalid_fields(error) from None


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One dry run: the cluster to judge by, the rules, and how the work shares the loop and ends."""

    ground: Ground
    rules: Rules
    time_slice: TimeSlice
    deadline: Deadline


@asynccontextmanager
async def dry_run(service: Service, wanted: Scenario) -> AsyncIterator[Trial]:
    """Holds a place among the dry runs for as long as the context lasts; its time runs from here.

    Raises: Refusal, 422, 429 if there is no place, 503 before the first sync or if time was up.
    """
    service.require_synced()
    async with service.dry_runs.place():
        deadline = service.deadline(service.settings.dry_run_timeout_seconds)
        time_slice = service.time_slice()
        rules = _rules(service, wanted)
        yield Trial(await _ground(service, wanted, time_slice, deadline), rules, time_slice, deadline)


async def _ground(service: Service, wanted: Scenario, time_slice: TimeSlice, deadline: Deadline) -> Ground:
    try:
        return await time_slice.run(lambda: lay_over(service.state, wanted), deadline.expired)
    except InterruptedWorkError:
        text = f"the objects could not be read within {deadline.seconds:g} s"
        raise HttpError(503, "TimeUp", text, "objects", retry_after_seconds=5) from None


def _rules(service: Service, wanted: Scenario) -> Rules:
    policy = wanted.policy or service.rules.policy
    try:
        policy_named(policy)
    except UnknownPolicyError as error:
        raise HttpError(422, "InvalidField", str(error), "policy") from None
    try:
        features = service.rules.features.switched(wanted.features)
    except UnknownFeatureError as error:
        raise HttpError(422, "InvalidField", str(error), "features") from None
    return replace(
        service.rules,
        policy=policy,
        policy_fixed=bool(wanted.policy),
        features=features,
        node_checks=wanted.node_checks,
        generate_claims=True,
    )


async def pods_in(
    wanted: PlacementRequest | SizingRequest, nodes: int, most: int, trial: Trial
) -> tuple[list[Pod], list[str]]:
    """The Pods in order, at most so many, and what is assumed about kinds that are not known.

    Raises: HttpError, 422, or 503 if time was up.
    """
    notes: list[str] = []
    found = paced(islice(_pods(wanted, nodes, notes), most + 1), 8)
    try:
        pods = await trial.time_slice.run(lambda: list(found), trial.deadline.expired)
    except InterruptedWorkError:
        text = f"the Pods could not be read within {trial.deadline.seconds:g} s"
        raise HttpError(503, "TimeUp", text, "pods", retry_after_seconds=5) from None
    if len(pods) > most:
        # Not how many: a workload may ask for billions.
        raise HttpError(422, "TooManyPods", f"more than {most} Pods in one dry run", "replicas")
    return pods, notes


def _pods(wanted: PlacementRequest | SizingRequest, nodes: int, notes: list[str]) -> Iterator[Pod]:
    """The Pods one by one. Raises: HttpError, 422."""
    for index, raw in enumerate(wanted.pods):
        yield pod_of(raw, f"pods[{index}]")
    for index, raw in enumerate(wanted.workloads):
        item = read_object(raw, f"workloads[{index}]")
        if isinstance(item, Workload):
            notes += item.guesses
        yield from _expanded(item, f"workloads[{index}]", wanted.replicas, nodes)


def _expanded(item: Object, where: str, replicas: int | None, nodes: int) -> Iterable[Pod]:
    if isinstance(item, Workload):
        if replicas is not None and len(item.sets) > 1:
            text = (
                f"{item.kind} {item.meta.name} has {len(item.sets)} Pod templates, each with its own number"
            )
            raise HttpError(422, "InvalidField", text, "replicas")
        return item.pods(nodes, replicas)
    if not isinstance(item, Pod):
        raise HttpError(422, "InvalidObject", f"a {kind_of(item)} makes no Pods", where)
    if replicas is None:
        return [item]
    return (numbered(item, index) for index in range(replicas))


def pod_of(raw: Any, where: str) -> Pod:
    item = read_object(raw, where)
    if not isinstance(item, Pod):
        raise HttpError(422, "InvalidObject", f"a {raw.get('kind')} is no Pod", where)
    return item


def numbered(pod: Pod, index: int) -> Pod:
    """A Pod like this one, under a name of its own."""
    meta = replace(pod.meta, name=f"{pod.meta.name or pod.meta.generate_name}-{index}", uid="")
    return replace(pod, meta=meta)
