"""Reads requests, selectors and Pod templates from raw objects that may be malformed."""

from collections.abc import Iterator
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.pod_templates import value_at
from app.core.model.workload import claims_path, is_workload, located_templates
from app.core.model.workload_kinds import group_of
from app.core.pauses import paced_if_many

Path = tuple[str | int, ...]

_CLAIM_SPECS: dict[str, Path] = {"ResourceClaim": ("spec",), "ResourceClaimTemplate": ("spec", "spec")}


def pod_specs(raw: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    """The Pod specs in a Pod or a workload of any kind, with their paths. Cost: O(values of the object)."""
    if raw.get("kind") == "Pod" and not is_workload(raw):
        paths: Iterator[Path] = iter([("spec",)])
    else:
        paths = (found.path for found in located_templates(raw))
    for path in paths:
        spec = value_at(raw, path)
        if isinstance(spec, dict):
            yield path, spec


def pods_with_claims(raw: JsonObject) -> Iterator[tuple[Path, JsonObject, list[tuple[Path, JsonObject]]]]:
    """The Pod specs as in ``pod_specs``, each with the entries that name its claims, and their paths.

    In some kinds the entries stand elsewhere, such as in the whole workflow for all of its steps.
    """
    places = {} if raw.get("kind") == "Pod" else {found.path: found for found in located_templates(raw)}
    for path, spec in pod_specs(raw):
        found = places.get(path)
        *above, name = (*path, "resourceClaims") if found is None else claims_path(raw, found)
        owner = value_at(raw, tuple(above))
        entries = items(owner if isinstance(owner, dict) else None, str(name), tuple(above))
        yield path, spec, list(entries)


def containers(path: Path, spec: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    """The containers and init containers of a Pod spec, and those of a step of Argo Workflows, of a service
    of a Dynamo graph and of a model of KServe.
    """
    for group in ("initContainers", "containers", "sidecars"):
        yield from items(spec, group, path)
    for name in ("container", "script", "mainContainer", "model"):
        if isinstance(spec.get(name), dict):
            yield (*path, name), spec[name]
    several = spec.get("containerSet")
    yield from items(several if isinstance(several, dict) else None, "containers", (*path, "containerSet"))


def lacks_restart_policy(raw: JsonObject, spec: JsonObject) -> bool:
    """Whether a Pod spec is of a Job, which needs one of two.

    A patch of a Job, as in Kustomize's files, does not: none of its containers has an image.
    """
    of_job = group_of(raw) == "batch" and raw.get("kind") in ("Job", "CronJob")
    if not of_job or spec.get("restartPolicy") in ("Never", "OnFailure"):
        return False
    found = [container for _, container in containers((), spec)]
    return not found or any(container.get("image") for container in found)


def claim_devices(raw: JsonObject) -> tuple[Path, JsonObject]:
    """``spec.devices`` of a claim or template, and its path; empty if there is none."""
    path = _CLAIM_SPECS.get(str(raw.get("kind")))
    if path is None:
        return (), {}
    return (*path, "devices"), _descend(raw, (*path, "devices")) or {}


def requests(raw: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    """The requests of a claim or template."""
    path, devices = claim_devices(raw)
    yield from items(devices, "requests", path)


def request_specs(path: Path, request: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    """The specifications in a request: under ``exactly``, directly (v1beta1), or each of
    ``firstAvailable``.
    """
    if request.get("firstAvailable") is not None:
        yield from items(request, "firstAvailable", path)
    elif isinstance(request.get("exactly"), dict):
        yield (*path, "exactly"), request["exactly"]
    else:
        yield path, request


def expressions(raw: JsonObject) -> Iterator[tuple[Path, str]]:
    """Every CEL expression of a class, claim or template, and of a DeviceTaintRule of 1.33 and 1.34."""
    if raw.get("kind") == "DeviceClass":
        yield from selectors(("spec",), _descend(raw, ("spec",)))
    if raw.get("kind") == "DeviceTaintRule":
        path: Path = ("spec", "deviceSelector")
        yield from selectors(path, _descend(raw, path))
    for path, request in requests(raw):
        for where, spec in request_specs(path, request):
            yield from selectors(where, spec)


def derived_attributes(raw: JsonObject) -> Iterator[tuple[Path, str]]:
    """The CEL expressions of a claim's or template's derived attributes."""
    for path, request in requests(raw):
        for owner, spec in request_specs(path, request):
            for where, attribute in items(spec, "derivedAttributes", owner):
                text = attribute.get("expression")
                if isinstance(text, str) and text:
                    yield (*where, "expression"), text


def selectors(path: Path, owner: JsonObject | None) -> Iterator[tuple[Path, str]]:
    """The CEL expressions in the selectors of a class or a request."""
    for where, selector in items(owner, "selectors", path):
        cel = selector.get("cel")
        text = cel.get("expression") if isinstance(cel, dict) else None
        if isinstance(text, str):
            yield (*where, "cel", "expression"), text


def items(owner: JsonObject | None, name: str, path: Path) -> Iterator[tuple[Path, JsonObject]]:
    """The objects in a list field of the owner, with their paths."""
    values = owner.get(name) if owner is not None else None
    for index, value in enumerate(paced_if_many(values) if isinstance(values, list) else ()):
        if isinstance(value, dict):
            yield (*path, name, index), value


def _descend(raw: JsonObject, path: Path) -> JsonObject | None:
    value: Any = raw
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None
