"""Pods that run together or not at all, planned together at the filter of the first of them.

kube-scheduler filters the Pods of a group one by one. One after the other, they may be named nodes that leave
the last one without devices. So the whole group is planned by the search of ``plan --all-or-nothing``. If it
fits, all of it is reserved in one moment, and each Pod's filter names its planned node.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.api.service import Service
from app.api.webhooks.wire import FilterArgs
from app.cluster.binding.reservations import Reservation
from app.core.dry_run.gang import GangAnswer, place_gang
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError, in_order, paced
from app.core.placement.decision import claim_allocations_of
from app.core.preemption.eviction_stage import EvictionStage
from app.core.preemption.plan import terminating
from app.core.preemption.victims import may_be_evicted
from app.core.state.group_members import group_of
from app.core.state.state import State

_TRIES = 3
"""Attempts to plan the group while what the plan depends on changes."""


@dataclass(frozen=True, slots=True)
class GangChoice:
    """``node`` is the Pod's; ``refusal`` is why the group does not fit. Neither: the Pod stands alone."""

    node: str = ""
    refusal: str = ""


async def choose_for_gang(
    service: Service, args: FilterArgs, pod: Pod, *, first_look: bool = False
) -> GangChoice:
    """The node planned for the Pod; plans its whole group if there is no valid plan.

    Cost: none for a Pod without a group; that of ``place_gang`` for the first Pod of one, twice if its Pods
    do not all fit on the nodes of the request.

    Args:
        first_look: the request is about the nominated node, and one about all nodes follows a refusal.
    """
    group = group_of(pod, service.settings.gang_labels)
    reservations = service.decider.reservations
    if not group or service.decider.candidates.number == 0:
        return GangChoice()
    service.decider.gang_attempts.tried_again((pod.meta.namespace, group), pod.meta.uid)
    planned = reservations.planned(pod, group)
    if planned in args.names:
        return GangChoice(reservations.confirm(pod, group) or "")
    if planned is not None and first_look:
        return GangChoice(refusal=f"the Pods of group {group} fit together with this one on another node")
    members = _members(service, pod, group)
    if len(members) < 2 or (pod.group and _is_beside(service, pod, members, group)):
        return GangChoice()
    answer = await _planned(service, members, args.names)
    if answer is not None and answer.outcome == "fits":
        service.decider.gang_attempts.end((pod.meta.namespace, group))
        _reserve(service, members, answer, group)
        node = reservations.confirm(pod, group)
        if node is not None:
            return GangChoice(node)
        answer = None
    # kube-scheduler counts itself how many Pods of a PodGroup are enough.
    return GangChoice() if pod.group else _refused(service, members, answer, group, first_look=first_look)


def _refused(
    service: Service, members: Sequence[Pod], answer: GangAnswer | None, group: str, *, first_look: bool
) -> GangChoice:
    """``answer``: None if no plan stood until it was reserved."""
    if answer is None:
        return GangChoice(refusal=f"the cluster changed while the Pods of group {group} were planned")
    if not first_look:
        _release(service, members, group)
    text = f"the {len(members)} Pods of group {group} do not fit together: {answer.text}"
    return GangChoice(refusal=text)


def _reserve(service: Service, members: Sequence[Pod], answer: GangAnswer, group: str) -> None:
    """Reserves the plan, in place of what its Pods had before."""
    by_uid = {member.meta.uid: member for member in members}
    # First all of them: the devices of one may be planned for another.
    for item in answer.placements:
        service.decider.reservations.release(item.pod.meta.uid, "overtaken")
    for item in answer.placements:
        if item.chosen is not None:
            allocations = claim_allocations_of(item.chosen, None)
            member = by_uid[item.pod.meta.uid]
            service.decider.reservations.plan(member, item.chosen.node, allocations, group)


def let_go(service: Service, pod: Pod) -> None:
    """A Pod of a group has no node. If too few others may have one, nothing is kept for them either."""
    group = group_of(pod, service.settings.gang_labels)
    if not group:
        return
    members = _members(service, pod, group)
    refused = service.decider.gang_attempts.refused((pod.meta.namespace, group), pod.meta.uid)
    possible = sum(member.meta.uid not in refused for member in members)
    if possible < _needed(service, pod, members):
        _release(service, members, group)


