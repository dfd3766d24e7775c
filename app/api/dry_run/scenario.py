"""Reads a dry run's request: the cluster to evaluate, the rules, the Pods."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.api.bodies import decode_any, read_body
from app.api.dry_run.overlay import Overlay, lay_over
from app.api.dry_run.request_objects import read_placed
from app.api.errors import HttpError, invalid_fields
from app.api.expensive import Expensive
from app.api.models.questions import PlacementRequest, Scenario, WaitingPods
from app.api.service import Service
from app.core.dry_run.daemon_pods import workload_pods
from app.core.model.features import Features, UnknownFeatureError
from app.core.model.node import Node
from app.core.model.parse import Object, has_name, ref_of
from app.core.model.pod import Pod
from app.core.model.workload import Workload
from app.core.pauses import InterruptedWorkError, emptied, paced
from app.core.placement.rules import Rules
from app.core.scoring import UnknownPolicyError, policy_named
from app.core.state.shown_gates import with_shown_gates
from app.core.state.state import kind_of
from app.core.versions import NEWEST, KubernetesVersion, VersionError, is_newer_than_known, version_named
from app.core.versions.cluster_version import ClusterVersion

Body = TypeVar("Body", bound=BaseModel)

_INCOMPLETE = (
    "the replica that responds does not decide for kube-scheduler: devices that the other one has reserved "
    "or assumed, and not yet written, count as free"
)


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """The body in the OpenAPI document. The endpoints decode it themselves.

    YAML is only in the text: generators of clients leave a body out whose type they do not know.
    """
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {"application/json": {"schema": schema}}
    text = "The same in YAML is accepted as `application/yaml`."
    return {"requestBody": {"description": text, "required": True, "content": content}}


@asynccontextmanager
async def read_request(
    request: Request, service: Service, model: type[Body]
) -> AsyncIterator[tuple[Body, Expensive]]:
    """The request, and the place in which it is answered.

    Raises: HttpError, 400, 413, 415, 422, 429 if there is no place, 503 before the first sync.
    """
    settings = service.settings
    content = await read_body(request, settings.api_body_bytes, settings.body_timeout_seconds)
    async with service.expensive(request) as work:
        raw = await decode_any(content, request, settings.api_body_bytes, work.time_slice, work.stop)
        work.leftovers.append(partial(emptied, raw))
        try:
            body = model.model_validate(raw)
        except ValidationError as error:
            raise invalid_fields(error) from None
        yield body, work


@dataclass(frozen=True, slots=True, eq=False)
class PreparedRun:
    """One dry run: the cluster to evaluate, the rules, its time slice and its deadline."""

    overlay: Overlay
    rules: Rules
    work: Expensive


async def dry_run(service: Service, body: Scenario, work: Expensive) -> PreparedRun:
    """Sets a dry run up. Raises: HttpError, 422, or 503 if time was up."""
    rules = _rules(service, body)
    version = rules.features.version
    try:
        overlay = await work.time_slice.run(partial(lay_over, service.state, body, version), work.stop)
    except InterruptedWorkError:
        raise work.time_up("the objects could not be read", "objects") from None
    work.leftovers.append(overlay.state.let_go)
    if body.kubernetes_version and is_newer_than_known(body.kubernetes_version):
        text = f"Kubernetes {body.kubernetes_version} is not known: the rules of {NEWEST} are used"
        overlay = replace(overlay, notes=(text, *overlay.notes))
    if body.inventory == "live" and not service.decides:
        overlay = replace(overlay, notes=(_INCOMPLETE, *overlay.notes))
    return PreparedRun(overlay, rules, work)


def _rules(service: Service, body: Scenario) -> Rules:
    policy = body.policy or service.rules.policy
    try:
        policy_named(policy)
    except UnknownPolicyError as error:
        raise HttpError(422, "InvalidField", str(error), "policy") from None
    try:
        features = _version_features(service, body.kubernetes_version).switched(body.features)
    except VersionError as error:
        raise HttpError(422, "InvalidField", str(error), "kubernetesVersion") from None
    except UnknownFeatureError as error:
        raise HttpError(422, "InvalidField", str(error), "features") from None
    return replace(
        service.rules,
        policy=policy,
        policy_fixed=bool(body.policy),
        features=features,
        node_checks=body.node_checks,
        generate_claims=True,
        other_namespaces=True,
    )


def _version_features(service: Service, name: str | None) -> Features:
    """Those of the cluster, or of another version by default. Raises: VersionError."""
    version = service.kubernetes.version if name is None else version_named(name)
    if version is service.kubernetes.version:
        return service.rules.features
    return service.settings.features_of(with_shown_gates(ClusterVersion(version=version), service.state))


async def pods_in(
    body: PlacementRequest | WaitingPods, names: Sequence[str], most: int, run: PreparedRun
) -> tuple[list[Pod], list[str]]:
    """The Pods in order, at most ``most``, and the assumptions about unknown kinds.

    Raises: HttpError, 422, or 503 after the time limit.
    """
    notes: list[str] = []
    known = run.overlay.state.nodes
    nodes = [known[name] for name in names if name in known]
    version = run.rules.features.version
    found = paced(islice(_pods(body, nodes, notes, version), most + 1), 8)
    try:
        pods = await run.work.time_slice.run(lambda: list(found), run.work.stop)
    except InterruptedWorkError:
        raise run.work.time_up("the Pods could not be read", "pods") from None
    if len(pods) > most:
        # Without the number: a workload may have billions.
        raise HttpError(422, "TooManyPods", f"more than {most} Pods in one dry run", "replicas")
    return pods, notes


def _pods(
    body: PlacementRequest | WaitingPods, nodes: Sequence[Node], notes: list[str], version: KubernetesVersion
) -> Iterator[Pod]:
    """Yields the Pods one by one. Raises: HttpError, 422."""
    names = dict[tuple[str, str, str], str]()
    for index, raw in enumerate(body.pods):
        pod = pod_of(raw, f"pods[{index}]", version)
        _must_be_new(raw, f"pods[{index}]", names)
        yield pod
    for index, raw in enumerate(body.workloads):
        item = read_placed(raw, f"workloads[{index}]", version)
        _must_be_new(raw, f"workloads[{index}]", names)
        if isinstance(item, Workload):
            notes += item.guesses
        yield from _expanded(item, f"workloads[{index}]", body.replicas, nodes)


def _must_be_new(raw: Any, where: str, names: dict[tuple[str, str, str], str]) -> None:
    """Refuses two objects of one name, whose Pods would have the same names. Raises: HttpError, 422."""
    ref = ref_of(raw)
    if not has_name(raw):
        return
    first = names.setdefault((ref.kind, ref.namespace, ref.name), where)
    if first != where:
        raise HttpError(422, "InvalidObject", f"{ref} is also {first}", f"{where}.metadata.name")


def _expanded(item: Object, where: str, replicas: int | None, nodes: Sequence[Node]) -> Iterable[Pod]:
    if isinstance(item, Workload):
        if replicas is not None and len(item.sets) > 1:
            text = (
                f"{item.kind} {item.meta.name} has {len(item.sets)} Pod templates, each with its own "
                "replica count"
            )
            raise HttpError(422, "InvalidField", text, "replicas")
        return workload_pods(item, nodes, replicas)
    if not isinstance(item, Pod):
        raise HttpError(422, "InvalidObject", f"a {kind_of(item)} creates no Pods", where)
    if replicas is None:
        return [item]
    return (numbered(item, index) for index in range(replicas))


def pod_of(raw: Any, where: str, version: KubernetesVersion) -> Pod:
    """A Pod to place. Raises: HttpError, 422."""
    item = read_placed(raw, where, version)
    if not isinstance(item, Pod):
        raise HttpError(422, "InvalidObject", f"a {raw.get('kind')} is not a Pod", where)
    return item


def numbered(pod: Pod, index: int) -> Pod:
    """A copy of this Pod with its own name."""
    meta = replace(pod.meta, name=f"{pod.meta.name or pod.meta.generate_name}-{index}", uid="")
    return replace(pod, meta=meta)
