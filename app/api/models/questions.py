"""Bodies that ask: what to judge by, what to place."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from app.api.models.body import Body


class Asked(Body):
    """A field that is null is not given, as in every Kubernetes object: Go writes empty lists so."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        return {name: value for name, value in raw.items() if value is not None}


class ObjectName(Asked):
    """Names an object; a namespace that is left out is ``default``."""

    kind: str
    name: str
    namespace: str = ""


class DeviceTaint(Asked):
    """Taints all devices of a driver, of one of its pools, or one device."""

    driver: str
    pool: str | None = None
    device: str | None = None
    key: str = Field(min_length=1)
    value: str = ""
    effect: Literal["NoSchedule", "NoExecute", "None"] = "NoSchedule"


class MoreNodes(Asked):
    """More nodes like one there is, with devices of their own."""

    like: str
    count: int = Field(ge=1, le=10_000, strict=True)


class GeneratedName(Asked):
    """Names a claim or template that a controller makes; a namespace that is left out is ``default``."""

    kind: Literal["ResourceClaim", "ResourceClaimTemplate"] = "ResourceClaimTemplate"
    name: str
    namespace: str = ""


class Scenario(Asked):
    """What to judge by: the live inventory or the objects given, changed as wanted, and how."""

    inventory: Literal["live", "request"] = "live"
    objects: list[Any] = Field(
        default_factory=list,
        description="Node, ResourceSlice, DeviceClass, DeviceTaintRule, ResourceClaim, "
        "ResourceClaimTemplate, Pod in any served version, laid over the inventory: "
        "same kind and name replaces. Also custom resources whose controller makes claims or templates, such "
        "as NVIDIA's ComputeDomain.",
    )
    generated: list[GeneratedName] = Field(
        default_factory=list,
        max_length=1000,
        description="Claims and templates that a controller makes. One that the inventory does not have is "
        "taken for one without requests, and named in `notes`.",
    )
    remove: list[ObjectName] = Field(
        default_factory=list, max_length=10_000, description="Taken out of the inventory."
    )
    drain: list[str] = Field(
        default_factory=list,
        max_length=10_000,
        description="Nodes made unschedulable, their Pods driven out; placements places those with claims "
        "again, before all others.",
    )
    taints: list[DeviceTaint] = Field(default_factory=list, max_length=1000, description="Laid over devices.")
    add_nodes: list[MoreNodes] = Field(default_factory=list, max_length=10)
    nodes: list[str] | None = Field(None, description="Only these.")
    features: dict[str, bool] = Field(
        default_factory=dict, description="Switches by the names of structured.Features."
    )
    policy: str | None = Field(
        None,
        description="Scoring policy, or several with weights: `least-fragmentation=2,spread=1`. Before what "
        "Pods and classes wish for.",
    )
    node_checks: bool = Field(
        default=True,
        description="Also judge nodeSelector, required node affinity, taints, unschedulable and resource "
        "requests; false: devices alone.",
    )


class PlacementRequest(Scenario):
    """Would these Pods fit, where, and on which devices? Nothing is written."""

    pods: list[Any] = Field(default_factory=list)
    workloads: list[Any] = Field(
        default_factory=list,
        description="Pods, and objects of any kind that hold Pod templates: docs/workloads.md lists the "
        "kinds that are known.",
    )
    replicas: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        None,
        description="Instead of the number of a workload with one Pod template; a DaemonSet has one a node.",
    )
    all_or_nothing: bool = Field(
        default=False, description="Place all Pods or none, looking beyond one after the other."
    )
    preemption: bool = Field(
        default=False,
        description="Say whom preemption would evict, for the first Pods that fit nowhere.",
    )
    explain: Literal["summary", "full"] = "summary"
    progress: str = Field(
        "", max_length=64, description="A name under which `GET /api/v1/dry-runs` tells how far this one is."
    )


class NodeShape(Asked):
    """Nodes that can be added, like one of the inventory or of ``objects``."""

    like: str
    price: float = Field(1.0, ge=0.001, le=1e9, description="Of one node, in any unit.")
    limit: int = Field(1000, ge=1, le=10_000, description="How many there can be.")
    exists: bool = Field(
        default=True, description="false: the node itself is not there, it only shows what new ones are like."
    )


class SizingRequest(Scenario):
    """Which nodes to add so that these Pods fit?"""

    pods: list[Any] = Field(default_factory=list)
    workloads: list[Any] = Field(
        default_factory=list, description="Pods and workloads, as in `POST /api/v1/placements`."
    )
    replicas: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Instead of the number of a workload with one Pod template."
    )
    pending: bool = Field(default=False, description="Also the Pods with claims that have no node yet.")
    shapes: list[NodeShape] = Field(min_length=1, max_length=5)


class CapacityRequest(Scenario):
    """How many more Pods of this kind fit?"""

    pod: Any = Field(None, description="A Pod; it or a workload must be given.")
    workload: Any = Field(
        None,
        description="A workload of any kind, for its Pod template: its only one, or the only one with "
        "devices.",
    )
    limit: int = Field(1000, ge=1, strict=True, description="Stop counting here.")


class DryRun(Body):
    """How far a dry run is that is under way."""

    name: str
    done: int
    pods: int


class DryRunList(Body):
    """The dry runs under way that have a name."""

    items: list[DryRun]
