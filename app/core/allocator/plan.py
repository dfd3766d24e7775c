"""Claims made ready for the search: checked, classes looked up, selectors compiled.

Nothing here depends on a node. One plan serves all nodes of a filter call, and keeps the results of
selectors for each device shape from one node to the next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.core.allocator.capacity import Arithmetic, CapacityError, Charge, arithmetic_of, charge
from app.core.allocator.matching import Attributes, Matcher, NamedSelector, SelectorSource
from app.core.allocator.other_drivers import drivers_of
from app.core.allocator.outcome import AllocationError, Reason
from app.core.model.device import DeviceShape
from app.core.model.device_class import DeviceClass
from app.core.model.features import Features
from app.core.model.fields import MAX_DEPTH
from app.core.model.resource_claim import Constraint, DeviceRequest, RequestSpec, ResourceClaim
from app.core.model.taints import Taint
from app.core.pauses import leave, paced
from app.core.selectors.accepted_drivers import AcceptedDrivers
from app.core.selectors.environment import cel_features
from app.core.versions.channel import Channel

_BLOCKING = frozenset({"NoSchedule", "NoExecute"})


@dataclass(slots=True, eq=False)
class Alternative:
    """One way to meet a request: its only one, or one of its subrequests.

    ``name`` is its name in the result, request or request/subrequest. ``constraints`` are the
    positions of the claim's constraints that apply to it, ``index`` its own among all of the plan.
    """

    index: int
    claim_index: int
    claim: str
    name: str
    rank: int
    spec: RequestSpec
    device_class: DeviceClass
    matcher: Matcher
    attributes: Attributes
    constraints: tuple[int, ...]
    arithmetic: Arithmetic
    is_subrequest: bool
    charges: dict[DeviceShape, Charge | Reason | None] = field(default_factory=dict)
    takes_all: bool = field(init=False)
    """Whether it needs every matching device."""
    admin: bool = field(init=False)
    """Whether it may use devices that are in use."""

    def __post_init__(self) -> None:
        self.takes_all = self.spec.allocation_mode == "All"
        self.admin = bool(self.spec.admin_access)

    @property
    def request(self) -> str:
        """The name of the request, or of the one that it is a subrequest of."""
        return self.name.partition("/")[0]

    def charge(self, shape: DeviceShape) -> Charge | Reason | None:
        """What it takes of such a device; None: it cannot; a Reason: computing that fails."""
        try:
            return self.charges[shape]
        except KeyError:
            pass
        try:
            found: Charge | Reason | None = charge(self.spec.capacity, shape, self.arithmetic)
        except CapacityError as error:
            found = Reason("CapacityInvalid", str(error), self.claim, self.name)
        self.charges[shape] = found
        return found

    def tolerates(self, taints: Sequence[Taint], *, every_effect: bool = False) -> bool:
        """Whether no taint prevents allocation: only NoSchedule and NoExecute can, or ``every_effect``."""
        return all(
            (taint.effect not in _BLOCKING and not every_effect)
            or any(toleration.tolerates(taint) for toleration in self.spec.tolerations)
            for taint in taints
        )


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """A request and its variants: one, or as many as it has subrequests."""

    request: DeviceRequest
    alternatives: tuple[Alternative, ...]
    is_list: bool


@dataclass(frozen=True, slots=True)
class ClaimPlan:
    """A claim and its requests."""

    claim: ResourceClaim
    name: str
    requests: tuple[RequestPlan, ...]
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All claims of one Pod. ``alternatives`` are those of all claims, in order.

    ``selectors`` compiles parts of a selector, to explain a refusal. ``drivers`` are those whose devices a
    request may use.
    """

    claims: tuple[ClaimPlan, ...]
    alternatives: tuple[Alternative, ...]
    features: Features
    channel: Channel
    selectors: SelectorSource
    drivers: AcceptedDrivers = None

    def __del__(self) -> None:
        if len(self.alternatives) > _FEW:
            # The claims end first, so that each step frees what one request has kept.
            leave([*self.alternatives, *self.claims])


_AT_ONCE = 32
"""Claims planned between two pauses."""

_MAX_CHARACTERS = 2 << 20
"""Characters of different selectors in one plan, which keeps all of them: 150 MB compiled. A claim that the
API server accepts has at most 1.5 MiB."""

_FEW = 64
"""Requests and subrequests of a plan that is freed at once. Each may have kept a result for every device."""


