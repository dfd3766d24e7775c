"""What is said of one Pod on one node."""

from dataclasses import dataclass
from typing import Literal

from app.core.allocator import Reason
from app.core.model.allocation import Allocation
from app.core.placement.pod_claims import HeldClaim
from app.core.scoring import ScorePart

Verdict = Literal["fits", "misfit", "invalid"]


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What is to be said of one node.

    If it fits, ``claims`` are the Pod's claims on this node, ``allocations`` what each of them gets, in
    order, and ``score_parts`` what the score is made of. ``curable`` says whether evicting Pods from the
    node could change a misfit. ``searched``: devices were looked for. With ``counted_later``, the reasons
    are still to be had from ``PodEvaluation.explained``.
    """

    node: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    claims: tuple[HeldClaim, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    score: int | None = None
    score_parts: tuple[ScorePart, ...] = ()
    curable: bool = True
    searched: bool = False
    counted_later: bool = False
