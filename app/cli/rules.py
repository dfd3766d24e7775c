"""The rules of ``check``: each looks at one raw object and yields paths and what is wrong there."""

import re
from collections.abc import Iterator
from typing import Any

from app.cli.inventory_names import Names
from app.cli.schema import unknown_fields
from app.cli.shapes import (
    Path,
    claim_devices,
    derived_attributes,
    expressions,
    pod_spec,
    request_specs,
    requests,
)
from app.core.model.errors import ObjectError
from app.core.model.parse import parse, ref_of
from app.core.model.versions import FLAT_REQUEST_FIELDS, GROUP
from app.core.selectors import CelCompileError, CelFeatures
from app.core.selectors.admission import MAX_COST, admit

Problems = Iterator[tuple[Path, str]]

_LOOKUP = re.compile(
    r"""device\.(attributes|capacity)\s*\[\s*(["'])([^"']+)\2\s*\]\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)"""
)


def defects(raw: dict[str, Any]) -> Problems:
    """What an API server refuses and this project understands all the same; ``convert`` repairs it."""
    version = str(raw.get("apiVersion"))
    if version == f"{GROUP}/v1alpha3" and raw.get("kind") != "DeviceTaintRule":
        yield (
            ("apiVersion",),
            f"{version} is served for DeviceTaintRules alone (repair: dra-extender convert)",
        )
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
    if raw.get("kind") in ("Job", "CronJob"):
        path, spec = pod_spec(raw)
        if spec is not None and spec.get("restartPolicy") not in ("Never", "OnFailure"):
            at = (*path, "restartPolicy") if "restartPolicy" in spec else path
            text = "the Pods of a Job need restartPolicy: Never or OnFailure (repair: dra-extender convert)"
            yield at, text


def misspelt(raw: dict[str, Any]) -> Problems:
    """Fields that no version of resource.k8s.io has."""
    if str(raw.get("apiVersion")).startswith(f"{GROUP}/"):
        yield from unknown_fields(raw)


def pod_rules(raw: dict[str, Any]) -> Problems:
    """Containers may only use claims that their Pod names."""
    path, spec = pod_spec(raw)
    if spec is None:
        return
    entries = spec.get("resourceClaims")
    # A list: what is no text may not be hashable.
    known = [
        entry.get("name")
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    ]
    for group in ("initContainers", "containers"):
        containers = spec.get(group)
        for index, container in enumerate(containers if isinstance(containers, list) else ()):
            resources = container.get("resources") if isinstance(container, dict) else None
            used = resources.get("claims") if isinstance(resources, dict) else None
            for number, claim in enumerate(used if isinstance(used, list) else ()):
                name = claim.get("name") if isinstance(claim, dict) else None
                if name not in known:
                    at = (*path, group, index, "resources", "claims", number)
                    yield at, f"the Pod has no {name!r} in spec.resourceClaims"


def references(raw: dict[str, Any], names: Names) -> Problems:
    """Classes, claims, templates and attributes that nothing in files and inventory provides."""
    namespace = ref_of(raw).namespace
    for path, request in requests(raw):
        for at, spec in request_specs(path, request):
            name = spec.get("deviceClassName")
            if isinstance(name, str) and name and not names.has("DeviceClass", "", name):
                yield (*at, "deviceClassName"), f"there is no DeviceClass {name}"
    path, pod = pod_spec(raw)
    entries = (pod or {}).get("resourceClaims")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        for field, kind in (
            ("resourceClaimName", "ResourceClaim"),
            ("resourceClaimTemplateName", "ResourceClaimTemplate"),
        ):
            name = entry.get(field) if isinstance(entry, dict) else None
            if isinstance(name, str) and not names.has(kind, namespace, name):
                yield (*path, "resourceClaims", index, field), f"there is no {kind} {namespace}/{name}"
    yield from _attributes(raw, names)


def _attributes(raw: dict[str, Any], names: Names) -> Problems:
    at, devices = claim_devices(raw)
    constraints = devices.get("constraints")
    for index, constraint in enumerate(constraints if isinstance(constraints, list) else ()):
        for field in ("matchAttribute", "distinctAttribute"):
            name = constraint.get(field) if isinstance(constraint, dict) else None
            if isinstance(name, str) and "/" in name and name not in names.attributes:
                yield (*at, "constraints", index, field), f"no device has the attribute {name}"
    for path, text in expressions(raw):
        for kind, _, domain, name in _LOOKUP.findall(text):
            have = names.attributes if kind == "attributes" else names.capacities
            if f"{domain}/{name}" not in have:
                what = "attribute" if kind == "attributes" else "capacity"
                yield path, f"no device has the {what} {domain}/{name}"


Place = tuple[Path, int, int, str]
"""A path, line (from 1) and column (from 0) in the text there, and what is wrong."""


def cel_errors(raw: dict[str, Any], features: CelFeatures) -> Iterator[Place]:
    """CEL that an API server with these features refuses: as it validates what is written.

    kube-scheduler goes by less: see ``app.core.selectors.admission``.
    """
    for path, text in expressions(raw):
        error = admit(text, features).error
        if error is not None:
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
                f"together, and with this one it is {total:,}"
            )
            yield path, 1, 0, message


def _placed(path: Path, error: CelCompileError) -> Place:
    column = f" (column {error.column + 1})" if error.column is not None else ""
    return path, error.line or 1, error.column or 0, f"CEL: {error.message}{column}"


def unreadable(raw: Any) -> Iterator[tuple[str, str]]:
    """Values of the wrong type and missing fields; the path as text."""
    try:
        parse(raw)
    except ObjectError as error:
        yield error.path, f"{error.path}: {error.reason}" if error.path else error.reason
