"""The final decision on one Pod and one node, before devices are assumed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.core.diagnosis import node_message
from app.core.model.allocation import Allocation
from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.pod import Pod
from app.core.model.resource_claim import ConsumerReference
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import State
from app.core.state.taken import ClaimKey


@dataclass(frozen=True, slots=True)
class ClaimAllocation:
    """The allocation of one claim of the Pod; ``fresh`` if the claim was not allocated before.

    ``amounts`` is what its devices take of the node, if they do.
    """

    held: HeldClaim
    allocation: Allocation
    fresh: bool
    amounts: ClaimAmounts | None = None

    def consumer(self, pod: Pod) -> ConsumerReference:
        """The entry in reservedFor: the Pod, or its PodGroup if the claim is the group's."""
        return self.held.group or ConsumerReference("", "pods", pod.meta.name, pod.meta.uid)

    def stamped(self, timestamp: str | None) -> "ClaimAllocation":
        """With the allocation's time, RFC 3339, if the claim was not allocated before."""
        return replace(self, allocation=replace(self.allocation, timestamp=timestamp)) if self.fresh else self

    def is_undecided(self, pod: Pod) -> bool:
        """Whether the claim may still be allocated on any node, and no other Pod waits for where.

        That is so for a claim made for the Pod alone: from a template, or for extended resources.
        """
        owner = self.held.claim.meta.controller
        return self.fresh and owner is not None and owner.kind == "Pod" and owner.uid == pod.meta.uid


@dataclass(frozen=True, slots=True)
class Refused:
    """Why the Pod does not fit on the node now."""

    message: str
    invalid: bool = False


def decide(
    state: State, pod: Pod, node: str, rules: Rules, timestamp: str | None
) -> tuple[ClaimAllocation, ...] | Refused:
    """Allocates again on the current state, since filter gives no guarantee.

    It may pause: the result is only valid if the state is still the same when it is assumed.

    Args:
        timestamp: set as allocationTimestamp of fresh allocations (RFC 3339), None for none.
    """
    return decide_on(PodEvaluation(state.as_seen_by(pod), pod, rules), node, timestamp)


def decide_on(
    evaluation: PodEvaluation, node: str, timestamp: str | None
) -> tuple[ClaimAllocation, ...] | Refused:
    """As ``decide``, for a Pod that is evaluated on several nodes. Cost: a search."""
    if not evaluation.claims and not evaluation.varies and evaluation.refusal is None:
        return ()
    answer = evaluation.answer(node, scored=False)
    if answer.verdict != "fits":
        return Refused(node_message(evaluation.explained(answer).reasons), answer.verdict == "invalid")
    return claim_allocations_of(answer, timestamp)


def claim_allocations_of(answer: NodeResult, timestamp: str | None) -> tuple[ClaimAllocation, ...]:
    """The allocation of each claim of a Pod on a node that fits; see ``decide``."""
    amounts = {item.claim: item for item in answer.amounts}
    claim_allocations: dict[ClaimKey, ClaimAllocation] = {}
    for held, allocation in zip(answer.claims, answer.allocations, strict=True):
        fresh = held.claim.allocation is None
        stamp = fresh and allocation.timestamp != timestamp
        given = replace(allocation, timestamp=timestamp) if stamp else allocation
        # A Pod may name a claim twice. In-tree allocates it twice and writes the first result.
        claim_allocations.setdefault(
            held.key, ClaimAllocation(held, given, fresh, amounts.get(held.claim.meta.name))
        )
    return tuple(claim_allocations.values())


def amounts_of(claim_allocations: Iterable[ClaimAllocation]) -> tuple[ClaimAmounts, ...]:
    """What the devices take of the node, claim by claim."""
    return tuple(item.amounts for item in claim_allocations if item.amounts is not None)


def assume(state: State, claim_allocations: tuple[ClaimAllocation, ...], pod: Pod) -> None:
    """Counts the allocations as taken and reserved, without a pause."""
    for claim_allocation in claim_allocations:
        consumers = {pod.meta.uid: claim_allocation.consumer(pod)}
        state.assume(claim_allocation.held.key, claim_allocation.allocation, consumers)


def forget(state: State, claim_allocations: tuple[ClaimAllocation, ...], pod: Pod) -> None:
    """Reverts ``assume``.

    Allocations that the API server has confirmed stay, since the claims contain them.
    """
    for claim_allocation in claim_allocations:
        state.forget(claim_allocation.held.key, pod.meta.uid)