def _release(service: Service, members: Sequence[Pod], group: str) -> None:
    service.decider.gang_attempts.end((members[0].meta.namespace, group))
    for found in _reserved_for(service, members):
        service.decider.reservations.release(found.pod.meta.uid, "given_up")


def _needed(service: Service, pod: Pod, members: Sequence[Pod]) -> int:
    """How many of these Pods must have a node so that any may have one. O(Pods of the group)."""
    known = service.state.groups.get((pod.meta.namespace, pod.group)) if pod.group else None
    if known is None:
        return len(members)
    if known.min_count is None:
        return 0
    waiting = {member.meta.uid for member in members}
    placed = sum(
        other.meta.uid not in waiting
        and not (other.finished or other.meta.deleted)
        and bool(other.node_name or service.decider.binder.under_way(other.meta.uid))
        for other in service.state.group_members.of(pod.meta.namespace, pod.group)
    )
    return max(0, known.min_count - placed)


def _is_beside(service: Service, pod: Pod, members: Sequence[Pod], group: str) -> bool:
    """Whether the others are planned without this Pod, as enough of their group."""
    if service.decider.reservations.of(pod.meta.uid) is not None:
        return False
    return any(found.group == group for found in _reserved_for(service, members[1:]))


def _members(service: Service, pod: Pod, group: str) -> list[Pod]:
    """The Pod, and the others of the group that wait for a node and are not being bound.

    Cost: O(Pods of the group), some 0.2 us for each.
    """
    uid, under_way = pod.meta.uid, service.decider.binder.under_way
    others = service.state.group_members.waiting(pod.meta.namespace, group)
    return [
        pod,
        *[other for other in others if other.meta.uid != uid and under_way(other.meta.uid) is None],
    ]


def _in_order(members: Sequence[Pod]) -> list[Pod]:
    """The first member, then the others by name, with pauses: a plan does not depend on which came first."""
    ranks = ((other.meta.key, place) for place, other in enumerate(members[1:], 1))
    return [members[0], *[members[place] for _, place in in_order(ranks)]]


async def _planned(service: Service, members: Sequence[Pod], names: Sequence[str]) -> GangAnswer | None:
    """A plan for enough of the Pods that is valid for the state when this returns.

    None if what it depends on changed too often, or enough Pods have a node without the first one. Pods whose
    nodes kube-scheduler knows keep them: it has given them the CPU there. The others are planned on the nodes
    of the request, which kube-scheduler has checked for the first Pod, or else on any: it may refuse the Pods
    different nodes.
    """
    pod = members[0]
    needed = _needed(service, pod, members)
    answered = _answered(service, members[1:])
    rest = [pod, *[member for member in members[1:] if member.meta.uid not in answered]]
    needed -= len(members) - len(rest)
    if needed <= 0 and len(rest) < len(members):
        return None
    nodes = [name for name in names if name in service.state.nodes]
    answer = await _plan(service, rest, nodes, needed)
    if answer is None or answer.outcome == "fits" or len(rest) < 2 or len(nodes) == len(service.state.nodes):
        return answer
    asked = frozenset(nodes)
    others = [name for name in service.state.nodes if name not in asked]
    return await _plan(service, [replace(pod, only_on=asked), *rest[1:]], nodes + others, needed)


async def may_fit_by_eviction(service: Service, pod: Pod) -> bool:
    """False if the Pod's labelled group fits nowhere even without all Pods that it may evict.

    kube-scheduler evicts Pods for one Pod, of whose group it knows nothing. Only devices are considered, and
    those that are held for Pods of lower priority are free.
    Cost: that of ``place_gang`` for a Pod of such a group, for each lower priority in it once more.
    """
    group = group_of(pod, service.settings.gang_labels)
    if not group or pod.group or service.decider.candidates.number == 0:
        return True
    members = _members(service, pod, group)
    # Before the first pause: what is reserved changes, and this copy does not.
    scratch = _without_holds_of(service, members)

    def possible() -> bool:
        return all(
            _fit_by_eviction(service, scratch.fork(), some, preemptor)
            for some, preemptor in _by_priority(_in_order(members))
        )

    deadline = service.deadline(service.settings.filter_timeout_seconds)
    try:
        return await service.webhook_slice(pod.meta.namespace).run(possible, deadline.expired)
    except InterruptedWorkError:
        return True


