"""Finds the evidence for exclusions: the holders, terms, taints, counters and amounts behind the numbers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nsmallest

from app.core.allocator.evidence import (
    CapacityShortage,
    ConstraintValues,
    CounterShortage,
    Evidence,
    HoldingClaim,
    RequestValues,
    SelectorCount,
    TaintCount,
    TermCount,
    ValueCount,
)
from app.core.allocator.node_devices import NodeDevices
from app.core.allocator.outcome import Reason
from app.core.allocator.partial_allocation import PartialAllocation
from app.core.allocator.plan import Alternative, ClaimPlan, RequestPlan
from app.core.cel.common.errors import CelError
from app.core.diagnosis.exclusions import AVAILABLE, Exclusions, exclusions
from app.core.model.device import DeviceAttribute, DeviceShape
from app.core.model.quantity import Quantity
from app.core.model.resource_slice import PoolId
from app.core.model.taints import Taint
from app.core.pauses import FEW, in_order, paced
from app.core.selectors.environment import cel_features
from app.core.selectors.report_terms import Conjunct, terms_of

_MAX_VALUES = 8


def evidence(found: Exclusions) -> Evidence:
    """The evidence for exclusions. Cost: O(devices + shapes * terms of selectors)."""
    node_devices, alternative, causes = found.node_devices, found.alternative, found.causes
    lacking = causes.get("ConstraintNotMet", ())
    usable = (*causes.get("DevicesInUse", ()), *causes.get(AVAILABLE, ()))
    return Evidence(
        holders=_holders(
            node_devices, (*causes.get("DevicesInUse", ()), *causes.get("CapacityTooSmall", ()))
        ),
        selectors=tuple(
            _selector(found, index, positions) for index, positions in sorted(found.rejected.items())
        ),
        taints=_taints(found, causes.get("DeviceTainted", ())),
        counters=_counters(node_devices, causes.get("CountersExhausted", ())),
        capacities=_capacities(node_devices, alternative, causes.get("CapacityTooSmall", ())),
        constraints=_constraints(node_devices, alternative, lacking) if lacking else (),
        example=str(node_devices.devices[usable[0]].id) if usable else "",
    )


def constraint_values(node_devices: NodeDevices, claim: ClaimPlan) -> tuple[ConstraintValues, ...]:
    """The constraints of a claim, with the values of usable devices. Cost: O(devices).

    Of a request with alternatives, the first one counts that the node has devices for.
    """
    found = []
    for number, constraint in enumerate(claim.constraints):
        alternatives = [
            alternative
            for request in claim.requests
            for alternative in _tried(node_devices, request)
            if number in alternative.constraints
        ]
        name = constraint.match_attribute or constraint.distinct_attribute or ""
        kind = "matchAttribute" if constraint.match_attribute is not None else "distinctAttribute"
        needed = sum(node_devices.wanted[alternative.index] for alternative in alternatives)
        usable = [_usable(node_devices, alternative) for alternative in alternatives]
        values = _values(node_devices, alternatives, name, sorted({at for places in usable for at in places}))
        each = tuple(
            RequestValues(alternative.name, _values(node_devices, [alternative], name, places))
            for alternative, places in zip(alternatives, usable, strict=True)
        )
        seen = [
            _elements(node_devices, alternative, name, places)
            for alternative, places in zip(alternatives, usable, strict=True)
        ]
        apart = constraint.match_attribute is not None and len(seen) > 1 and not frozenset.intersection(*seen)
        found.append(
            ConstraintValues(kind, name, needed, values, each if len(each) > 1 else (), disjoint=apart)
        )
    return tuple(found)


def _tried(node_devices: NodeDevices, request: RequestPlan) -> tuple[Alternative, ...]:
    if len(request.alternatives) == 1:
        return request.alternatives
    empty = PartialAllocation(node_devices)
    usable = (item for item in request.alternatives if exclusions(node_devices, item, empty).suffices)
    return (next(usable, request.alternatives[0]),)


def _usable(node_devices: NodeDevices, alternative: Alternative) -> list[int]:
    positions = paced(range(len(node_devices.devices)))
    return [position for position in positions if node_devices.status(alternative, position) is True]


def _elements(
    node_devices: NodeDevices, alternative: Alternative, name: str, positions: Iterable[int]
) -> frozenset[object]:
    """The values that devices could be matched by: of a list, each of its elements."""
    found: set[object] = set()
    for position in paced(positions):
        attribute = alternative.attributes.get(node_devices.devices[position].device.shape, name)
        if isinstance(attribute, DeviceAttribute):
            found.update(attribute.value if isinstance(attribute.value, tuple) else (attribute.value,))
    return frozenset(found)


def _holders(node_devices: NodeDevices, positions: Iterable[int]) -> tuple[HoldingClaim, ...]:
    counts: Counter[str] = Counter()
    for position in paced(positions):
        holdings = node_devices.views[position].taken.holdings.get(
            node_devices.devices[position].device.name, ()
        )
        counts.update({"/".join(holding.claim) for holding in holdings if not holding.admin})
    return tuple(HoldingClaim(claim, number) for claim, number in _ranked(counts))


def _ranked(counts: "Counter[str]") -> list[tuple[str, int]]:
    return [(name, -number) for number, name in in_order((-many, name) for name, many in counts.items())]


def _selector(found: Exclusions, index: int, positions: Sequence[int]) -> SelectorCount:
    matcher = found.alternative.matcher
    shapes = Counter(found.node_devices.shapes[position] for position in positions)
    key = (index, frozenset(shapes.items()))
    if key not in matcher.struck:
        matcher.struck[key] = _counted(found, index, shapes)
    return matcher.struck[key]


def _counted(found: Exclusions, index: int, shapes: "Counter[DeviceShape]") -> SelectorCount:
    item = found.alternative.matcher.selectors[index]
    terms = terms_of(item.text)
    failing = {shape: _failing(found, terms, shape) for shape in paced(shapes, 8)}
    counted = [_term(term, number, failing, shapes) for number, term in enumerate(terms)]
    struck = sorted((term for term in counted if term.devices), key=lambda term: (-term.devices, term.text))
    return SelectorCount(item.where, item.text, shapes.total(), tuple(struck))


def _failing(found: Exclusions, terms: Sequence[Conjunct], shape: DeviceShape) -> frozenset[int]:
    """The terms that do not hold for a device; an error counts as not."""
    failing = set()
    features = cel_features(found.node_devices.plan.features)
    for number, term in enumerate(terms):
        selector = found.node_devices.plan.selectors.get(term.text, features)
        try:
            holds = selector.error is None and selector.matches(shape)
        except CelError:
            holds = False
        if not holds:
            failing.add(number)
    return frozenset(failing)


def _term(
    term: Conjunct,
    number: int,
    failing: dict[DeviceShape, frozenset[int]],
    shapes: "Counter[DeviceShape]",
) -> TermCount:
    struck = [shape for shape, terms in failing.items() if number in terms]
    alone = [shape for shape in struck if len(failing[shape]) == 1]
    devices, only = sum(shapes[shape] for shape in struck), sum(shapes[shape] for shape in alone)
    if term.comparison is None:
        return TermCount(term.shown, devices, only)
    values = [value for shape in alone or struck if (value := term.comparison.value(shape)) is not None]
    best = term.comparison.best(values)
    seen = tuple(sorted(set(values))[:_MAX_VALUES]) if best is None else ()
    return TermCount(term.shown, devices, only, term.comparison.bound, best, seen)


def _taints(found: Exclusions, positions: Iterable[int]) -> tuple[TaintCount, ...]:
    counts: Counter[tuple[str, str, str]] = Counter()
    for position in paced(positions, FEW):
        taints = found.node_devices.devices[position].device.taints
        counts.update({_identity(taint) for taint in taints if not found.alternative.tolerates((taint,))})
    ordered = in_order((-number, identity) for identity, number in counts.items())
    return tuple(TaintCount(*identity, -number) for number, identity in ordered)


def _identity(taint: Taint) -> tuple[str, str, str]:
    return taint.key, taint.value, taint.effect


def _counters(node_devices: NodeDevices, positions: Iterable[int]) -> tuple[CounterShortage, ...]:
    """For each exhausted counter, the device that needs least more."""
    least: dict[tuple[str, str, str], tuple[Quantity, Quantity]] = {}
    for position in paced(positions, FEW):
        view, device = node_devices.views[position], node_devices.devices[position].device
        for counter_set, name, needed, left in view.ledger.shortages(device):
            key = (str(view.pool.id), counter_set, name)
            if key not in least or needed.nanos - left < least[key][0].nanos - least[key][1].nanos:
                least[key] = (needed, Quantity(left, needed.format))
    ordered = in_order((key,) for key in least)
    return tuple(CounterShortage(*key, least[key][0].text, least[key][1].text) for (key,) in ordered)


def shortages_together(node_devices: NodeDevices, positions: Iterable[int]) -> tuple[CounterShortage, ...]:
    """The counters that these devices overdraw together."""
    pools: dict[PoolId, list[int]] = {}
    for position in paced(sorted(positions)):
        pools.setdefault(node_devices.views[position].pool.id, []).append(position)
    found = []
    for pool, members in pools.items():
        devices = [node_devices.devices[position].device for position in members]
        short = node_devices.views[members[0]].ledger.shortages_together(devices)
        for counter_set, counter, needed, left in short:
            rest = Quantity(left, needed.format).text
            found.append(CounterShortage(str(pool), counter_set, counter, needed.text, rest))
    return tuple(found)


def _capacities(
    node_devices: NodeDevices, alternative: Alternative, positions: Sequence[int]
) -> tuple[CapacityShortage, ...]:
    found = []
    for name, requested in alternative.spec.capacity or ():
        best: Quantity | None = None
        published = ""
        for position in paced(positions):
            device = node_devices.devices[position].device
            capacity = device.shape.capacity.get(name)
            if capacity is None:
                published = published or _published(name, device.shape)
                continue
            held = node_devices.views[position].capacity.get(device.name, {}).get(name, 0)
            left = Quantity(capacity.value.nanos - held, capacity.value.format)
            best = left if best is None or left > best else best
        if positions and (best is None or best < requested):
            text = best.text if best is not None else None
            found.append(CapacityShortage(name, requested.text, text, published if best is None else ""))
    return tuple(found)


def _published(name: str, shape: DeviceShape) -> str:
    """The name of a capacity with or without the driver's domain, as the device has it; or nothing."""
    domain, slash, plain = name.rpartition("/")
    other = plain if slash and domain == shape.driver else "" if slash else f"{shape.driver}/{name}"
    return other if other in shape.capacity else ""


