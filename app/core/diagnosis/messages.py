"""Short texts: one for a node, one for all nodes.

kube-scheduler groups nodes by equal texts in its FailedScheduling event, so what is said of a node
has no counts and no name of the node or of holders in it; those are in the reasons themselves.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from app.core.allocator import Reason
from app.core.allocator.evidence import named

MAX_NODE_MESSAGE = 200
"""Characters said of one node; an Event's note holds 1024 for all of them."""
_MAX_GROUPS = 8
_AS_NEAR: Mapping[str, int] = {}

_CAUSES = {
    "DevicesInUse": "in use",
    "CapacityTooSmall": "with too little capacity",
    "CountersExhausted": "short of counters",
    "DeviceTainted": "tainted",
    "ConstraintNotMet": "without what a constraint compares",
    "NodeUnsuited": "in need of a feature that the node has not declared",
    "FeatureDisabled": "in need of a feature that is disabled",
    "Unsupported": "that take CPU or memory of the node, which is not supported",
    "OtherNode": "for other nodes only",
    "SelectorFailed": "making a selector fail",
}
"""Causes in the words of ``some in use, some tainted``."""
_HEADLINES = {
    "DevicesInUse": "all matching devices in use for {request}",
    "CapacityTooSmall": "matching devices have too little capacity for {request}",
    "CountersExhausted": "matching devices need counters that are used up for {request}",
    "DeviceTainted": "matching devices have taints that are not tolerated by {request}",
    "ConstraintNotMet": "no devices satisfy the constraints of {request}",
    "NodeUnsuited": "matching devices need a feature that the node has not declared for {request}",
    "FeatureDisabled": "matching devices need a feature that is disabled for {request}",
    "Unsupported": "matching devices take CPU or memory of the node, which is not supported, for {request}",
    "OtherNode": "matching devices are for other nodes for {request}",
    "SelectorFailed": "devices make a selector fail for {request}",
    "SelectorRejected": "no device matches {request}",
    "TooFewDevices": "too few devices match {request}",
    "NoDevices": "no devices for {request}",
}
_WITHOUT_NAMES = {
    "PoolIncomplete": "a resource pool is being updated: slices are missing",
    "PoolInvalid": "a resource pool is invalid",
    "BindingFailed": "devices of claim {claim} could not be made ready",
    "BindingTimedOut": "devices of claim {claim} were not ready in time",
}
"""For reasons whose message names what differs from node to node: a pool, a device, a driver's words."""
_NEAR = frozenset(_CAUSES) | {"TooFewDevices", "BindingFailed", "BindingTimedOut"}


def headline(reason: Reason) -> str:
    """The reason without counts and names of claims, like ``no device matches request gpu``.

    In brackets, what is the same on every node: terms of selectors, taints, names of amounts.
    """
    if reason.code == "InsufficientResources":
        return f"insufficient {named(sorted(reason.counts))}"
    if reason.code in _WITHOUT_NAMES:
        text = _WITHOUT_NAMES[reason.code].format(claim=reason.claim)
        return f"request {reason.request} asks for all devices, but {text}" if reason.request else text
    template = _HEADLINES.get(reason.code)
    if template is None or (reason.code in ("SelectorFailed", "FeatureDisabled") and not reason.counts):
        return reason.message  # an error, which says more
    if reason.request is not None:
        request = f"request {reason.request}"
        return _mixed(reason, request) or template.format(request=request) + _details(reason)
    if reason.claim is None:
        return reason.message
    return template.format(request="a claim") + _details(reason)


def _mixed(reason: Reason, request: str) -> str:
    """The text if no single cause is to blame. Free devices are there, but some more are needed."""
    counts = reason.counts
    short = counts.get("wanted", 0) - counts.get("available", 0)
    if reason.code not in _CAUSES or counts.get(reason.code, 0) == 0:
        return ""
    if counts[reason.code] >= short:
        some = counts.get("available", 0) > 0 and reason.code == "DevicesInUse"
        return f"too few matching devices free for {request}" if some else ""
    codes = [code for code in _CAUSES if counts.get(code)]
    causes = ", ".join(f"some {_CAUSES[code]}" for code in codes)
    return f"too few matching devices for {request}: {causes}{_details(reason, codes)}"


def _details(reason: Reason, codes: Iterable[str] = ()) -> str:
    """What the causes named are about. ``codes``: more of them than the reason's own."""
    behind, about = reason.evidence, {reason.code, *codes}
    texts: list[str] = []
    if about & {"SelectorRejected", "TooFewDevices"}:
        texts = _terms(reason)
    if "DeviceTainted" in about:
        texts += [str(item) for item in behind.taints]
    if "CountersExhausted" in about:
        texts += [f"{item.counter_set}/{item.counter}" for item in behind.counters]
    if "CapacityTooSmall" in about:
        texts += [f"{item.name} {item.wanted}" for item in behind.capacities]
    if "ConstraintNotMet" in about:
        texts += [str(item) for item in behind.constraints]
    return f" ({named(dict.fromkeys(texts))})" if texts else ""


def _terms(reason: Reason) -> list[str]:
    """The terms that none of the devices meets which came furthest; the class if that is to blame."""
    selectors = reason.evidence.selectors
    if not selectors:
        return []
    last = selectors[-1]
    if last.where.startswith("class "):
        return [last.where.split(",")[0]] if reason.code == "SelectorRejected" else []
    return [term.text for term in last.terms if term.devices == last.devices]


def distance(reasons: Sequence[Reason]) -> int:
    """0 to 2: how far a node is from fitting: what is nearest is named first."""
    codes = {reason.code for reason in reasons}
    if "NoDevices" in codes or any(_other_class(reason) for reason in reasons):
        return 2
    return 0 if codes & _NEAR else 1


def _other_class(reason: Reason) -> bool:
    """Whether all that the node has is devices of other classes."""
    selectors = reason.evidence.selectors
    return reason.code == "SelectorRejected" and bool(selectors) and selectors[-1].where.startswith("class ")


def node_message(reasons: Sequence[Reason]) -> str:
    """What is said of one node: all its reasons, each once, cut to ``MAX_NODE_MESSAGE`` characters."""
    text = "; ".join(dict.fromkeys(headline(reason) for reason in reasons)) or "cannot allocate all claims"
    return text if len(text) <= MAX_NODE_MESSAGE else f"{text[: MAX_NODE_MESSAGE - 1]}…"


def summary(fitting: int, refusals: Iterable[Sequence[Reason]]) -> str:
    """What is said of all nodes, like ``0/3 nodes fit: 2 no devices for request gpu, 1 node is tainted``.

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
    """As ``summary``, with what is said of nodes counted already. O(groups)."""
    total = fitting + groups.total()
    if total == 0:
        return "there are no nodes"
    ranked = sorted(groups.items(), key=lambda group: (distances.get(group[0], 0), -group[1], group[0]))
    parts = [f"{number} {text}" for text, number in ranked[:_MAX_GROUPS]]
    rest = sum(number for _, number in ranked[_MAX_GROUPS:])
    if rest:
        parts.append(f"{rest} for other reasons")
    return f"{fitting}/{total} nodes fit" + (f": {', '.join(parts)}" if parts else "")
