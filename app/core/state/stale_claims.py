"""Finds claims of interrupted binds, and claims that no controller freed.

Compares a claim with its Pods: a bind writes allocation and reservation, then binds the Pod, so the first
step without the next one is a sign of an interruption. The caller checks that it is one of *this* program,
and old enough. The finalizer of a claim without devices is none: the claim can still be deleted,
and claims may be created with it.

kube-controller-manager removes the reservation of a deleted Pod at once. But it acts on the Pod's
deletion event and can miss it, like the garbage collector, for Pods that are deleted right after an API
server has restarted. Such a claim would hold its devices for ever. Reservations for PodGroups last as long
as the group, also without Pods: those are kube-controller-manager's alone.
"""

from enum import Enum

from app.core.model.pod import Pod
from app.core.model.resource_claim import EXTENDED_ANNOTATION, ConsumerReference, ResourceClaim
from app.core.state.state import State


class StaleClaim(Enum):
    """``RESERVATION``: for a Pod that is not bound. ``EXTENDED``: a claim for extended resources that its Pod
    does not use. ``ABANDONED``: a reservation for a Pod that is gone.
    """

    RESERVATION = "reservation"
    EXTENDED = "extended"
    ABANDONED = "abandoned"


def stale_claim(state: State, claim: ResourceClaim) -> StaleClaim | None:
    """The stale parts of a claim, if no task of this process uses it.

    Ignores what kube-controller-manager handles: claims that are being deleted, reservations of Pods that
    are done, claims without devices whose Pod is gone. O(reservations).
    """
    if claim.meta.deleted is not None or claim.meta.key in state.assumed:
        return None
    if claim.meta.annotations.get(EXTENDED_ANNOTATION) == "true":
        return _of_extended(state, claim)
    if unbound_consumers(state, claim):
        return StaleClaim.RESERVATION
    return StaleClaim.ABANDONED if gone_consumers(state, claim) else None


def unbound_consumers(state: State, claim: ResourceClaim) -> tuple[ConsumerReference, ...]:
    """The consumers of the claim that are pending Pods."""
    found = []
    for consumer in claim.reserved_for:
        pod = state.pods.get((claim.meta.namespace, consumer.name)) if _is_pod(consumer) else None
        if pod is not None and pod.meta.uid == consumer.uid and _waits(pod):
            found.append(consumer)
    return tuple(found)


def gone_consumers(state: State, claim: ResourceClaim) -> tuple[ConsumerReference, ...]:
    """The consumers of the claim that are not in the state: deleted or completed Pods."""
    found = []
    for consumer in claim.reserved_for:
        if _is_pod(consumer):
            pod = state.pods.get((claim.meta.namespace, consumer.name))
            if pod is None or pod.meta.uid != consumer.uid:
                found.append(consumer)
    return tuple(found)


def _is_pod(consumer: ConsumerReference) -> bool:
    return consumer.resource == "pods" and not consumer.api_group


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
