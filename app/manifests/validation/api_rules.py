"""The API server's validation of claims, classes and taint rules, beyond types.

The rules are those of pkg/apis/resource/validation in k8s.io/kubernetes, without those of CEL.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.admin_access import refusal
from app.core.model.parse import ref_of
from app.core.model.resource_claim import MAX_DEVICES
from app.core.model.versions import FLAT_REQUEST_FIELDS
from app.core.pauses import paced_if_many
from app.core.versions.kubernetes_version import ADMIN_ACCESS_LABEL
from app.manifests.validation.api_table import NEWEST, Span
from app.manifests.validation.shapes import Path, claim_devices, items, request_specs, requests

Problems = Iterator[tuple[Path, str]]

_MAX = {"requests": 32, "constraints": 32, "config": 32, "selectors": 32, "firstAvailable": 8}
_MAX_PARAMETERS = 10 * 1024
_MAX_LABEL, _MAX_DRIVER, _MAX_ID, _MAX_SUBDOMAIN = 63, 63, 32, 253
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_APART = Span("1.35")
"""The versions in which a slice may not hold both counters and devices."""
_OPERATORS = ("Exists", "Equal")
_EFFECTS = ("NoSchedule", "NoExecute")
_NO_EFFECT = Span("1.35")
"""The versions in which a taint can be without effect: None."""
_SHOWN = 253
"""Letters of a value in a message: as many as the longest valid name has."""


def name_rules(raw: JsonObject) -> Problems:
    """Of any object: its name, or what the API server makes a name from, and its namespace. O(1)."""
    found = raw.get("metadata")
    meta: JsonObject = found if isinstance(found, dict) else {}
    for field in ("name", "generateName"):
        name = meta.get(field)
        # As maskTrailingDash: what follows is made by the API server.
        whole = f"{name[:-1]}a" if field != "name" and isinstance(name, str) and name.endswith("-") else name
        if isinstance(whole, str) and whole and not _fits(whole, _SUBDOMAIN, _MAX_SUBDOMAIN):
            text = "must be lower-case letters, digits, '-' and '.', at most"
            yield ("metadata", field), f"{text} {_MAX_SUBDOMAIN}, not {quoted(name)}"
    namespace = meta.get("namespace")
    if isinstance(namespace, str) and namespace and not is_label(namespace):
        text = f"must be lower-case letters, digits and '-', at most {_MAX_LABEL}, not {quoted(namespace)}"
        yield ("metadata", "namespace"), text


def quoted(value: Any) -> str:
    """A value as a message shows it: a request may have one of megabytes."""
    return repr(value if not isinstance(value, str) or len(value) <= _SHOWN else f"{value[:_SHOWN]}…")


def claim_rules(raw: JsonObject, minor: str = NEWEST) -> Problems:
    """Checks a claim or a template, for the API server of a minor version. Cost: O(size of the spec)."""
    at, devices = claim_devices(raw)
    for name in ("requests", "constraints", "config"):
        yield from _sized(at, devices, name)
    names = set[str]()
    for path, request in requests(raw):
        yield from _named(path, request, names, "")
        yield from _request(path, request, names, minor)
    for path, constraint in items(devices, "constraints", at):
        yield from _about(path, constraint, names)
        yield from _constraint(path, constraint)
    for path, config in items(devices, "config", at):
        yield from _about(path, config, names)
        yield from _config(path, config)


def number_rules(raw: JsonObject) -> Problems:
    """More devices than a claim holds: the API server accepts them, and no allocator finds them.

    Cost: O(requests).
    """
    at, _ = claim_devices(raw)
    for path, request in requests(raw):
        for of_request, spec in request_specs(path, request):
            count = spec.get("count")
            if isinstance(count, int) and count > MAX_DEVICES:
                yield (*of_request, "count"), f"a claim holds at most {MAX_DEVICES} devices, not {count}"
    least = [_least(path, request) for path, request in requests(raw)]
    if sum(least) > MAX_DEVICES and max(least) <= MAX_DEVICES:
        text = f"the requests are for {sum(least)} devices together, and a claim holds at most {MAX_DEVICES}"
        yield (*at, "requests"), f"{text}: ask for them in two claims"


def _least(path: Path, request: JsonObject) -> int:
    """The fewest devices that a request can be met with."""
    counts = []
    for _, spec in request_specs(path, request):
        count = spec.get("count")
        counts.append(count if isinstance(count, int) and spec.get("allocationMode") != "All" else 1)
    return min(counts, default=0)


def admin_rules(
    raw: JsonObject, labels: Mapping[str, Mapping[str, Any]], label: str = ADMIN_ACCESS_LABEL
) -> Problems:
    """Of a claim or a template in a namespace whose labels are known: adminAccess needs ``label``."""
    text = refusal(ref_of(raw).namespace, labels, label)
    for path, request in requests(raw) if text else ():
        for at, spec in request_specs(path, request):
            if spec.get("adminAccess") is True:
                yield (*at, "adminAccess"), text


def class_rules(raw: JsonObject) -> Problems:
    """Checks a DeviceClass. Cost: O(selectors and configurations)."""
    spec = raw.get("spec")
    if raw.get("kind") != "DeviceClass" or not isinstance(spec, dict):
        return
    path: Path = ("spec",)
    yield from _selectors(path, spec)
    yield from _sized(path, spec, "config")
    for at, config in items(spec, "config", path):
        yield from _config(at, config)
    name = spec.get("extendedResourceName")
    if isinstance(name, str) and not _extended(name):
        text = f"must be your domain and a name, like example.com/gpu, not {quoted(name)}"
        yield (*path, "extendedResourceName"), text


def slice_rules(raw: JsonObject, minor: str) -> Problems:
    """Of a ResourceSlice, for the API server of a minor version. O(1)."""
    spec = raw.get("spec")
    if raw.get("kind") != "ResourceSlice" or not isinstance(spec, dict):
        return
    if spec.get("sharedCounters") is not None and spec.get("devices") is not None and _APART.has(minor):
        text = "a slice holds either sharedCounters or devices since Kubernetes 1.35: publish two slices"
        yield ("spec", "sharedCounters"), text


def taint_rules(raw: JsonObject, minor: str) -> Problems:
    """Checks a DeviceTaintRule, for the API server of a minor version. Cost: O(1)."""
    spec = raw.get("spec")
    taint = spec.get("taint") if isinstance(spec, dict) else None
    if raw.get("kind") != "DeviceTaintRule" or not isinstance(taint, dict):
        return
    path: Path = ("spec", "taint")
    key, effect = taint.get("key"), taint.get("effect")
    if not key:
        yield path, "key is missing"
    elif isinstance(key, str) and not _label_key(key):
        yield (
            (*path, "key"),
            f"must be a name, or a domain and a name, like example.com/repair, not {quoted(key)}",
        )
    if not effect:
        yield path, "effect is missing"
    elif effect not in _effects(minor):
        yield (*path, "effect"), f"must be {' or '.join(_effects(minor))}, not {quoted(effect)}"


def _effects(minor: str) -> tuple[str, ...]:
    return (*_EFFECTS, "None") if _NO_EFFECT.has(minor) else _EFFECTS


def _request(path: Path, request: JsonObject, names: set[str], minor: str) -> Problems:
    flat = any(request.get(name) is not None for name in FLAT_REQUEST_FIELDS)
    forms = (request.get("exactly") is not None or flat) + bool(request.get("firstAvailable"))
    if forms != 1:
        yield path, "a request needs exactly one of exactly and firstAvailable"
        return
    yield from _sized(path, request, "firstAvailable")
    for at, spec in request_specs(path, request):
        if request.get("firstAvailable"):
            yield from _named(at, spec, names, f"{request.get('name')}/")
        yield from _specification(at, spec, minor)


def _specification(path: Path, spec: JsonObject, minor: str) -> Problems:
    name = spec.get("deviceClassName")
    if not name:
        yield path, "deviceClassName is missing"
    elif isinstance(name, str) and not _fits(name, _SUBDOMAIN, _MAX_SUBDOMAIN):
        text = f"must be lower-case letters, digits, '-' and '.', as the name of a class, not {quoted(name)}"
        yield (*path, "deviceClassName"), text
    yield from _amount(path, spec)
    yield from _selectors(path, spec)
    for at, toleration in items(spec, "tolerations", path):
        yield from _toleration(at, toleration, minor)


def _selectors(path: Path, spec: JsonObject) -> Problems:
    yield from _sized(path, spec, "selectors")
    for at, selector in items(spec, "selectors", path):
        if selector.get("cel") is None:
            yield at, "cel is missing"


def _amount(path: Path, spec: JsonObject) -> Problems:
    count, mode = spec.get("count"), spec.get("allocationMode")
    if isinstance(count, int) and not isinstance(count, bool):
        if count < 0 or (count == 0 and mode in (None, "", "ExactCount")):
            yield (*path, "count"), "must be greater than 0"
        if mode == "All" and count != 0:
            yield (*path, "count"), "allocationMode All takes no count"
    if mode not in (None, "", "ExactCount", "All"):
        yield (*path, "allocationMode"), f"must be ExactCount or All, not {quoted(mode)}"


def _toleration(path: Path, toleration: JsonObject, minor: str) -> Problems:
    operator, effect = toleration.get("operator"), toleration.get("effect")
    if operator not in (None, "", *_OPERATORS):
        yield (*path, "operator"), f"must be {' or '.join(_OPERATORS)}, not {quoted(operator)}"
    if operator == "Exists" and toleration.get("value"):
        yield (*path, "value"), "operator Exists takes no value"
    if effect not in (None, "", *_effects(minor)):
        yield (*path, "effect"), f"must be {', '.join(_effects(minor))} or left out, not {quoted(effect)}"


def _constraint(path: Path, constraint: JsonObject) -> Problems:
    fields = [name for name in ("matchAttribute", "distinctAttribute") if constraint.get(name) is not None]
    if not fields:
        yield path, "a constraint needs matchAttribute or distinctAttribute"
    for field in fields[:1]:
        name = constraint[field]
        if isinstance(name, str) and not _qualified(name):
            yield (
                (*path, field),
                f"must be a domain and a name, like gpu.example.com/numa, not {quoted(name)}",
            )


def _config(path: Path, config: JsonObject) -> Problems:
    opaque = config.get("opaque")
    if not isinstance(opaque, dict):
        yield path, "opaque is missing"
        return
    driver, parameters = opaque.get("driver"), opaque.get("parameters")
    if not driver:
        yield (*path, "opaque"), "driver is missing"
    elif isinstance(driver, str) and not _fits(driver.lower(), _SUBDOMAIN, _MAX_DRIVER):
        yield (*path, "opaque", "driver"), f"must be the name of a driver, not {quoted(driver)}"
    if parameters is None:
        yield (*path, "opaque"), "parameters are missing"
    elif not isinstance(parameters, dict):
        yield (*path, "opaque", "parameters"), "must be an object"
    elif _is_large(parameters):
        yield (*path, "opaque", "parameters"), f"must be at most {_MAX_PARAMETERS:,} bytes of JSON"


def _is_large(parameters: JsonObject) -> bool:
    """Whether it is more JSON than a configuration may have. Cost: O(its limit), however large it is."""
    size, rest = 0, [parameters]
    while rest and size <= _MAX_PARAMETERS:
        value: Any = rest.pop()
        size += len(value) if isinstance(value, str | list | dict) else 1
        if isinstance(value, list | dict) and size <= _MAX_PARAMETERS:
            rest += value if isinstance(value, list) else [*value, *value.values()]
    if size > _MAX_PARAMETERS:
        return True
    return len(json.dumps(parameters, separators=(",", ":"), default=str).encode()) > _MAX_PARAMETERS


def _named(path: Path, item: JsonObject, names: set[str], under: str) -> Problems:
    """Adds the name, which must be unique."""
    name = item.get("name")
    if not isinstance(name, str) or not name:
        return  # a type or a field that is missing: reported elsewhere
    if not _fits(name, _LABEL, _MAX_LABEL):
        text = f"must be lower-case letters, digits and '-', at most {_MAX_LABEL}, not {quoted(name)}"
        yield (*path, "name"), text
    if f"{under}{name}" in names:
        yield (*path, "name"), f"duplicate request name {quoted(name)}"
    names.add(f"{under}{name}")


def _about(path: Path, item: JsonObject, names: set[str]) -> Problems:
    """Checks the request names of a constraint or a configuration."""
    named, seen = item.get("requests"), set[str]()
    for number, name in enumerate(paced_if_many(named) if isinstance(named, list) else ()):
        if not isinstance(name, str):
            continue  # a wrong type: reported elsewhere
        if name not in names:
            yield (*path, "requests", number), f"there is no request {quoted(name)}"
        elif name in seen:
            yield (*path, "requests", number), f"request {quoted(name)} is named twice"
        seen.add(name)


def is_label(name: str) -> bool:
    """Whether a name is a DNS label, as those of requests and of a Pod's claims are."""
    return _fits(name, _LABEL, _MAX_LABEL)


def _sized(path: Path, owner: JsonObject, name: str) -> Problems:
    values = owner.get(name)
    if isinstance(values, list) and len(values) > _MAX[name]:
        yield (*path, name), f"at most {_MAX[name]}, not {len(values)}"


def _qualified(name: str) -> bool:
    domain, _, own = name.partition("/")
    return _fits(domain.lower(), _SUBDOMAIN, _MAX_DRIVER) and _fits(own, _IDENTIFIER, _MAX_ID)


def _label_key(key: str) -> bool:
    """A key of a label or taint: the domain is optional."""
    domain, slash, name = key.rpartition("/")
    return (not slash or _fits(domain, _SUBDOMAIN, _MAX_SUBDOMAIN)) and _fits(name, _LABEL_NAME, _MAX_LABEL)


def _extended(name: str) -> bool:
    """As IsExtendedResourceName: not a native resource, and not the name of a quota."""
    of_others = "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")
    return of_others and _label_key(f"requests.{name}")


def _fits(text: str, form: "re.Pattern[str]", most: int) -> bool:
    return len(text) <= most and form.match(text) is not None