def _constraints(
    node_devices: NodeDevices, alternative: Alternative, lacking: Sequence[int]
) -> tuple[ConstraintValues, ...]:
    """Constraints with an attribute that some devices do not have."""
    claim = node_devices.plan.claims[alternative.claim_index]
    found = []
    for number in alternative.constraints:
        constraint = claim.constraints[number]
        name = constraint.match_attribute or constraint.distinct_attribute or ""
        values = _values(node_devices, [alternative], name, lacking)
        if any(value.value is None for value in values):
            kind = "matchAttribute" if constraint.match_attribute is not None else "distinctAttribute"
            found.append(ConstraintValues(kind, name, node_devices.wanted[alternative.index], values))
    return tuple(found)


def _values(
    node_devices: NodeDevices, alternatives: Sequence[Alternative], name: str, positions: Iterable[int]
) -> tuple[ValueCount, ...]:
    counts: Counter[str | None] = Counter()
    for position in paced(positions):
        attribute: DeviceAttribute | Reason | None = None
        if alternatives:
            attribute = alternatives[0].attributes.get(node_devices.devices[position].device.shape, name)
        counts[_shown(attribute)] += 1
    ordered = nsmallest(_MAX_VALUES, paced(counts.items()), key=lambda item: (-item[1], item[0] or ""))
    return tuple(ValueCount(value, number) for value, number in ordered)


def _shown(attribute: DeviceAttribute | Reason | None) -> str | None:
    if not isinstance(attribute, DeviceAttribute):
        return None
    if isinstance(attribute.value, tuple):
        return "[" + ", ".join(str(item) for item in attribute.value) + "]"
    return str(attribute.value).lower() if attribute.kind == "bool" else str(attribute.value)
