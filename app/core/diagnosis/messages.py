"""Short texts: one for a node, one for all nodes.

kube-scheduler groups nodes by equal texts in its FailedScheduling event, and puts the number of nodes
before each text. So a text reads like kube-scheduler's own (``3 node(s) had no matching device for
request gpu``), and contains no counts and no names of nodes or holders; those are in the reasons.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from app.core.allocator import Reason
from app.core.allocator.evidence import ConstraintValues, named
from app.core.pauses import paced_if_many

MAX_NODE_MESSAGE = 200
"""Maximum characters about one node; an Event's note has 1024 for all nodes."""
_MAX_GROUPS = 8
_AS_NEAR: Mapping[str, int] = {}
_OF_NODES = ("node(s)", "Insufficient")

_CAUSES = {
    "DevicesInUse": "in use",
    "CapacityTooSmall": "with too little capacity",
    "CountersExhausted": "short of counters",
    "DeviceTainted": "tainted",
    "ConstraintNotMet": "without the attribute of a constraint",
    "NodeUnsuited": "requiring a feature that the node has not declared",
    "FeatureDisabled": "requiring a disabled feature",
    "Unsupported": "with unsupported amounts of the node",
    "OtherNode": "for other nodes only",
    "SelectorFailed": "with a selector error",
}
"""Causes in the form of ``some in use, some tainted``."""
_HEADLINES = {
    "DevicesInUse": "node(s) had all matching devices in use for {request}",
    "CapacityTooSmall": "node(s) had matching devices with too little capacity for {request}",
    "CountersExhausted": "node(s) had too few counters left for {request}",
    "DeviceTainted": "node(s) had untolerated device taints for {request}",
    "ConstraintNotMet": "node(s) had no devices that satisfy the constraints of {request}",
    "NodeUnsuited": "node(s) did not declare a feature that devices need for {request}",
    "FeatureDisabled": "node(s) had matching devices that need a disabled feature for {request}",
    "Unsupported": "node(s) had matching devices with unsupported amounts of the node for {request}",
    "OtherNode": "node(s) had matching devices for other nodes only for {request}",
    "SelectorFailed": "node(s) had devices with selector errors for {request}",
    "SelectorRejected": "node(s) had no matching device for {request}",
    "TooFewDevices": "node(s) had too few matching devices for {request}",
    "NoDevices": "node(s) had no devices for {request}",
}
_WITHOUT_NAMES = {
    "PoolIncomplete": "node(s) had an incomplete resource pool",
    "PoolInvalid": "node(s) had an invalid resource pool",
    "BindingFailed": "node(s) had devices of claim {claim} that failed to become ready",
    "BindingTimedOut": "node(s) had devices of claim {claim} that were not ready in time",
    "NodeAllocatableUnknown": "node(s) had devices of claim {claim} with unknown nodeAllocatableResources",
}
"""For reasons whose message differs from node to node: by a pool, a device, or a driver's message."""
_INSUFFICIENT = {
    "InsufficientResources": "Insufficient {}",
    "ResourcesHeld": "Insufficient {} beside Pods that are being bound",
}
_NEAR = frozenset(_CAUSES) | {"TooFewDevices", "BindingFailed", "BindingTimedOut"}


def headline(reason: Reason) -> str:
    """The reason without counts and names of claims, like ``node(s) had no matching device for request
    gpu``. The details in brackets are the same on each node: terms of selectors, taints, names of
    amounts.
    """
    if reason.code in _INSUFFICIENT:
        return _INSUFFICIENT[reason.code].format(named(sorted(reason.counts)))
    if reason.code in _WITHOUT_NAMES:
        text = _WITHOUT_NAMES[reason.code].format(claim=reason.claim)
        return f"{text}, and request {reason.request} needs all devices" if reason.request else text
    template = _HEADLINES.get(reason.code)
    if template is None or (reason.code in ("SelectorFailed", "FeatureDisabled") and not reason.counts):
        return reason.message  # an error with more details
    if reason.request is not None:
        request = f"request {reason.request}"
        template = _without_capacity(reason) or template
        return _mixed(reason, request) or template.format(request=request) + _details(reason)
    if reason.claim is None:
        of_all = reason.code == "CountersExhausted" and reason.evidence.counters
        return (
            template.format(request="all devices together") + _details(reason) if of_all else reason.message
        )
    return template.format(request="a claim") + _details(reason)


def _without_capacity(reason: Reason) -> str:
    """The text where devices have none of the requested capacities, or by other names; or nothing."""
    missing = [item for item in reason.evidence.capacities if item.best is None]
    if reason.code != "CapacityTooSmall" or not missing:
        return ""
    if all(item.published for item in missing):
        return "node(s) had matching devices that publish the capacity by another name for {request}"
    return "node(s) had matching devices without the capacity for {request}"


