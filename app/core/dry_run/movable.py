"""Which Pods can be moved to another node, and why others cannot."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import FEW, in_order, paced, paced_if_many
from app.core.preemption.victims import Budgets, doubly_covered
from app.core.state.state import State
from app.core.state.taken import ClaimKey

_MIRROR = "kubernetes.io/config.mirror"
_STAYS = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}
"""Annotations that keep a Pod where it is, with the value that does."""


@dataclass(frozen=True, slots=True)
class Movable:
    """The Pods that may move, with the claims that each gives back, and how many stay for which reason.

    ``budgets``: what all moves together may use.
    """

    pods: tuple[Pod, ...]
    claims: dict[str, tuple[ClaimKey, ...]]
    stays: dict[str, int]
    budgets: Budgets


def movable_pods(state: State, highest: int, visible: Callable[[str], bool] | None = None) -> Movable:
    """Sorts the running Pods with devices into those that may move, and those that stay.

    Args:
        highest: Pods of a higher priority stay.
        visible: whether the plan may name Pods of a namespace; those of others stay. None: of all.

    Cost: O(Pods + claims), and O(budgets) for Pods of the same labels, with pauses: pass a fork.
    """
    claims = _claims_by_pod(state.claims())
    budgets = Budgets.of(state.budgets.values())
    pods: list[Pod] = []
    stays: dict[str, int] = {}
    for pod in paced(state.pods.values(), FEW):
        if not pod.node_name or pod.finished or not claims.get(pod.meta.uid):
            continue
        reason = _stays(pod, claims[pod.meta.uid], highest, budgets)
        if reason is None and visible is not None and not visible(pod.meta.namespace):
            reason = "in a namespace that the caller may not see"
        if reason is None:
            pods.append(pod)
        else:
            stays[reason] = stays.get(reason, 0) + 1
    ranks = ((pod.priority, pod.meta.key, number) for number, pod in enumerate(pods))
    ordered = [pods[number] for *_, number in in_order(ranks)]
    keys = {
        pod.meta.uid: tuple(claim.meta.key for claim in claims[pod.meta.uid]) for pod in paced(ordered, FEW)
    }
    return Movable(tuple(ordered), keys, stays, budgets)


def _claims_by_pod(claims: Iterable[ResourceClaim]) -> dict[str, list[ResourceClaim]]:
    """The allocated claims by the UID of the Pods that they are reserved for."""
    found: dict[str, list[ResourceClaim]] = {}
    for claim in paced(claims, FEW):
        if claim.allocation is not None:
            for consumer in paced_if_many(claim.reserved_for):
                if consumer.uid:
                    found.setdefault(consumer.uid, []).append(claim)
    return found


def _stays(pod: Pod, claims: Iterable[ResourceClaim], highest: int, budgets: Budgets) -> str | None:
    """Why the Pod stays; None if it may move."""
    controller = pod.meta.controller
    rules = (
        (pod.meta.deleted is not None, "being deleted"),
        (_MIRROR in pod.meta.annotations, "static Pod"),
        (controller is None, "no controller would create it again"),
        (controller is not None and controller.kind == "DaemonSet", "DaemonSet"),
        (any(pod.meta.annotations.get(name) == value for name, value in _STAYS.items()), "annotated to stay"),
        (bool(pod.group), "part of a group"),
        (pod.priority > highest, "higher priority"),
        (any(len(claim.reserved_for) > 1 for claim in claims), "shares a claim"),
        (doubly_covered(pod, budgets), "two PodDisruptionBudgets cover it"),
    )
    return next((reason for applies, reason in rules if applies), None)
