"""ResourceClaims, their templates, and their requests."""

from dataclasses import dataclass, field
from typing import Any

from app.core.model import fields
from app.core.model.allocation import Allocation, read_allocation
from app.core.model.device_class import DeviceConfiguration, read_configuration, read_selector
from app.core.model.errors import FieldError
from app.core.model.meta import Meta, read_meta
from app.core.model.quantity import Quantity
from app.core.model.taints import Toleration, read_device_toleration
from app.core.pauses import pause

MAX_DEVICES = 32
"""AllocationResultsMaxSize of the API: devices in one claim."""
_OF_REQUEST, _OF_SELECTOR = 200, 50
"""Characters of a request and a selector beside their texts."""
MAX_RESERVED_FOR = 256
"""ResourceClaimReservedForMaxSize of the API: Pods that may share one claim."""
FINALIZER = "resource.kubernetes.io/delete-protection"
"""On a claim as long as it is allocated, put there before the allocation."""
EXTENDED_ANNOTATION = "resource.kubernetes.io/extended-resource-claim"
"""``"true"`` on a claim that a scheduler has made for a Pod's extended resources."""


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """The specification of one request or subrequest.

    ``name`` is the subrequest's own, or the request's if it has none. ``selectors`` are CEL texts;
    None is a selector of a type not known here. ``capacity`` is None where the field is absent.
    """

    name: str
    device_class: str
    selectors: tuple[str | None, ...] = ()
    allocation_mode: str = "ExactCount"
    count: int = 1
    admin_access: bool | None = None
    tolerations: tuple[Toleration, ...] = ()
    capacity: tuple[tuple[str, Quantity], ...] | None = None
    derived_attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """One request: ``exactly`` one specification, or the first of several that can be met."""

    name: str
    exactly: RequestSpec | None = None
    first_available: tuple[RequestSpec, ...] = ()

    @property
    def options(self) -> tuple[RequestSpec, ...]:
        """The specifications of which one must be met, in order; none if the type of request is unknown."""
        return self.first_available or ((self.exactly,) if self.exactly is not None else ())


@dataclass(frozen=True, slots=True)
class Constraint:
    """A condition over the devices of the named requests (none: all)."""

    requests: tuple[str, ...] = ()
    match_attribute: str | None = None
    distinct_attribute: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimConfiguration:
    """Configuration for the named requests (none: all)."""

    requests: tuple[str, ...]
    configuration: DeviceConfiguration


