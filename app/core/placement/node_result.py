"""The result of evaluating one Pod on one node."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from app.core.allocator import Reason
from app.core.model.allocation import Allocation
from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.resource_claim import ConsumerReference, ResourceClaim
from app.core.placement.pod_claims import HeldClaim
from app.core.scoring import ScorePart

Verdict = Literal["fits", "misfit", "invalid"]


@dataclass(frozen=True, slots=True)
class Tried:
    """An allocation that was tried on a node: its score, and what its devices take of the node.

    ``amounts`` has an entry for each claim without an allocation, in order, without containers.
    """

    score: int
    amounts: tuple[ClaimAmounts | None, ...]


@dataclass(frozen=True, slots=True)
class NodeResult:
    """The result for one node.

    If it fits, ``claims`` are the Pod's claims on this node, ``allocations`` their allocations in order, and
    ``score_parts`` the parts of the score. ``curable``: whether evicting Pods from the node could change a
    misfit. ``searched``: whether the allocator ran. With ``counted_later``, ``PodEvaluation.explained``
    computes the reasons. ``amounts`` is what the devices take of the node's CPU, memory or huge pages.
    ``of_node``: the result depends on what Pods take of those. ``tried`` are the allocations of which the
    first one with room is given then; none if they are not known.
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
    amounts: tuple[ClaimAmounts, ...] = ()
    of_node: bool = False
    tried: tuple[Tried, ...] = ()

    @property
    def settled(self) -> Iterator[tuple[ResourceClaim, Allocation, ConsumerReference | None]]:
        """Each claim with its allocation, and with the PodGroup that it is reserved for, if any."""
        for held, allocation in zip(self.claims, self.allocations, strict=True):
            yield held.claim, allocation, held.group