def _mixed(reason: Reason, request: str) -> str:
    """The text if there is no single cause. Free devices exist, but too few."""
    counts = reason.counts
    short = counts.get("wanted", 0) - counts.get("available", 0)
    if reason.code not in _CAUSES or counts.get(reason.code, 0) == 0:
        return ""
    if counts[reason.code] >= short:
        some = counts.get("available", 0) > 0 and reason.code == "DevicesInUse"
        return f"node(s) had too few free matching devices for {request}" if some else ""
    codes = [code for code in _CAUSES if counts.get(code)]
    causes = ", ".join(f"some {_CAUSES[code]}" for code in codes)
    return f"node(s) had too few matching devices for {request}: {causes}{_details(reason, codes)}"


def _details(reason: Reason, codes: Iterable[str] = ()) -> str:
    """Details of the causes. ``codes``: causes besides the reason's own."""
    behind, about = reason.evidence, {reason.code, *codes}
    texts: list[str] = []
    if about & {"SelectorRejected", "TooFewDevices"}:
        texts = _terms(reason)
    if "DeviceTainted" in about:
        texts += [str(item) for item in behind.taints]
    if "CountersExhausted" in about:
        texts += [f"{item.counter_set}/{item.counter}" for item in behind.counters]
    if "CapacityTooSmall" in about:
        texts += [
            f"{item.name}: {item.published}" if item.published else f"{item.name} {item.wanted}"
            for item in behind.capacities
        ]
    if "ConstraintNotMet" in about:
        texts += [_apart(item) for item in behind.constraints]
    return f" ({named(dict.fromkeys(texts))})" if texts else ""


def _apart(item: ConstraintValues) -> str:
    """The constraint, and the requests whose devices have no value in common."""
    if not item.disjoint:
        return str(item)
    *others, last = [of.request for of in item.requests]
    return f"{item}: none in common for {', '.join(others)} and {last}"


def _terms(reason: Reason) -> list[str]:
    """The terms that none of the devices that came furthest meets, or the class if its selectors reject
    all.
    """
    selectors = reason.evidence.selectors
    if not selectors:
        return []
    last = selectors[-1]
    if last.where.startswith("class "):
        return [last.where.split(",")[0]] if reason.code == "SelectorRejected" else []
    return [term.text for term in last.terms if term.devices == last.devices]


def distance(reasons: Sequence[Reason]) -> int:
    """How far a node is from fitting, 0 to 2: the nearest is listed first."""
    codes = {reason.code for reason in reasons}
    if "NoDevices" in codes or any(_other_class(reason) for reason in reasons):
        return 2
    return 0 if codes & _NEAR else 1


def _other_class(reason: Reason) -> bool:
    """Whether the node has only devices of other classes."""
    selectors = reason.evidence.selectors
    return reason.code == "SelectorRejected" and bool(selectors) and selectors[-1].where.startswith("class ")


def nearest_code(codes: Mapping[str, int]) -> str:
    """Of the first reasons of nodes the most frequent, of those nodes that are nearest to fitting; empty for
    none.
    """
    return min(codes, key=lambda code: (code_distance(code), -codes[code], code), default="")


def code_distance(code: str) -> int:
    """As ``distance``, as far as the code of the first reason shows it."""
    return 2 if code == "NoDevices" else 0 if code in _NEAR else 1


def node_message(reasons: Sequence[Reason]) -> str:
    """The text for one node: all its reasons, each once, truncated to ``MAX_NODE_MESSAGE`` characters."""
    text = "; ".join(dict.fromkeys(headline(reason) for reason in paced_if_many(reasons))) or (
        "node(s) could not allocate all claims"
    )
    return text if len(text) <= MAX_NODE_MESSAGE else f"{text[: MAX_NODE_MESSAGE - 1]}…"


def summary(fitting: int, refusals: Iterable[Sequence[Reason]]) -> str:
    """The text for all nodes, like ``0/3 nodes fit: 2 node(s) had no devices for request gpu, 1 node(s)
    were unschedulable``.

    Args:
        fitting: how many nodes fit.
        refusals: the reasons of each node that does not.
    The nodes nearest to fitting come first: those with devices that are in use or the like, before
    those whose devices do not match, before those without any. Then the most frequent text, equal
    numbers in alphabetical order.
    """
    groups: Counter[str] = Counter()
    distances: dict[str, int] = {}
    for reasons in refusals:
        text = node_message(reasons)
        groups[text] += 1
        distances[text] = min(distance(reasons), distances.get(text, 2))
    return grouped(fitting, groups, distances)


def grouped(fitting: int, groups: Counter[str], distances: Mapping[str, int] = _AS_NEAR) -> str:
    """As ``summary``, for texts that are already counted. Cost: O(groups)."""
    total = fitting + groups.total()
    if total == 0:
        return "there are no nodes"
    if len(groups) == 1 and fitting == 0 and not (text := next(iter(groups))).startswith(_OF_NODES):
        return f"0/{total} nodes fit: {text}"  # of the Pod or the claim, whatever the node
    ranked = sorted(groups.items(), key=lambda group: (distances.get(group[0], 0), -group[1], group[0]))
    parts = [f"{number} {text}" for text, number in ranked[:_MAX_GROUPS]]
    rest = sum(number for _, number in ranked[_MAX_GROUPS:])
    if rest:
        parts.append(f"{rest} node(s) had other reasons")
    return f"{fitting}/{total} nodes fit" + (f": {', '.join(parts)}" if parts else "")
