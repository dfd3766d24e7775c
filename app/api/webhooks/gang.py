"""Pods that run together or not at all, planned together at the filter of the first of them.

kube-scheduler filters the Pods of a group one by one. One after the other, they may be named nodes that leave
the last one without devices. So the whole group is planned by the search of ``plan --all-or-nothing``. If it
fits, all of it is reserved in one moment, and each Pod's filter names its planned node.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from app.api.service import Service
from app.api.webhooks.wire import FilterArgs
from app.core.dry_run.gang import GangAnswer, place_gang
from app.core.model.pod import Pod
from app.core.placement.decision import claim_allocations_of
from app.event_loop.time_slice import TimeSlice

_TRIES = 3
"""Attempts to plan the group while the state changes; after these each Pod is evaluated alone."""


@dataclass(frozen=True, slots=True)
class GangChoice:
    """``node`` is the Pod's; ``refusal`` is why the group does not fit. Neither: the Pod stands alone."""

    node: str = ""
    refusal: str = ""


def group_of(pod: Pod, labels: Sequence[str]) -> str:
    """The group of the Pod: its PodGroup, or the first of these labels or annotations that it has."""
    if pod.group:
        return pod.group
    for name in labels:
        value = pod.meta.labels.get(name) or pod.meta.annotations.get(name)
        if value:
            return f"{name}={value}"
    return ""


async def choose_for_gang(service: Service, args: FilterArgs, pod: Pod) -> GangChoice:
    """The node planned for the Pod; plans its whole group if there is no valid plan.

    Cost: none for a Pod without a group; that of ``place_gang`` for the first Pod of one.
    """
    group = group_of(pod, service.settings.gang_labels)
    if not group or service.decider.candidates.number != 1:
        return GangChoice()
    planned = service.decider.reservations.confirm(pod, group)
    if planned is not None and planned in args.names:
        return GangChoice(planned)
    members = _members(service, pod, group)
    if len(members) < 2:
        return GangChoice()
    answer = await _planned(service, members, [name for name in args.names if name in service.state.nodes])
    if answer is None or answer.outcome != "fits":
        # The scheduler of a PodGroup counts itself how many of its Pods are enough.
        if pod.group or answer is None:
            return GangChoice()
        let_go(service, pod)
        text = f"the {len(members)} Pods of group {group} do not fit together: {answer.text}"
        return GangChoice(refusal=text)
    chosen = {item.pod.meta.uid: item.chosen for item in answer.placements if item.chosen is not None}
    for member in members:
        found = chosen[member.meta.uid]
        service.decider.reservations.plan(member, found.node, claim_allocations_of(found, None), group)
    service.decider.reservations.confirm(pod, group)
    return GangChoice(chosen[pod.meta.uid].node)


def let_go(service: Service, pod: Pod) -> None:
    """A Pod of a group has no node, so that the others may not run either: nothing is kept for them."""
    group = group_of(pod, service.settings.gang_labels)
    for member in _members(service, pod, group) if group else ():
        service.decider.reservations.release(member.meta.uid, "given_up")


def _members(service: Service, pod: Pod, group: str) -> list[Pod]:
    """The Pod, and the others of the group that wait for a node and are not being bound. O(Pods)."""
    labels = service.settings.gang_labels
    others = [
        other
        for other in service.state.pods.values()
        if other.meta.namespace == pod.meta.namespace
        and other.meta.uid != pod.meta.uid
        and not (other.node_name or other.finished or other.meta.deleted or other.scheduling_gates)
        and group_of(other, labels) == group
        and service.decider.binder.under_way(other.meta.uid) is None
    ]
    return [pod, *sorted(others, key=lambda other: other.meta.key)]


async def _planned(service: Service, members: Sequence[Pod], nodes: Sequence[str]) -> GangAnswer | None:
    """A plan that is valid for the state when this returns; None if the state changed too often."""
    rules = replace(service.rules, node_checks=True)
    deadline = service.deadline(service.settings.filter_timeout_seconds)
    for _ in range(_TRIES):
        revision, scratch = service.state.revision, service.state.fork()
        for member in members:
            service.decider.reservations.forget_in(scratch, member.meta.uid)
            scratch.clear_nomination(member.meta.key)
        answer = await TimeSlice(service.clock).run(
            partial(place_gang, scratch, members, nodes, rules, shown=0), deadline.expired
        )
        if revision == service.state.revision:
            return answer
    return None
