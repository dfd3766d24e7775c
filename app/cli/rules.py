"""The rules of ``check``: each checks one raw object and yields paths and messages."""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from app.cli.cel_lookups import Lookup, required_lookups, slips
from app.cli.inventory_names import Names
from app.cli.unrendered import unrendered
from app.core.cel.compiler.compiler import place
from app.core.model.errors import ObjectError
from app.core.model.extended_resources import is_extended
from app.core.model.parse import parse, ref_of
from app.core.model.pod_templates import value_at
from app.core.model.versions import FLAT_REQUEST_FIELDS, GROUP
from app.core.selectors import CelCompileError, CelFeatures
from app.core.selectors.admission import MAX_COST, admit
from app.manifests.validation.shapes import (
    Path,
    claim_devices,
    containers,
    derived_attributes,
    expressions,
    items,
    lacks_restart_policy,
    pod_specs,
    pods_with_claims,
    request_specs,
    requests,
    selectors,
)

Problems = Iterator[tuple[Path, str]]

_ALIKE = 0.8
"""Similarity above which a domain or a name counts as a misspelling of another."""
_REFERENCES = (
    ("resourceClaimName", "ResourceClaim"),
    ("resourceClaimTemplateName", "ResourceClaimTemplate"),
)


def defects(raw: dict[str, Any]) -> Problems:
    """Forms that an API server refuses and this project accepts; ``convert`` repairs them."""
    version = str(raw.get("apiVersion"))
    if version in (f"{GROUP}/v1", f"{GROUP}/v1beta2"):
        for path, request in requests(raw):
            flat = [name for name in request if name in FLAT_REQUEST_FIELDS and request[name] is not None]
            if flat and request.get("exactly") is None:
                yield (
                    (*path, flat[0]),
                    f"{version} has {', '.join(flat)} of a request under `exactly`, an API server "
                    "refuses it here (repair: dra-extender convert)",
                )
        devices = raw.get("spec") if raw.get("kind") == "ResourceSlice" else None
        listed = devices.get("devices") if isinstance(devices, dict) else None
        for index, device in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(device, dict) and device.get("basic") is not None:
                message = f"{version} has no `basic` in a device (repair: dra-extender convert)"
                yield ("spec", "devices", index, "basic"), message
    for path, spec in pod_specs(raw):
        if lacks_restart_policy(raw, spec):
            at = (*path, "restartPolicy") if "restartPolicy" in spec else path
            text = "the Pods of a Job need restartPolicy: Never or OnFailure (repair: dra-extender convert)"
            yield at, text


def pod_rules(raw: dict[str, Any], names: Names) -> Problems:
    """Containers and virtual machines may only use claims that their Pod names, and requests of those."""
    namespace = ref_of(raw).namespace or "default"
    for path, spec, named in pods_with_claims(raw):
        entries = [entry for _, entry in named]
        for at, name, field, request in _used(path, spec):
            # Not by a set: a value of another type may not be hashable.
            entry = next((entry for entry in entries if entry.get("name") == name), None)
            if entry is None:
                yield at, f"the Pod has no {name!r} in spec.resourceClaims"
            elif isinstance(request, str) and request:
                yield from _request_of(entry, (*at, field), request, namespace, names)


def _used(path: Path, spec: dict[str, Any]) -> Iterator[tuple[Path, Any, str, Any]]:
    """Where a claim is used, its name, and the request with the field that names it."""
    for at, container in containers(path, spec):
        resources = container.get("resources")
        if isinstance(resources, dict):
            for where, claim in items(resources, "claims", (*at, "resources")):
                yield where, claim.get("name"), "request", claim.get("request")
    domain = spec.get("domain")
    devices = domain.get("devices") if isinstance(domain, dict) else None
    for group in ("gpus", "hostDevices"):
        for where, device in items(
            devices if isinstance(devices, dict) else {}, group, (*path, "domain", "devices")
        ):
            if device.get("claimName") is not None:
                yield where, device["claimName"], "requestName", device.get("requestName")


def _request_of(entry: dict[str, Any], at: Path, request: str, namespace: str, names: Names) -> Problems:
    for field, kind in _REFERENCES:
        known = names.requests.get((kind, namespace, str(entry.get(field))))
        if known is not None and request not in known:
            meant = get_close_matches(request, known, n=1)
            hint = f", did you mean {meant[0]}?" if meant else f", only {', '.join(sorted(known))}"
            yield at, f"{kind} {entry[field]} has no request {request!r}{hint}"


def references(raw: dict[str, Any], names: Names) -> Problems:
    """Classes, claims, templates, resources and attributes that neither files nor the inventory provide."""
    namespace = ref_of(raw).namespace or "default"
    for path, request in requests(raw):
        for at, spec in request_specs(path, request):
            name = spec.get("deviceClassName")
            if isinstance(name, str) and name and not names.has("DeviceClass", "", name):
                yield (*at, "deviceClassName"), f"DeviceClass {name} not found"
    for path, pod, entries in pods_with_claims(raw):
        for at, entry in entries:
            yield from _claim_of(at, entry, namespace, names)
        yield from _resources(path, pod, names)
    yield from _attributes(raw, names)


def _claim_of(at: Path, entry: dict[str, Any], namespace: str, names: Names) -> Problems:
    for field, kind in _REFERENCES:
        name = entry.get(field)
        if isinstance(name, str) and not names.has(kind, namespace, name):
            other = names.elsewhere(kind, name)
            hint = f"; namespace {other} has one of this name" if other else ""
            yield (*at, field), f"{kind} {namespace}/{name} not found{hint}"


