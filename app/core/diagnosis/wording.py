"""Evidence in words: one sentence for each request of a node, with all numbers."""

from collections.abc import Iterable

from app.core.allocator.evidence import (
    CapacityShortage,
    ConstraintValues,
    CounterShortage,
    Evidence,
    SelectorCount,
    TermCount,
    ValueCount,
    named,
)
from app.core.diagnosis.exclusions import AVAILABLE, Exclusions

_MAX_VALUES = 8
_WORDS = {
    "OtherNode": "for other nodes only",
    "NodeUnsuited": "requiring a feature that the node has not declared",
    "FeatureDisabled": "requiring a disabled feature",
    "Unsupported": "with unsupported amounts of the node",
    "SelectorFailed": "with a selector error",
}


def listed(found: Exclusions, behind: Evidence) -> str:
    """Like ``8 devices, 1 requested: 3 in use by ns/claim, 5 rejected by selector #1 (memory >= 80Gi:
    ...)``.
    """
    if not found.node_devices.devices:
        return f"no devices, {found.wanted} requested"
    amount = "all matching" if found.alternative.takes_all else str(found.wanted)
    parts = [f"{found.number(AVAILABLE)} available"] if found.number(AVAILABLE) else []
    parts += [_cause(code, len(devices), behind) for code, devices in sorted(found.causes.items())
              if code not in (AVAILABLE, "SelectorRejected")]  # fmt: skip
    # Only the selector that devices came furthest with has details besides its name.
    parts += [_selector(item, terms=number == 0) for number, item in enumerate(reversed(behind.selectors))]
    return f"{_devices(len(found.node_devices.devices))}, {amount} requested: {', '.join(parts)}"


def listed_constraints(behind: Evidence) -> str:
    """Like ``matchAttribute numa requires 4 devices with the same value, there are 2 with 0, 2 with 1``."""
    return "; ".join(_constraint(item) for item in behind.constraints)


def _devices(number: int) -> str:
    return f"{number} device{'s' if number != 1 else ''}"


def _cause(code: str, number: int, behind: Evidence) -> str:
    if code == "DevicesInUse":
        return f"{number} in use by {named(holder.claim for holder in behind.holders)}"
    if code == "DeviceTainted":
        return f"{number} tainted {named(behind.taints)}"
    if code == "CountersExhausted":
        return f"{number} short of counters{_bracket(_counter(item) for item in behind.counters)}"
    if code == "CapacityTooSmall":
        missing = bool(behind.capacities) and all(item.best is None for item in behind.capacities)
        lack = "without the capacity" if missing else "with too little capacity"
        return f"{number} {lack}{_bracket(_capacity(item) for item in behind.capacities)}"
    if code == "ConstraintNotMet":
        lacking = named(item.attribute for item in behind.constraints)
        return f"{number} without {lacking or 'the attribute of a constraint'}"
    return f"{number} {_WORDS.get(code, code)}"


def _bracket(texts: Iterable[str]) -> str:
    text = named(texts)
    return f" ({text})" if text else ""


def listed_counters(items: Iterable[CounterShortage]) -> str:
    """Like `` (gpu-0/slots: 6 needed, 4 left)``; empty without items."""
    return _bracket(_counter(item) for item in items)


def _counter(item: CounterShortage) -> str:
    return f"{item.counter_set}/{item.counter}: {item.needed} needed, {item.left} left"


def _capacity(item: CapacityShortage) -> str:
    if item.published:
        return f"{item.name}: the devices publish it as {item.published}"
    if item.best is None:
        return f"{item.name}: not on any device"
    return f"{item.name}: {item.wanted} requested, {item.best} at most"


def _selector(item: SelectorCount, *, terms: bool) -> str:
    where = item.where.rpartition(", ")[2] if item.where.startswith("claim ") else item.where.split(",")[0]
    more = _bracket(term_text(term) for term in item.terms) if terms else ""
    return f"{item.devices} rejected by {where}{more}"


def term_text(term: TermCount) -> str:
    """Like ``memory >= 80Gi: the best has 40Gi``."""
    if term.best is not None:
        return f"{term.text}: the best has {term.best}"
    return f"{term.text}: this node has {named(term.seen)}" if term.seen else term.text


def _constraint(item: ConstraintValues) -> str:
    wish = "with the same value" if item.kind == "matchAttribute" else "with different values"
    if item.requests:
        if item.disjoint:
            sets = ", ".join(f"request {of.request} has {{{_values(of.values)}}}" for of in item.requests)
            return f"{item} requires {_devices(item.wanted)} {wish}: {sets}: none in common"
        each = "; ".join(f"request {of.request} has {_valued(of.values)}" for of in item.requests)
        return f"{item} requires {_devices(item.wanted)} {wish}: {each}"
    values = _valued(item.values)
    return f"{item} requires {_devices(item.wanted)} {wish}, there {_are(item)} {values}"


def _valued(values: Iterable[ValueCount]) -> str:
    return named(f"{value.devices} with {value.value or 'none'}" for value in values) or "no device"


def _values(values: Iterable[ValueCount]) -> str:
    return named((value.value or "none" for value in values), _MAX_VALUES)


def _are(item: ConstraintValues) -> str:
    return "is" if sum(value.devices for value in item.values) == 1 else "are"
