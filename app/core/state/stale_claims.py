"""Claims that look as if a bind had ended in the middle, or as if nobody had freed them.

What a claim shows is compared with its Pods: a bind writes the finalizer, then allocation and reservation,
then binds the Pod, so each step without the next one is a trace. Whether it is a trace of *this* program,
and old enough, is for others to find out.

A reservation of a Pod that is gone is kube-controller-manager's to take back, and it does so at once. But it
acts on the Pod's deletion, and does not hear of each: those of Pods deleted right after an API server has
come back can be lost to it and to the garbage collector. Such a claim would hold its devices for ever.
"""

from enum import Enum

from app.core.model.pod import Pod
from app.core.model.resource_claim import EXTENDED_ANNOTATION, FINALIZER, Consumer, ResourceClaim
from app.core.state.state import State


class StaleClaim(Enum):
    """``FINALIZER``: of a claim without devices. ``RESERVATION``: for a Pod that is not bound.

    ``EXTENDED``: a claim for extended resources that its Pod does not use. ``ABANDONED``: a reservation for a
    Pod that is gone.
    """

    FINALIZER = "finalizer"
    RESERVATION = "reservation"
    EXTENDED = "extended"
    ABANDONED = "abandoned"


def stale_claim(state: State, claim: ResourceClaim) -> StaleClaim | None:
    """What is left over of a claim, if it is not being worked on in this process.

    Left alone is what kube-controller-manager looks after: claims that are being deleted, reservations of
    Pods that are done, claims without devices whose Pod is gone. O(reservations).
    """
    if claim.meta.deleted is not None or claim.meta.key in state.assumed:
        return None
    if claim.meta.annotations.get(EXTENDED_ANNOTATION) == "true":
        return _of_extended(state, claim)
    if claim.allocation is None and not claim.reserved_for:
        return StaleClaim.FINALIZER if FINALIZER in claim.meta.finalizers else None
    if unbound_consumers(state, claim):
        return StaleClaim.RESERVATION
    return StaleClaim.ABANDONED if gone_consumers(state, claim) else None


def unbound_consumers(state: State, claim: ResourceClaim) -> tuple[Consumer, ...]:
    """Those of the claim's consumers that are Pods waiting for a node."""
    found = []
    for consumer in claim.reserved_for:
        pod = state.pods.get((claim.meta.namespace, consumer.name)) if consumer.resource == "pods" else None
        if pod is not None and pod.meta.uid == consumer.uid and _waits(pod):
            found.append(consumer)
    return tuple(found)


def gone_consumers(state: State, claim: ResourceClaim) -> tuple[Consumer, ...]:
    """Those of the claim's consumers that are Pods unknown here: they are gone, or done."""
    found = []
    for consumer in claim.reserved_for:
        if consumer.resource == "pods":
            pod = state.pods.get((claim.meta.namespace, consumer.name))
            if pod is None or pod.meta.uid != consumer.uid:
                found.append(consumer)
    return tuple(found)


def _of_extended(state: State, claim: ResourceClaim) -> StaleClaim | None:
    owner = claim.meta.controller
    pod = state.pods.get((claim.meta.namespace, owner.name)) if owner is not None else None
    if owner is None or (pod is not None and pod.meta.uid != owner.uid):
        return None
    # A bound Pod without any claim is not kept in the state: it does not use this one.
    unused = pod is None or _waits(pod) or pod.extended_claim != claim.meta.name
    return StaleClaim.EXTENDED if unused else None


def _waits(pod: Pod) -> bool:
    return not pod.node_name and pod.meta.deleted is None and not pod.finished