def _resources(path: Path, spec: dict[str, Any], names: Names) -> Problems:
    """Extended resources that no class and no node provides."""
    for at, container in containers(path, spec):
        resources = container.get("resources")
        seen = set[str]()
        for side in ("limits", "requests"):
            quantities = resources.get(side) if isinstance(resources, dict) else None
            for name in map(str, quantities if isinstance(quantities, dict) else ()):
                if name not in seen and is_extended(name) and name not in names.resources:
                    yield (*at, "resources", side, name), f"no DeviceClass and no node offers {name}"
                seen.add(name)


def _attributes(raw: dict[str, Any], names: Names) -> Problems:
    at, devices = claim_devices(raw)
    for where, constraint in items(devices, "constraints", at):
        for field in ("matchAttribute", "distinctAttribute"):
            name = constraint.get(field)
            if isinstance(name, str) and "/" in name and name not in names.attributes:
                yield (*where, field), f"no device has the attribute {name}"
    if raw.get("kind") == "DeviceClass":
        yield from _missing(expressions(raw), names)
    for path, request in requests(raw):
        ways = [list(_missing(selectors(way, spec), names)) for way, spec in request_specs(path, request)]
        # Alternatives exist because not every cluster has all of them.
        if all(ways):
            yield from (problem for way in ways for problem in way)


def _missing(texts: Iterable[tuple[Path, str]], names: Names) -> Problems:
    for path, text in texts:
        if any(slips(text)):
            continue  # reported separately, as the cause
        for lookup in required_lookups(text):
            have = names.attributes if lookup.kind == "attributes" else names.capacities
            if f"{lookup.domain}/{lookup.name}" not in have:
                what = "attribute" if lookup.kind == "attributes" else "capacity"
                hint = _meant(lookup, names)
                yield path, f"no device has the {what} {lookup.domain}/{lookup.name}{hint}"


def _meant(lookup: Lookup, names: Names) -> str:
    """The other map that has the name, or a similar name of the same."""
    own, other = names.attributes, names.capacities
    where = "capacity"
    if lookup.kind != "attributes":
        own, other, where = other, own, "attributes"
    full = f"{lookup.domain}/{lookup.name}"
    if full in other:
        return f': it is in device.{where}["{lookup.domain}"]'
    close = (known for known in sorted(own) if _alike(known, lookup))
    best = max(close, key=lambda known: SequenceMatcher(None, known, full).ratio(), default="")
    return f", did you mean {best}?" if best else ""


def _alike(known: str, lookup: Lookup) -> bool:
    """Whether both domain and name are: most names share their domain."""
    domain, _, name = known.partition("/")
    pairs = ((domain, lookup.domain), (name.lower(), lookup.name.lower()))
    return all(SequenceMatcher(None, one, other).ratio() >= _ALIKE for one, other in pairs)


def cel_slips(raw: dict[str, Any]) -> Iterator["Place"]:
    """Accessors that ResourceSlices have in YAML, and CEL does not."""
    for path, text in expressions(raw):
        for position, message in slips(text):
            line, column = place(text, position)
            yield path, line or 1, column or 0, message


Place = tuple[Path, int, int, str]
"""A path, line (from 1) and column (from 0) in the text there, and what is wrong."""


def cel_errors(raw: dict[str, Any], features: CelFeatures) -> Iterator[Place]:
    """CEL that an API server with these features refuses at creation.

    kube-scheduler checks less: see ``app.core.selectors.admission``.
    """
    for path, text in expressions(raw):
        error = admit(text, features).error
        if error is not None and not any(slips(text)):  # reported separately, as the cause
            yield _placed(path, error)
    total = 0
    for path, text in derived_attributes(raw):
        admission = admit(text, features, derived=True)
        total += admission.cost
        if admission.error is not None:
            yield _placed(path, admission.error)
        elif total > MAX_COST >= total - admission.cost:
            message = (
                f"CEL: the derived attributes of a claim have an estimated cost of at most {MAX_COST:,} "
                f"together, but with this one it is {total:,}"
            )
            yield path, 1, 0, message


def _placed(path: Path, error: CelCompileError) -> Place:
    column = f" (column {error.column + 1})" if error.column is not None else ""
    return path, error.line or 1, error.column or 0, f"CEL: {error.message}{column}"


def no_object(raw: Any) -> str:
    """Why YAML is not a Kubernetes object; empty if it looks like one."""
    if not isinstance(raw, dict):
        return "not a Kubernetes object (expected a mapping)"
    lacks = [name for name in ("apiVersion", "kind") if raw.get(name) is None]
    if "kind" in lacks and not ("metadata" in raw or "spec" in raw):
        return f"is not a Kubernetes object: it has no {' and no '.join(lacks)}"
    template = unrendered(str(value_at(raw, ("metadata", "name"))))
    return "" if template is None else template[1]


def cause(raw: Any, path: Path, message: str) -> str:
    """The message, or that the value at the path is one of a template, which no rule is about."""
    value = value_at(raw, path)
    template = unrendered(value) if isinstance(value, str) else None
    return message if template is None else template[1]


def unreadable(raw: Any) -> Iterator[tuple[str, str]]:
    """Values of the wrong type and missing fields, with the path as text."""
    try:
        parse(raw)
    except ObjectError as error:
        yield error.path, f"{error.path}: {error.reason}" if error.path else error.reason
