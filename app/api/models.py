"""Bodies of /api/v1, as the OpenAPI document shows them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

KubernetesObject = dict[str, Any]
AllocationResult = Annotated[
    dict[str, Any], Field(description="AllocationResult of resource.k8s.io/v1", title="AllocationResult")
]
Verdict = Literal["fits", "misfit", "invalid"]


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class ObjectName(_Body):
    """Names an object; a namespace that is left out is ``default``."""

    kind: str
    name: str
    namespace: str = ""


class DeviceTaint(_Body):
    """Taints all devices of a driver, of one of its pools, or one device."""

    driver: str
    pool: str | None = None
    device: str | None = None
    key: str
    value: str = ""
    effect: Literal["NoSchedule", "NoExecute", "None"] = "NoSchedule"


class MoreNodes(_Body):
    """More nodes like one there is, with devices of their own."""

    like: str
    count: int = Field(ge=1, le=10_000)


class Scenario(_Body):
    """What to judge by: the live inventory or the objects given, changed as wanted, and how."""

    inventory: Literal["live", "request"] = "live"
    objects: list[Any] = Field(
        default_factory=list,
        description="Node, ResourceSlice, DeviceClass, DeviceTaintRule, ResourceClaim, "
        "ResourceClaimTemplate, Pod in any served version, laid over the inventory: "
        "same kind and name replaces.",
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
        description="Pod, Job, CronJob, Deployment, ReplicaSet, StatefulSet or DaemonSet.",
    )
    replicas: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Instead of the workloads' own numbers; a DaemonSet has one Pod a node."
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


class DryRun(_Body):
    """How far a dry run is that is under way."""

    name: str
    done: int
    pods: int


class DryRunList(_Body):
    """The dry runs under way that have a name."""

    items: list[DryRun]


class CapacityRequest(Scenario):
    """How many more Pods of this kind fit?"""

    pod: Any = Field(None, description="A Pod; it or a workload must be given.")
    workload: Any = Field(None, description="A workload, for its Pod template.")
    limit: int = Field(1000, ge=1, description="Stop counting here.")


class EvidenceModel(_Body):
    """What stands behind a reason; lists that would be empty are left out."""

    holders: list[dict[str, Any]] = Field(
        default_factory=list, description="`claim` and how many `devices` it holds."
    )
    selectors: list[dict[str, Any]] = Field(
        default_factory=list,
        description="`where`, `text`, how many `devices` it rejects, and its `terms`: `text`, how many "
        "`devices` fail it, how many it `alone`; of a comparison the `bound`, the `best` value or "
        "those `seen`.",
    )
    taints: list[dict[str, Any]] = Field(
        default_factory=list, description="`key`, `value`, `effect`, `devices`."
    )
    counters: list[dict[str, Any]] = Field(
        default_factory=list, description="`pool`, `counterSet`, `counter`, `needed`, `left`."
    )
    capacities: list[dict[str, Any]] = Field(
        default_factory=list, description="`name`, `wanted`, `best`: the most there is, or null."
    )
    constraints: list[dict[str, Any]] = Field(
        default_factory=list,
        description="`kind`, `attribute`, `wanted` devices, and the `values` that usable devices have.",
    )


class ReasonModel(_Body):
    code: str
    message: str
    claim: str | None = None
    request: str | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    evidence: EvidenceModel = Field(default_factory=EvidenceModel)


class ScorePartModel(_Body):
    """What one policy says: ``score`` from 0 to 1, and why."""

    policy: str
    weight: float
    score: float
    why: str


class NodeVerdict(_Body):
    """What one node says. ``allocations``: one for each claim, in the order of spec.resourceClaims.

    ``headline`` has no counts and names in it: nodes that say the same have the same.
    """

    name: str
    verdict: Verdict
    score: int | None
    score_parts: list[ScorePartModel] = Field(
        description="What the score is made of: with `explain: full`, of a node that fits."
    )
    headline: str
    reasons: list[ReasonModel]
    allocations: list[AllocationResult]


class NearMissModel(_Body):
    """Changes after which the Pod fits on the node, found by asking again with them made."""

    text: str
    node: str
    changes: list[dict[str, Any]] = Field(
        description="`code`, `text`, and what the code needs: docs/explain.md lists them."
    )


class ClaimPlacement(_Body):
    """``shared``: the Pod names the claim, others may use it too; else it is made for this Pod."""

    pod_claim: str
    claim: str
    shared: bool
    allocation: AllocationResult | None


class VictimModel(_Body):
    """A Pod that would be evicted."""

    namespace: str
    name: str
    priority: int


class PreemptionModel(_Body):
    """Whom to evict so that a Pod fits on ``node``; without one no eviction helps, and ``text`` says why."""

    node: str | None
    victims: list[VictimModel]
    text: str


class PodAnswer(_Body):
    """Where one Pod goes. ``nodesOmitted`` counts nodes left out of ``nodes`` in a large answer."""

    namespace: str
    name: str
    node: str | None
    score: int | None
    claims: list[ClaimPlacement]
    summary: str
    nodes: list[NodeVerdict]
    nodes_omitted: int
    near_misses: list[NearMissModel]
    evicted_from: str | None = None
    preemption: PreemptionModel | None = None


class GangModel(_Body):
    """``unknown``: none was found within limits, but one may exist; ``impossible`` is a proof."""

    outcome: Literal["fits", "impossible", "unknown"]
    text: str
    tried: int


class PlacementAnswer(_Body):
    revision: str
    placed: int
    unplaced: int
    complete: bool = Field(description="False: time was up before the last Pod; the rest is not in pods.")
    gang: GangModel | None = Field(None, description="With allOrNothing.")
    pods: list[PodAnswer]


class NodeCount(_Body):
    name: str
    count: int


class CapacityAnswer(_Body):
    """``fits`` more Pods, on these nodes; ``capped``: no more were tried. ``summary`` says what is short."""

    revision: str
    fits: int
    capped: bool
    nodes: list[NodeCount]
    summary: str
    near_misses: list[NearMissModel] = Field(description="What would make room for one more.")


class DeviceCounts(_Body):
    free: int = 0
    taken: int = 0
    shared: int = 0
    assumed: int = 0
    tainted: int = 0
    unusable: int = 0


class NodeItem(_Body):
    name: str
    devices: dict[str, DeviceCounts] = Field(description="By driver; devices of the node alone.")
    unschedulable: bool


class DeviceItem(_Body):
    """One device. ``nodes`` is ``["*"]`` for a device that all nodes reach."""

    driver: str
    pool: str
    device: str
    nodes: list[str]
    state: Literal["free", "taken", "shared", "assumed", "tainted", "unusable"]
    claims: list[str]
    note: str = Field(description="Why it is tainted or unusable.")


class ClaimItem(_Body):
    """``assumed``: given, but not confirmed by the API server yet."""

    namespace: str
    name: str
    allocation: AllocationResult | None
    reserved_for: list[dict[str, str]]
    assumed: bool


class NodePage(_Body):
    revision: str
    items: list[NodeItem]
    next: str | None


class DevicePage(_Body):
    revision: str
    items: list[DeviceItem]
    next: str | None


class ClaimPage(_Body):
    revision: str
    items: list[ClaimItem]
    next: str | None


class FleetDevice(_Body):
    """A device of a node. ``nodes``: only for those that are no node's own, at most ten of them."""

    device: str
    state: Literal["free", "taken", "shared", "assumed", "tainted", "unusable"]
    claims: list[str] = Field(default_factory=list)
    note: str = ""
    nodes: list[str] | None = None
    nodes_omitted: int = 0


