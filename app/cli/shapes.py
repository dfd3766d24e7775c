"""Finding one's way in raw objects that may be broken: requests, selectors, Pod templates."""

from collections.abc import Iterator
from typing import Any

from app.core.json_object import JsonObject

Path = tuple[str | int, ...]

_TEMPLATE: Path = ("spec", "template", "spec")
_POD_SPECS: dict[str, Path] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", *_TEMPLATE),
    "Job": _TEMPLATE,
    "Deployment": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
    "DaemonSet": _TEMPLATE,
}


_CLAIM_SPECS: dict[str, Path] = {"ResourceClaim": ("spec",), "ResourceClaimTemplate": ("spec", "spec")}


def pod_spec(raw: JsonObject) -> tuple[Path, JsonObject | None]:
    """The PodSpec of a Pod or workload, and its path; None where there is none."""
    path = _POD_SPECS.get(str(raw.get("kind")))
    if path is None:
        return (), None
    return path, _descend(raw, path)


def claim_devices(raw: JsonObject) -> tuple[Path, JsonObject]:
    """``spec.devices`` of a claim or template, and its path; empty where there is none."""
    path = _CLAIM_SPECS.get(str(raw.get("kind")))
    if path is None:
        return (), {}
    return (*path, "devices"), _descend(raw, (*path, "devices")) or {}


def requests(raw: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    """The requests of a claim or template."""
    path, devices = claim_devices(raw)
    yield from items(devices, "requests", path)


def request_specs(path: Path, request: JsonObject) -> Iterator[tuple[Path, JsonObject]]:
    """What a request asks for: under ``exactly``, directly (v1beta1), or each of ``firstAvailable``."""
    if request.get("firstAvailable") is not None:
        yield from items(request, "firstAvailable", path)
    elif isinstance(request.get("exactly"), dict):
        yield (*path, "exactly"), request["exactly"]
    else:
        yield path, request


def expressions(raw: JsonObject) -> Iterator[tuple[Path, str]]:
    """Every CEL expression of a class, claim or template."""
    if raw.get("kind") == "DeviceClass":
        yield from _selectors(("spec",), _descend(raw, ("spec",)))
    for path, request in requests(raw):
        for at, spec in request_specs(path, request):
            yield from _selectors(at, spec)


def derived_attributes(raw: JsonObject) -> Iterator[tuple[Path, str]]:
    """The CEL expressions of a claim's or template's derived attributes."""
    for path, request in requests(raw):
        for at, spec in request_specs(path, request):
            for where, attribute in items(spec, "derivedAttributes", at):
                text = attribute.get("expression")
                if isinstance(text, str) and text:
                    yield (*where, "expression"), text


def _selectors(path: Path, owner: JsonObject | None) -> Iterator[tuple[Path, str]]:
    for at, selector in items(owner, "selectors", path):
        cel = selector.get("cel")
        text = cel.get("expression") if isinstance(cel, dict) else None
        if isinstance(text, str):
            yield (*at, "cel", "expression"), text


def items(owner: JsonObject | None, name: str, path: Path) -> Iterator[tuple[Path, JsonObject]]:
    """The objects in a list that the owner has under a name, with their paths."""
    values = owner.get(name) if owner is not None else None
    for index, value in enumerate(values if isinstance(values, list) else ()):
        if isinstance(value, dict):
            yield (*path, name, index), value


def _descend(raw: JsonObject, path: Path) -> JsonObject | None:
    value: Any = raw
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None
