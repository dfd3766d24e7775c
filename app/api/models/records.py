"""Decisions, documents, scoring policies and versions."""

from typing import Literal

from pydantic import Field

from app.api.models.body import Body, Decides, KubernetesObject


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

    decides: Decides
    items: list[DecisionItem]
    next: str | None


class DocumentItem(Body):
    kind: str
    namespace: str
    name: str
    role: Literal["workload", "object", "ignored"]
    object: KubernetesObject


class Documents(Body):
    """Manifests as ``workloads`` and ``objects`` of a dry run's request."""

    items: list[DocumentItem]


class PolicyItem(Body):
    name: str
    summary: str


class Policies(Body):
    default: str
    items: list[PolicyItem]


class KubernetesRecord(Body):
    server: str = Field(description="What the API server calls itself, like v1.37.2; empty: not known.")
    version: str = Field(description="The minor version whose rules hold.")
    gates: Literal["reported", "defaults"] = Field(
        description="Whether the API server reported its feature gates, or the version's defaults count."
    )
    changed_gates: dict[str, bool] = Field(description="Feature gates that are not as by default.")
    features: dict[str, bool] = Field(description="What is on, by the names of structured.Features.")


class VersionRecord(Body):
    version: str = Field(description="Of this program.")
    kubernetes: KubernetesRecord
