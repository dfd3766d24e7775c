"""Short texts: one for a node, one for all nodes.

kube-scheduler groups nodes by equal texts in its FailedScheduling event, so what is said of a node
has no counts and no name of the node in it; those are in the reasons themselves.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from app.core.allocator import Reason

MAX_NODE_MESSAGE = 200
"""Characters said of one node; an Event's note holds 1024 for all of them."""
_MAX_GROUPS = 8

_HEADLINES = {
    "DevicesInUse": "all matching devices in use for {request}",
    "CapacityTooSmall": "matching devices have too little capacity for {request}",
    "CountersExhausted": "matching devices need counters that are used up for {request}",
    "DeviceTainted": "matching devices have taints that are not tolerated by {request}",
    "ConstraintNotMet": "no devices satisfy the constraints of {request}",
    "NodeUnsuited": "matching devices need a feature that the node has not declared for {request}",
    "OtherNode": "matching devices are for other nodes for {request}",
    "SelectorRejected": "no device matches {request}",
    "TooFewDevices": "too few devices match {request}",
    "NoDevices": "no devices for {request}",
}


def headline(reason: Reason) -> str:
    """The reason without counts and names of claims, like ``no device matches request gpu``."""
    template = _HEADLINES.get(reason.code)
    if template is None:
        return reason.message
    if reason.request is not None:
        return template.format(request=f"request {reason.request}")
    return template.format(request="a claim") if reason.claim is not None else reason.message


def node_message(reasons: Sequence[Reason]) -> str:
    """What is said of one node: all its reasons, each once, cut to ``MAX_NODE_MESSAGE`` characters."""
    text = "; ".join(dict.fromkeys(headline(reason) for reason in reasons)) or "cannot allocate all claims"
    return text if len(text) <= MAX_NODE_MESSAGE else f"{text[: MAX_NODE_MESSAGE - 1]}…"


def summary(fitting: int, refusals: Iterable[Sequence[Reason]]) -> str:
    """What is said of all nodes, like ``0/3 nodes fit: 2 no devices for request gpu, 1 node is tainted``.

    Args:
        fitting: how many nodes fit.
        refusals: the reasons of each node that does not.
    The most frequent text comes first, equal numbers in alphabetical order.
    """
    return grouped(fitting, Counter(node_message(reasons) for reasons in refusals))


def grouped(fitting: int, groups: Counter[str]) -> str:
    """As ``summary``, with what is said of nodes counted already. O(groups)."""
    total = fitting + groups.total()
    if total == 0:
        return "there are no nodes"
    ranked = sorted(groups.items(), key=lambda group: (-group[1], group[0]))
    parts = [f"{number} {text}" for text, number in ranked[:_MAX_GROUPS]]
    rest = sum(number for _, number in ranked[_MAX_GROUPS:])
    if rest:
        parts.append(f"{rest} for other reasons")
    return f"{fitting}/{total} nodes fit" + (f": {', '.join(parts)}" if parts else "")