@dataclass(frozen=True, slots=True)
class ClaimSpec:
    """ResourceClaimSpec. Hashable: claims made from one template have equal specs."""

    requests: tuple[DeviceRequest, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    config: tuple[ClaimConfiguration, ...] = ()
    _hash: int = field(default=0, init=False, repr=False, compare=False)
    _size: int = field(default=0, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        """Kept: that of 8,192 selectors, as many as a claim may have, takes 10 ms."""
        if not self._hash:
            object.__setattr__(self, "_hash", hash((self.requests, self.constraints, self.config)) or 1)
        return self._hash

    @property
    def size(self) -> int:
        """Its characters, roughly. O(selectors), once."""
        if not self._size:
            object.__setattr__(self, "_size", 1 + _size(self))
        return self._size

    @property
    def matched(self) -> frozenset[str]:
        """The attributes by which it keeps devices together. O(constraints)."""
        return frozenset(item.match_attribute for item in self.constraints if item.match_attribute)


def _size(spec: ClaimSpec) -> int:
    size = sum(len(item.configuration.text) for item in spec.config)
    for request in spec.requests:
        for option in (request.exactly, *request.first_available):
            if option is not None:
                size += _OF_REQUEST + sum(_OF_SELECTOR + len(text or "") for text in option.selectors)
    return size


@dataclass(frozen=True, slots=True)
class ConsumerReference:
    """An entry of status.reservedFor."""

    api_group: str
    resource: str
    name: str
    uid: str

    def to_json(self) -> dict[str, str]:
        """As in the API: without the group of the core API."""
        group = {"apiGroup": self.api_group} if self.api_group else {}
        return {**group, "resource": self.resource, "name": self.name, "uid": self.uid}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that a driver reports for a device, with a reason and a message for people."""

    type: str
    status: str
    reason: str = ""
    message: str = ""

    def __str__(self) -> str:
        words = ": ".join(filter(None, (self.reason, self.message)))
        return f"condition {self.type} is {self.status or 'Unknown'}" + (f" ({words})" if words else "")


@dataclass(frozen=True, slots=True)
class AllocatedDeviceStatus:
    """What a driver reports of an allocated device."""

    driver: str
    pool: str
    device: str
    share_id: str | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class ResourceClaim:
    """A claim; ``allocation`` is None until devices have been given to it."""

    meta: Meta
    spec: ClaimSpec
    allocation: Allocation | None = None
    reserved_for: tuple[ConsumerReference, ...] = ()
    device_status: tuple[AllocatedDeviceStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceClaimTemplate:
    """A template, and the labels and annotations of the claims made from it."""

    meta: Meta
    spec: ClaimSpec
    claim_meta: Meta


def read_claim(raw: Any, spec: ClaimSpec | None = None) -> ResourceClaim:
    """Reads a ResourceClaim in v1 form; ``spec`` is what is known of it, since it never changes."""
    source = fields.mapping(raw)
    meta = read_meta(raw, namespaced=True)
    status = fields.child(source, "status")
    if spec is None:
        spec = fields.required(source, "spec", read_claim_spec)
    try:
        return ResourceClaim(
            meta=meta,
            spec=spec,
            allocation=fields.optional(status, "allocation", read_allocation),
            reserved_for=fields.listed(status, "reservedFor", _consumer),
            device_status=fields.listed(status, "devices", _device_status),
        )
    except FieldError as error:
        raise error.under("status") from None


def read_template(raw: Any) -> ResourceClaimTemplate:
    """Reads a ResourceClaimTemplate in v1 form."""
    source = fields.mapping(raw)
    meta = read_meta(raw, namespaced=True)
    template = fields.required(source, "spec", fields.mapping)
    try:
        return ResourceClaimTemplate(
            meta=meta,
            spec=fields.required(template, "spec", read_claim_spec),
            claim_meta=read_meta(template, namespaced=False, name_required=False),
        )
    except FieldError as error:
        raise error.under("spec") from None


def read_claim_spec(raw: Any) -> ClaimSpec:
    """Reads a ResourceClaimSpec, with the defaults that the API server sets."""
    devices = fields.child(fields.mapping(raw), "devices")
    try:
        return ClaimSpec(
            requests=fields.listed(devices, "requests", _request),
            constraints=fields.listed(devices, "constraints", _constraint),
            config=fields.listed(devices, "config", _configuration),
        )
    except FieldError as error:
        raise error.under("devices") from None


def _request(raw: Any) -> DeviceRequest:
    source = fields.mapping(raw)
    name = fields.required(source, "name", fields.text)
    return DeviceRequest(
        name=name,
        exactly=fields.optional(source, "exactly", lambda item: _request_spec(item, name)),
        first_available=fields.listed(source, "firstAvailable", lambda item: _request_spec(item, None)),
    )


def _request_spec(raw: Any, name: str | None) -> RequestSpec:
    pause()  # a claim has up to 256 of these, with 32 selectors each
    source = fields.mapping(raw)
    mode = fields.default(source, "allocationMode", fields.text, "") or "ExactCount"
    count = fields.default(source, "count", fields.integer, 0)
    return RequestSpec(
        name=fields.required(source, "name", fields.text) if name is None else name,
        device_class=fields.default(source, "deviceClassName", fields.text, ""),
        selectors=fields.listed(source, "selectors", read_selector),
        allocation_mode=mode,
        count=1 if count == 0 and mode == "ExactCount" else count,
        admin_access=fields.optional(source, "adminAccess", fields.boolean) if name is not None else None,
        tolerations=fields.listed(source, "tolerations", read_device_toleration),
        capacity=fields.optional(source, "capacity", _capacity_requirements),
        derived_attributes=fields.listed(source, "derivedAttributes", _derived_attribute),
    )


def _capacity_requirements(raw: Any) -> tuple[tuple[str, Quantity], ...]:
    return tuple(sorted(fields.mapped(fields.mapping(raw), "requests", fields.quantity).items()))


def _derived_attribute(raw: Any) -> tuple[str, str]:
    source = fields.mapping(raw)
    return (
        fields.required(source, "name", fields.text),
        fields.required(source, "expression", fields.text),
    )


def _constraint(raw: Any) -> Constraint:
    source = fields.mapping(raw)
    return Constraint(
        requests=fields.listed(source, "requests", fields.text),
        match_attribute=fields.optional(source, "matchAttribute", fields.text),
        distinct_attribute=fields.optional(source, "distinctAttribute", fields.text),
    )


def _configuration(raw: Any) -> ClaimConfiguration:
    return ClaimConfiguration(
        requests=fields.listed(fields.mapping(raw), "requests", fields.text),
        configuration=read_configuration(raw),
    )


def _consumer(raw: Any) -> ConsumerReference:
    source = fields.mapping(raw)
    return ConsumerReference(
        api_group=fields.default(source, "apiGroup", fields.text, ""),
        resource=fields.default(source, "resource", fields.text, ""),
        name=fields.default(source, "name", fields.text, ""),
        uid=fields.default(source, "uid", fields.text, ""),
    )


def _device_status(raw: Any) -> AllocatedDeviceStatus:
    source = fields.mapping(raw)
    return AllocatedDeviceStatus(
        driver=fields.default(source, "driver", fields.text, ""),
        pool=fields.default(source, "pool", fields.text, ""),
        device=fields.default(source, "device", fields.text, ""),
        share_id=fields.optional(source, "shareID", fields.text),
        conditions=fields.listed(source, "conditions", _condition),
    )


def _condition(raw: Any) -> Condition:
    source = fields.mapping(raw)
    return Condition(
        type=fields.default(source, "type", fields.text, ""),
        status=fields.default(source, "status", fields.text, ""),
        reason=fields.default(source, "reason", fields.text, ""),
        message=fields.default(source, "message", fields.text, ""),
    )