def _by_priority(members: Sequence[Pod]) -> list[tuple[list[Pod], Pod]]:
    """The members, with the first as the preemptor, and those of each lower priority with those below.

    These cannot evict what the first may: where they do not fit by what they may evict themselves, an
    eviction for the first would help none of them.
    """
    pod = members[0]
    lower = {member.priority: member for member in members if member.priority < pod.priority}
    found = [(list(members), pod)]
    for priority, preemptor in lower.items():
        found.append(([member for member in members if member.priority <= priority], preemptor))
    return found


def _fit_by_eviction(service: Service, scratch: State, members: Sequence[Pod], preemptor: Pod) -> bool:
    leaving = [other for other in paced(scratch.pods.values()) if may_be_evicted(other, preemptor)]
    EvictionStage(scratch).remove([*terminating(scratch), *leaving])
    answer = place_gang(scratch, members, sorted(scratch.nodes), service.rules, shown=0)
    return answer.outcome != "impossible"


def _without_holds_of(service: Service, members: Sequence[Pod]) -> State:
    """A copy of the state as the group sees it: without what is held for its Pods and may be passed over."""
    scratch = service.state.fork_seen_by(members[0]) if members else service.state.fork()
    for found in _reserved_for(service, members):
        service.decider.reservations.forget_in(scratch, found.pod.meta.uid)
    scratch.clear_nominations({member.meta.key for member in members})
    return scratch


def _reserved_for(service: Service, members: Sequence[Pod]) -> list[Reservation]:
    return service.decider.reservations.of_any({member.meta.uid for member in members})


def _answered(service: Service, members: Sequence[Pod]) -> set[str]:
    """The members whose node kube-scheduler knows."""
    return {found.pod.meta.uid for found in _reserved_for(service, members) if found.reserved_at is not None}


async def _plan(
    service: Service, members: Sequence[Pod], nodes: Sequence[str], needed: int
) -> GangAnswer | None:
    rules = replace(service.rules, node_checks=True)
    deadline = service.deadline(service.settings.filter_timeout_seconds)
    time_slice = service.webhook_slice(members[0].meta.namespace if members else "")
    for _ in range(_TRIES):
        position, scratch = service.state.inventory.changes.position, _without_holds_of(service, members)
        enough = max(1, min(needed, len(members)))

        def work(scratch: State = scratch, enough: int = enough) -> GangAnswer:
            return place_gang(scratch, _in_order(members), nodes, rules, shown=0, enough=enough)

        answer = await time_slice.run(work, deadline.expired)
        if not _answered(service, members[1:]) and (
            answer.outcome != "fits" or _stands(service.state, scratch, answer, position)
        ):
            return answer
    return None


def _stands(state: State, planned: State, answer: GangAnswer, position: int) -> bool:
    """Whether a plan for an earlier state is valid: its nodes, claims and Pods are as they were.

    Others change all the time in a busy cluster. Of the nodes, devices count: CPU is kube-scheduler's matter.
    Cost: O(claims of the group).
    """
    changed = state.inventory.changes.since(position)
    placed = [item for item in answer.placements if item.chosen is not None]
    nodes = {item.chosen.node for item in answer.placements if item.chosen is not None}
    if changed is None or not nodes.isdisjoint(changed):
        return False
    keys = {held.key for item in placed for held in item.claims}
    pods = {item.pod.meta.key for item in placed}
    return all(state.stored_claim(key) is planned.stored_claim(key) for key in keys) and all(
        _waits_as_before(state.pods.get(key), planned.pods.get(key)) for key in pods
    )


def _waits_as_before(pod: Pod | None, before: Pod | None) -> bool:
    if pod is before:
        return True
    if pod is None or before is None or pod.node_name or pod.finished or pod.meta.deleted is not None:
        return False
    return pod.meta.uid == before.meta.uid and pod.claim_statuses == before.claim_statuses