class Planner:
    """Turns claims into a plan.

    Raises AllocationError for what in-tree Allocate calls an error whatever the node: a class that is
    not there, a feature that is off, an empty constraint, a selector or mode of unknown type.
    """

    def __init__(
        self, classes: Mapping[str, DeviceClass], features: Features, selectors: SelectorSource
    ) -> None:
        self._classes = classes
        self._features = features
        self._channel = features.channel
        self._selectors = selectors
        self._arithmetic = arithmetic_of(features)
        self._cel_features = cel_features(features)
        self._variants: list[Alternative] = []
        self._texts: set[str] = set()
        self._characters = 0

    def plan(self, claims: Sequence[ResourceClaim]) -> Plan:
        """The plan. O(requests), and the compilation of selectors that are not in the cache."""
        # A Pod may have thousands of claims, whose requests take 20 us each.
        plans = tuple(self._claim(index, claim) for index, claim in enumerate(paced(claims, _AT_ONCE)))
        variants = tuple(self._variants)
        drivers = drivers_of([alternative.matcher for alternative in variants])
        return Plan(plans, variants, self._features, self._channel, self._selectors, drivers)

    def _claim(self, index: int, claim: ResourceClaim) -> ClaimPlan:
        name = f"{claim.meta.namespace}/{claim.meta.name}"
        constraints = claim.spec.constraints
        for number, item in enumerate(claim.spec.config):
            if item.configuration.too_deep:
                raise _too_deep(f"configuration #{number}", name)
        requests = tuple(self._request(index, name, request, constraints) for request in claim.spec.requests)
        for number, constraint in enumerate(constraints):
            if constraint.match_attribute is None and not (
                self._channel.distinct != "never" and constraint.distinct_attribute is not None
            ):
                raise _invalid(
                    "ConstraintUnknown", f"constraint #{number} is of a type that is not supported", name
                )
        return ClaimPlan(claim, name, requests, constraints)

    def _request(
        self, claim_index: int, claim: str, request: DeviceRequest, constraints: tuple[Constraint, ...]
    ) -> RequestPlan:
        if request.first_available and not self._features.prioritized_list:
            raise _disabled("DRAPrioritizedList", "has subrequests", claim, request.name)
        specs = request.options
        if not specs:
            raise _invalid("RequestUnknown", "the request is of an unknown type", claim, request.name)
        is_list = bool(request.first_available)
        alternatives = []
        for rank, spec in enumerate(specs):
            name = f"{request.name}/{spec.name}" if is_list else request.name
            self._check(spec, claim, name)
            alternative = Alternative(
                index=len(self._variants),
                claim_index=claim_index,
                claim=claim,
                name=name,
                rank=rank,
                spec=spec,
                device_class=self._classes[spec.device_class],
                matcher=self._matcher(spec, claim, name),
                attributes=self._attributes(spec, claim, name),
                constraints=tuple(
                    number
                    for number, constraint in enumerate(constraints)
                    if not constraint.requests
                    or request.name in constraint.requests
                    or name in constraint.requests
                ),
                arithmetic=self._arithmetic,
                is_subrequest=is_list,
            )
            self._variants.append(alternative)
            alternatives.append(alternative)
        if self._channel.confuses_subrequests and all(item.takes_all for item in alternatives[:2]):
            for second in alternatives[1:2]:
                second.matcher = alternatives[0].matcher
        return RequestPlan(request, tuple(alternatives), is_list)

    def _check(self, spec: RequestSpec, claim: str, name: str) -> None:
        features = self._features
        if spec.capacity is not None and not features.consumable_capacity and self._channel.refuse_capacity:
            raise _disabled("DRAConsumableCapacity", "has capacity requests", claim, name)
        if spec.derived_attributes and not features.derived_attributes:
            raise _disabled("DRADerivedAttributes", "has derived attributes", claim, name)
        if None in spec.selectors:
            raise _invalid("SelectorUnknown", "a selector is of an unknown type", claim, name)
        if spec.admin_access is not None and not features.admin_access:
            raise _disabled("DRAAdminAccess", "requests admin access", claim, name)
        if spec.device_class not in self._classes:
            raise _invalid("ClassNotFound", f"device class {spec.device_class!r} not found", claim, name)
        for number, item in enumerate(self._classes[spec.device_class].config):
            if item.too_deep:
                raise _too_deep(f"class {spec.device_class}, configuration #{number}", claim, name)
        if spec.allocation_mode not in ("ExactCount", "All"):
            raise _invalid(
                "ModeUnknown", f"allocation mode {spec.allocation_mode} is not supported", claim, name
            )

    def _matcher(self, spec: RequestSpec, claim: str, name: str) -> Matcher:
        texts = [
            (f"class {spec.device_class}, selector #{number}", text, True)
            for number, text in enumerate(self._classes[spec.device_class].selectors)
        ] + [
            (f"claim {claim}, request {name}, selector #{number}", text, False)
            for number, text in enumerate(spec.selectors)
        ]
        selectors = []
        for where, text, of_class in texts:
            if text is None:
                raise _invalid("SelectorUnknown", f"{where} is of an unknown type", claim, name)
            if text not in self._texts:
                self._count(text, claim, name)
            compiled = self._selectors.get(text, self._cel_features)
            selectors.append(NamedSelector(where, text, compiled, of_class))
        return Matcher(tuple(selectors), claim, name)

    def _count(self, text: str, claim: str, name: str) -> None:
        """Raises: AllocationError, for selectors that together would take too much memory."""
        self._texts.add(text)
        self._characters += len(text)
        if self._characters > _MAX_CHARACTERS:
            message = (
                f"the selectors of the Pod's claims have more than {_MAX_CHARACTERS} characters together"
            )
            raise _invalid("SelectorsTooDear", message, claim, name)

    def _attributes(self, spec: RequestSpec, claim: str, name: str) -> Attributes:
        derived = {
            attribute: self._selectors.get_derived(text, self._cel_features)
            for attribute, text in spec.derived_attributes
        }
        strict = self._channel.strict_attributes
        return Attributes(derived, claim, name, strict=strict, lists=self._features.list_type_attributes)


def _invalid(code: str, message: str, claim: str, request: str | None = None) -> AllocationError:
    return AllocationError(Reason(code, message, claim, request))


def _too_deep(where: str, claim: str, request: str | None = None) -> AllocationError:
    """A configuration is written into the allocation, as it is."""
    message = f"{where} is nested deeper than {MAX_DEPTH} levels"
    return _invalid("ConfigurationTooDeep", message, claim, request)


def _disabled(gate: str, what: str, claim: str, request: str) -> AllocationError:
    return _invalid("FeatureDisabled", f"{what}, but the feature {gate} is disabled", claim, request)
