"""Bodies of requests: the inventory to evaluate, and the Pods to place."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from app.api.models.body import Body, KubernetesObject

_MAX_FIELDS = 100
"""Fields of one object, above which an unknown one stands for all: each would be evaluated, and reported."""
_MAX_NODES = 100_000
"""Names of nodes, which take 4 ms to validate."""
_MAX_FEATURES = 64


class RequestBody(Body):
    """A null field counts as absent, as in every Kubernetes object: Go encodes empty lists as null.

    Only the first error is reported, and finding hundreds of thousands of others would hold the event loop.
    So every list is ``fail_fast``, every map has few entries, and unknown fields are few.

    Validators raise PydanticCustomError: pydantic keeps a ValueError in the error that it reports, and its
    traceback refers to frames that refer to that error, a cycle (see ``app.core.kept_error``).
    """

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            raise PydanticCustomError("object", "must be an object")
        if len(raw) > _MAX_FIELDS:
            known = {field.alias or name for name, field in cls.model_fields.items()}
            unknown = next(name for name in raw if name not in known)
            few = {name: raw[name] for name in known if raw.get(name) is not None}
            return few | {unknown: raw[unknown]}
        return {name: value for name, value in raw.items() if value is not None}


def _few_features(raw: Any) -> Any:
    """Refuses too many before each of them is validated, and reported."""
    if isinstance(raw, dict) and len(raw) > _MAX_FEATURES:
        text = "Dictionary should have at most {most} items, not {number}"
        raise PydanticCustomError("too_long", text, {"most": _MAX_FEATURES, "number": len(raw)})
    return raw


class ObjectName(RequestBody):
    """Names an object; the default namespace is ``default``."""

    kind: str
    name: str
    namespace: str = ""


class DeviceTaint(RequestBody):
    """Taints all devices of a driver, of one of its pools, or one device."""

    driver: str
    pool: str | None = None
    device: str | None = None
    key: str = Field(min_length=1)
    value: str = ""
    effect: Literal["NoSchedule", "NoExecute", "None"] = "NoSchedule"


class MoreNodes(RequestBody):
    """More nodes like an existing one, each with its devices."""

    like: str
    count: int = Field(ge=1, le=10_000, strict=True)


class GeneratedName(RequestBody):
    """Names a claim or template that a controller creates; the default namespace is ``default``."""

    kind: Literal["ResourceClaim", "ResourceClaimTemplate"] = "ResourceClaimTemplate"
    name: str
    namespace: str = ""


class Scenario(RequestBody):
    """The inventory to evaluate: the live one or the given objects, with changes, and the rules."""

    inventory: Literal["live", "request"] = "live"
    objects: list[KubernetesObject] = Field(
        default_factory=list,
        fail_fast=True,
        description="Node, ResourceSlice, DeviceClass, DeviceTaintRule, ResourceClaim, "
        "ResourceClaimTemplate, Pod in any served version, to add to the inventory: "
        "same kind and name replaces. Also custom resources whose controller creates claims or "
        "templates, such "
        "as NVIDIA's ComputeDomain; and Namespaces, whose labels decide about adminAccess.",
    )
    generated: list[GeneratedName] = Field(
        default_factory=list,
        max_length=1000,
        fail_fast=True,
        description="Claims and templates that a controller creates. One that is not in the inventory is "
        "treated as one without requests, and named in `notes`.",
    )
    remove: list[ObjectName] = Field(
        default_factory=list,
        max_length=10_000,
        fail_fast=True,
        description="Objects to remove from the inventory.",
    )
    drain: list[str] = Field(
        default_factory=list,
        max_length=10_000,
        fail_fast=True,
        description="Nodes to drain: unschedulable, without their Pods. placements places those with claims "
        "again first.",
    )
    taints: list[DeviceTaint] = Field(
        default_factory=list, max_length=1000, fail_fast=True, description="Taints to add to devices."
    )
    add_nodes: list[MoreNodes] = Field(default_factory=list, max_length=10, fail_fast=True)
    nodes: Annotated[list[str], Field(max_length=_MAX_NODES, fail_fast=True)] | None = Field(
        None, description="Evaluate only these nodes, at most 100,000."
    )
    kubernetes_version: str | None = Field(
        None,
        description="Minor version of Kubernetes whose rules and default feature gates hold, like 1.34. "
        "Default: the cluster's.",
    )
    features: Annotated[dict[str, bool], BeforeValidator(_few_features)] = Field(
        default_factory=dict,
        max_length=_MAX_FEATURES,
        description="Allocator feature gates, by the names of structured.Features.",
    )
    policy: str | None = Field(
        None,
        description="Scoring policy, or several with weights: `least-fragmentation=2,spread=1`. Overrides "
        "the policies of Pods and classes.",
    )
    node_checks: bool = Field(
        default=True,
        description="Also check nodeSelector, required node affinity, taints, unschedulable and resource "
        "requests; false: devices only.",
    )


class PlacementRequest(Scenario):
    """A dry run: whether Pods fit, where, and on which devices."""

    pods: list[KubernetesObject] = Field(default_factory=list, fail_fast=True)
    workloads: list[KubernetesObject] = Field(
        default_factory=list,
        fail_fast=True,
        description="Pods, and objects of any kind with Pod templates: docs/workloads.md lists the "
        "known kinds.",
    )
    replicas: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        None,
        description="Overrides the replica count of a workload with one Pod template; a DaemonSet "
        "has one Pod for each node.",
    )
    all_or_nothing: bool = Field(
        default=False, description="Place all Pods or none, searching beyond greedy one-by-one placement."
    )
    preemption: bool = Field(
        default=False,
        description="Show which Pods preemption would evict, for the first Pods that fit nowhere.",
    )
    explain: Literal["none", "summary", "full"] = Field(
        "summary",
        description="How nodes are shown. none: not at all, and no near misses. summary: those that do not "
        "fit in groups by reason with evidence once, those that fit by name; `nodes` as well while Pods "
        "times nodes are at most 2000. full: each node with all its reasons and scores, up to 50,000.",
    )
    progress: str = Field(
        "", max_length=64, description="A name under which `GET /api/v1/dry-runs` reports the progress."
    )


class NodeShape(RequestBody):
    """Nodes that can be added, like one of the inventory or of ``objects``."""

    like: str
    price: float = Field(1.0, ge=0.001, le=1e9, description="Price of one node, in any unit.")
    limit: int = Field(1000, ge=1, le=10_000, description="Maximum number of nodes of this shape.")
    exists: bool = Field(
        default=True, description="false: the node does not exist; it is only a template for new nodes."
    )


class WaitingPods(Scenario):
    """Pods to place, given or waiting already."""

    pods: list[KubernetesObject] = Field(default_factory=list, fail_fast=True)
    workloads: list[KubernetesObject] = Field(
        default_factory=list,
        fail_fast=True,
        description="Pods and workloads, as in `POST /api/v1/placements`.",
    )
    replicas: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Overrides the replica count of a workload with one Pod template."
    )
    pending: bool = Field(default=False, description="Include pending Pods with claims.")


class SizingRequest(WaitingPods):
    """Which nodes to add so that these Pods fit?"""

    shapes: list[NodeShape] = Field(min_length=1, max_length=5, fail_fast=True)


class PlannedMove(RequestBody):
    """A step of a plan."""

    namespace: str
    name: str
    to: str = Field(description="The node that the Pod moves to.")


class RepackRequest(WaitingPods):
    """Which running Pods to move so that these fit?"""

    max_moves: int = Field(50, ge=1, le=1000, strict=True, description="Maximum number of Pods to move.")
    fragmentation_below: Annotated[float, Field(ge=0.001, le=1)] | None = Field(
        None,
        description="Instead of room for Pods: move Pods until fragmentation, as the overview shows it, is "
        "below this (0 to 1).",
    )
    moves: Annotated[list[PlannedMove], Field(max_length=1000, fail_fast=True)] | None = Field(
        None, description="A plan to check on the inventory as it is now, instead of a search for one."
    )


class CapacityRequest(Scenario):
    """A request for the number of Pods like this one that fit."""

    pod: KubernetesObject = Field(None, description="A Pod. Either it or a workload is required.")
    workload: KubernetesObject = Field(
        None,
        description="A workload of any kind, for its Pod template: its only template, or the only one with "
        "devices.",
    )
    limit: int = Field(1000, ge=1, strict=True, description="Maximum number of Pods to count.")


class DryRun(Body):
    """The progress of a running dry run."""

    name: str
    done: int
    pods: int


class DryRunList(Body):
    """The running dry runs with a name."""

    items: list[DryRun]
