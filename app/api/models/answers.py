"""Responses of dry runs: verdicts of nodes, their reasons, placements of Pods."""

from typing import Literal

from pydantic import ConfigDict, Field

from app.api.models.body import AllocationResult, Body
from app.api.models.evidence import EvidenceModel

Verdict = Literal["fits", "misfit", "invalid"]


class ReasonModel(Body):
    code: str
    message: str
    claim: str | None = None
    request: str | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    evidence: EvidenceModel = Field(default_factory=EvidenceModel)


class ScorePartModel(Body):
    """The score of one policy, from 0 to 1, and why."""

    policy: str
    weight: float
    score: float
    why: str


class NodeVerdict(Body):
    """The verdict of one node. ``allocations``: one for each claim, in the order of spec.resourceClaims.

    ``headline`` contains no counts or names: nodes with the same reasons have the same headline.
    """

    name: str
    verdict: Verdict
    score: int | None
    score_parts: list[ScorePartModel] = Field(
        description="Parts of the score, with `explain: full`, for a node that fits."
    )
    headline: str
    distance: int = Field(0, description="0 to 2: how far the node is from fitting. 0 is nearest.")
    reasons: list[ReasonModel] = Field(description="Of requests that no device satisfies, the first 100.")
    allocations: list[AllocationResult]


class ChangeModel(Body):
    """A change, and fields that depend on its code: docs/explain.md lists them."""

    model_config = ConfigDict(extra="allow")

    code: str
    text: str


class NodeGroupModel(Body):
    """Nodes that do not fit for equal reasons.

    ``nodes`` are the first ten, and ``reasons`` those of the first node: counts and holders may differ. A
    group that an earlier Pod of the answer has too shows them there only, and ``explainedBy`` names that Pod.
    """

    verdict: Verdict
    headline: str
    distance: int = Field(description="0 to 2: how far the nodes are from fitting. 0 is nearest.")
    count: int = Field(description="Number of nodes.")
    nodes: list[str]
    reasons: list[ReasonModel]
    explained_by: str | None


class NearMissModel(Body):
    """Changes after which the Pod fits on the node. Each was verified by a repeated evaluation."""

    text: str
    node: str
    changes: list[ChangeModel]


class ClaimPlacement(Body):
    """``shared``: the Pod names the claim, and others may use it too; otherwise the claim is generated
    for this Pod.
    """

    pod_claim: str
    claim: str
    shared: bool
    allocation: AllocationResult | None


class VictimModel(Body):
    """A Pod that would be evicted."""

    namespace: str
    name: str
    priority: int


class PreemptionModel(Body):
    """The Pods to evict so that a Pod fits on ``node``.

    Without a node no eviction helps, and ``text`` is the reason.
    """

    node: str | None
    victims: list[VictimModel]
    text: str


class PodAnswer(Body):
    """The placement of one Pod. ``nodesOmitted`` counts nodes left out of ``nodes`` in a large response."""

    namespace: str
    name: str
    node: str | None
    score: int | None
    claims: list[ClaimPlacement]
    summary: str
    nodes: list[NodeVerdict]
    nodes_omitted: int
    fitting: int = Field(description="Number of nodes that fit; 0 with `explain: none`.")
    fitting_nodes: list[str] = Field(
        description="Names of nodes that fit, best first; not all of many nodes."
    )
    groups: list[NodeGroupModel] = Field(description="The other nodes by reason, nearest to fitting first.")
    near_misses: list[NearMissModel]
    evicted_from: str | None = None
    preemption: PreemptionModel | None = None


class GangModel(Body):
    """``unknown``: the search found no placement within its limits, but one may exist.

    ``impossible`` is proven.
    """

    outcome: Literal["fits", "impossible", "unknown"]
    text: str
    tried: int


class PlacementAnswer(Body):
    revision: str
    placed: int
    unplaced: int
    complete: bool = Field(
        description="False: the time limit was reached before the last Pod; the "
        "remaining Pods are not in pods."
    )
    gang: GangModel | None = Field(None, description="The result of allOrNothing.")
    pods: list[PodAnswer]
    pool_names_shared: bool = Field(
        default=False,
        description="Another driver has a pool with the name of one that Pods got devices of: a device's "
        "name needs the driver.",
    )
    notes: list[str] = Field(description="Assumptions about unknown kinds and templates.")


class NodeCount(Body):
    name: str
    count: int


class CapacityAnswer(Body):
    """``fits`` more Pods, on these nodes.

    ``capped``: the limit was reached. ``summary``: why the next Pod does not fit.
    """

    revision: str
    fits: int
    capped: bool
    nodes: list[NodeCount]
    summary: str
    near_misses: list[NearMissModel] = Field(description="Changes that make room for one more Pod.")
    notes: list[str] = Field(description="Assumptions about unknown kinds and templates.")


class SizedShape(Body):
    """The number of nodes to add like this one."""

    like: str
    price: float
    count: int


class SizedPod(Body):
    """The node that a Pod gets; null where not all Pods fit."""

    namespace: str
    name: str
    node: str | None
    summary: str


class SizingAnswer(Body):
    """What to add. ``minimal``: it is proven that nothing cheaper is enough."""

    revision: str
    outcome: Literal["fits", "impossible", "unknown"] = Field(
        description="impossible: no number of these nodes is enough; unknown: none was found within limits."
    )
    minimal: bool
    text: str
    nodes_needed: int | None
    price: float | None
    shapes: list[SizedShape]
    sets_tried: int
    pods: list[SizedPod]
    notes: list[str] = Field(description="What is assumed where a kind or a template is not known.")


class MovedClaim(Body):
    """One claim of a Pod that moves: the devices that it has, and those that it gets."""

    claim: str
    before: list[str] = Field(description="driver/pool/device.")
    after: list[str] = Field(description="driver/pool/device.")


class MoveItem(Body):
    """One step: evict the Pod, and its controller creates another one that fits on ``to``."""

    namespace: str
    name: str
    uid: str
    source: str = Field(alias="from", description="The node that it leaves.")
    to: str = Field(description="The node where it fits at this step.")
    claims: list[MovedClaim]


class FragmentationChange(Body):
    """Fragmentation, 0 to 1; null if no request can use a free device, or if time was up before."""

    before: float | None
    after: float | None = Field(description="After the moves; without a plan, the lowest that was reached.")


class RepackAnswer(Body):
    """What to move, in order. ``minimal``: it is proven that no fewer moves are enough."""

    revision: str
    outcome: Literal["fits", "impossible", "unknown"] = Field(
        description="impossible: no moves that are allowed make room; unknown: none were found within limits."
    )
    minimal: bool
    text: str
    moves: list[MoveItem]
    pods: list[SizedPod] = Field(description="The Pods that wait, after the moves.")
    fragmentation: FragmentationChange | None = Field(description="With `fragmentationBelow`.")
    stays: dict[str, int] = Field(
        description="Number of running Pods with devices that may not move, by reason."
    )
    notes: list[str] = Field(description="What is assumed where a kind or a template is not known.")


class Explanation(Body):
    """Why a Pod is pending, or its node."""

    revision: str
    namespace: str
    name: str
    node: str | None
    summary: str
    nodes: list[NodeVerdict]
    nodes_omitted: int
    fitting: int = Field(description="Number of nodes that fit; 0 with `explain: none`.")
    fitting_nodes: list[str] = Field(
        description="Names of nodes that fit, best first; not all of many nodes."
    )
    groups: list[NodeGroupModel] = Field(description="The other nodes by reason, nearest to fitting first.")
    near_misses: list[NearMissModel]
