"""What was decided, what manifests hold, which policies there are."""

from typing import Any, Literal

from app.api.models.body import Body


class DecisionItem(Body):
    """``times``: how often in a row the same was decided; ``first`` when that began."""

    number: int
    at: str
    first: str
    times: int
    verb: Literal["filter", "bind", "preempt"]
    namespace: str
    name: str
    outcome: Literal["passed", "refused", "bound", "failed", "evicted", "useless"]
    node: str | None
    fitting: int
    nodes: int
    summary: str
    seconds: float


class DecisionPage(Body):
    """Newest first. ``next``: a cursor to what is older."""

    items: list[DecisionItem]
    next: str | None


class DocumentItem(Body):
    kind: str
    namespace: str
    name: str
    role: Literal["workload", "object", "ignored"]
    object: Any


class Documents(Body):
    """What a dry run takes of some manifests: ``workloads`` and ``objects`` of its request."""

    items: list[DocumentItem]


class PolicyItem(Body):
    name: str
    summary: str


class Policies(Body):
    default: str
    items: list[PolicyItem]
