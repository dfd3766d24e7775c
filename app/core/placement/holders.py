"""The claims that hold devices a Pod waits for: whether they are about to go, or no Pod uses them."""

from dataclasses import replace

from app.core.allocator import Reason
from app.core.allocator.evidence import HoldingClaim
from app.core.model.resource_claim import ConsumerReference, ResourceClaim
from app.core.pauses import paced_if_many
from app.core.state.state import State


def with_holders(state: State, reason: Reason) -> Reason:
    """The reason with the state of the claims that hold the devices, where that is out of the ordinary.

    Cost: O(holders, and Pods that they are reserved for).
    """
    holders = tuple(_known(state, holder) for holder in paced_if_many(reason.evidence.holders))
    states = [f"claim {holder.claim} is {holder.state}" for holder in holders if holder.state]
    if not states:
        return reason
    message = "; ".join([reason.message, *states])
    return replace(reason, message=message, evidence=replace(reason.evidence, holders=holders))


def _known(state: State, holder: HoldingClaim) -> HoldingClaim:
    namespace, _, name = holder.claim.partition("/")
    claim = state.claim((namespace, name))
    return holder if claim is None else replace(holder, state=state_of(state, claim))


def state_of(state: State, claim: ResourceClaim) -> str:
    """Like ``being deleted since 2026-01-31T00:00:00Z, reserved for Pod a, which is not there``.

    Empty for a claim that Pods use.
    """
    parts = [f"being deleted since {claim.meta.deleted}"] if claim.meta.deleted is not None else []
    # An inventory from a file may hold no Pods at all: then their absence proves nothing.
    knows_pods = bool(parts or state.pods)
    gone = [item.name for item in claim.reserved_for if knows_pods and _is_gone(state, claim, item)]
    if gone and len(gone) == len(claim.reserved_for):
        pods, are = ("Pod", "is") if len(gone) == 1 else ("Pods", "are")
        parts.append(f"reserved for {pods} {', '.join(gone[:3])}, which {are} not there")
    return ", ".join(parts)


def _is_gone(state: State, claim: ResourceClaim, consumer: ConsumerReference) -> bool:
    if consumer.resource != "pods" or consumer.api_group:
        return False
    pod = state.pods.get((claim.meta.namespace, consumer.name))
    return pod is None or bool(consumer.uid and pod.meta.uid and pod.meta.uid != consumer.uid)
