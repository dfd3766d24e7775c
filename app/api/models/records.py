"""Decisions, documents and scoring policies."""

from typing import Any, Literal

from app.api.models.body import Body


class DecisionItem(Body):
    """``times``: how often the decision repeated in a row; ``first``: when that began.

    ``reason``: the code of the reason that refused most nodes.
    """

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
    reason: str


class DecisionPage(Body):
    """Newest first. ``next``: a cursor to older entries."""

    items: list[DecisionItem]
    next: str | None


class DocumentItem(Body):
    kind: str
    namespace: str
    name: str
    role: Literal["workload", "object", "ignored"]
    object: Any


class Documents(Body):
    """Manifests as ``workloads`` and ``objects`` of a dry run's request."""

    items: list[DocumentItem]


class PolicyItem(Body):
    name: str
    summary: str


class Policies(Body):
    default: str
    items: list[PolicyItem]