class FleetPool(_Body):
    driver: str
    pool: str
    devices: list[FleetDevice]


class FleetItem(_Body):
    """``kind`` shared, name ``*``: the devices that are no node's own."""

    name: str
    kind: Literal["node", "shared"]
    unschedulable: bool
    pools: list[FleetPool]


class FleetPage(_Body):
    revision: str
    items: list[FleetItem]
    next: str | None


class Changes(_Body):
    """``changed``: nodes to read again; null: all of them. ``decisions``: number of the last decision."""

    revision: str
    cursor: str
    nodes: int
    changed: list[str] | None
    decisions: int


class TaintItem(_Body):
    key: str
    value: str
    effect: str
    since: str | None


class CapacityItem(_Body):
    """``consumed``: by the shares of the device that claims hold; null for none."""

    name: str
    value: str
    consumed: str | None


class CounterConsumption(_Body):
    set: str
    consumes: dict[str, str]


class CounterItem(_Body):
    name: str
    value: str
    used: str


class CounterSetItem(_Body):
    set: str
    counters: list[CounterItem]


class Holder(_Body):
    """A claim that holds a device. ``since``: when it was allocated, null if that was not recorded."""

    namespace: str
    name: str
    since: str | None
    created: str | None
    assumed: bool
    share_id: str | None = Field(alias="shareID")
    admin_access: bool
    reserved_for: list[dict[str, str]]


class DeviceDetail(_Body):
    """One device. ``multiple``: several claims may hold shares of it."""

    revision: str
    driver: str
    pool: str
    device: str
    nodes: list[str]
    state: Literal["free", "taken", "shared", "assumed", "tainted", "unusable"]
    note: str
    attributes: dict[str, Any]
    capacity: list[CapacityItem]
    taints: list[TaintItem]
    counters: list[CounterConsumption]
    counter_sets: list[CounterSetItem]
    multiple: bool
    holders: list[Holder]


class Failure(_Body):
    message: str
    shapes: int = Field(description="Different sets of attributes and capacities that it fails on.")


class Matches(_Body):
    """``items``: driver/pool/device. ``failures``: what evaluations ended with; those do not match."""

    revision: str
    items: list[str]
    failures: list[Failure]


class PodItem(_Body):
    """A Pod that waits for a node or holds claims. ``said``: the last refusal by the filter."""

    namespace: str
    name: str
    node: str | None
    claims: list[str]
    created: str | None
    priority: int
    scheduler_name: str
    said: str
    said_at: str | None


class PodPage(_Body):
    revision: str
    items: list[PodItem]
    next: str | None


class DecisionItem(_Body):
    """``times``: how often in a row the same was decided; ``first`` when that began."""

    number: int
    at: str
    first: str
    times: int
    verb: Literal["filter", "bind"]
    namespace: str
    name: str
    outcome: Literal["passed", "refused", "bound", "failed"]
    node: str | None
    fitting: int
    nodes: int
    summary: str
    seconds: float


class DecisionPage(_Body):
    """Newest first. ``next``: a cursor to what is older."""

    items: list[DecisionItem]
    next: str | None


class DocumentItem(_Body):
    kind: str
    namespace: str
    name: str
    role: Literal["workload", "object", "ignored"]
    object: Any


class Documents(_Body):
    """What a dry run takes of some manifests: ``workloads`` and ``objects`` of its request."""

    items: list[DocumentItem]


class PolicyItem(_Body):
    name: str
    summary: str


class Policies(_Body):
    default: str
    items: list[PolicyItem]


class Explanation(_Body):
    """Why a Pod is pending; for one that has a node, which."""

    revision: str
    namespace: str
    name: str
    node: str | None
    summary: str
    nodes: list[NodeVerdict]
    nodes_omitted: int
    near_misses: list[NearMissModel]


class Error(_Body):
    code: str
    message: str
    path: str


class ErrorAnswer(_Body):
    error: Error
