"""The resources of a Pod's containers, one by one, for amounts that its devices add to them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.quantity import Quantity
from app.core.pauses import paced_if_many

_CONTAINERS = ("initContainers", "containers")
_NOBODY: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ContainerPart:
    """The resources of a container. ``passing``: it ends before the containers start."""

    name: str
    requests: Mapping[str, Quantity] = field(default_factory=dict)
    limits: Mapping[str, Quantity] = field(default_factory=dict)
    init: bool = False
    passing: bool = False


@dataclass(frozen=True, slots=True)
class PodParts:
    """Containers in the order in which they start, and the Pod's own resources; ``requests`` in nano
    units."""

    containers: tuple[ContainerPart, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, Quantity] = field(default_factory=dict)
    overhead: Mapping[str, Quantity] = field(default_factory=dict)


def read_claim_users(spec: JsonObject) -> Mapping[str, tuple[str, ...]]:
    """The containers that use each claim, by its name in the Pod. O(containers), none without claims.

    Raises: FieldError, below ``spec``.
    """
    if not spec.get("resourceClaims"):
        return _NOBODY
    found: dict[str, dict[str, None]] = {}
    for part in _CONTAINERS:
        for name, claims in paced_if_many(fields.listed(spec, part, _claims)):
            for claim in claims:
                found.setdefault(claim, {})[name] = None
    return {claim: tuple(names) for claim, names in found.items()}


def _claims(raw: Any) -> tuple[str, tuple[str, ...]]:
    source = fields.mapping(raw)
    resources = fields.child(source, "resources")
    try:
        claims = fields.listed(resources, "claims", _claim)
    except FieldError as error:
        raise error.under("resources") from None
    return fields.default(source, "name", fields.text, ""), claims


def _claim(raw: Any) -> str:
    if isinstance(raw, str):
        raise FieldError(f"must be an object, like `- name: {raw}`")
    return fields.required(fields.mapping(raw), "name", fields.text)


def read_parts(spec: JsonObject, own: Mapping[str, int]) -> PodParts | None:
    """The parts of a Pod that may get devices; None if their sum is all that matters.

    Args:
        own: the requests of the Pod as a whole.
    Raises: FieldError, below ``spec``.
    """
    if not (spec.get("resources") or spec.get("initContainers")):
        return None
    resources = fields.child(spec, "resources")
    try:
        limits = fields.mapped(resources, "limits", fields.quantity)
    except FieldError as error:
        raise error.under("resources") from None
    containers = [
        container
        for part in _CONTAINERS
        for container in fields.listed(spec, part, _init if part == "initContainers" else _main)
    ]
    overhead = fields.mapped(spec, "overhead", fields.quantity)
    return PodParts(tuple(containers), dict(own), limits, overhead)


def _init(raw: Any) -> ContainerPart:
    return _part(raw, init=True)


def limits_and_requests(source: JsonObject) -> tuple[dict[str, Quantity], dict[str, Quantity]]:
    """The ``resources`` of a container, or of a Pod as a whole. O(resources)."""
    resources = fields.child(source, "resources")
    try:
        limits = fields.mapped(resources, "limits", fields.quantity)
        return limits, fields.mapped(resources, "requests", fields.quantity)
    except FieldError as error:
        raise error.under("resources") from None


def _main(raw: Any) -> ContainerPart:
    return _part(raw, init=False)


def _part(raw: Any, *, init: bool) -> ContainerPart:
    source = fields.mapping(raw)
    limits, requests = limits_and_requests(source)
    restarts = fields.default(source, "restartPolicy", fields.text, "") == "Always"
    name = fields.default(source, "name", fields.text, "")
    # The API server lets a limit stand in for a request that is not given.
    return ContainerPart(name, limits | requests, limits, init, init and not restarts)


def sum_of_containers(
    containers: Iterable[ContainerPart], added: Mapping[str, Mapping[str, int]], *, limits: bool = False
) -> dict[str, int]:
    """What the containers take at most at one time, in nano units: AggregateContainerRequests.

    Containers and sidecars together, or an init container beside the sidecars started before it, if that is
    more.

    Args:
        added: amounts by container that come on top.
        limits: of their limits instead of their requests.
    Cost: O(resources of all containers).
    """
    total: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in paced_if_many(tuple(containers)):
        own = container.limits if limits else container.requests
        amounts = {name: amount.nanos for name, amount in own.items()}
        add(amounts, added.get(container.name, {}))
        if not container.passing:
            add(total, amounts)
            add(sidecars, amounts if container.init else {})
            continue
        add(amounts, sidecars)
        for name, nanos in amounts.items():
            peak[name] = max(peak.get(name, 0), nanos)
    for name, nanos in peak.items():
        total[name] = max(total.get(name, 0), nanos)
    return total


def add(total: dict[str, int], more: Mapping[str, int]) -> None:
    """Adds amounts by name."""
    for name, nanos in more.items():
        total[name] = total.get(name, 0) + nanos
