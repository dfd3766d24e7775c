"""Whether a node has room for a Pod together with what its devices take of the node's CPU or memory
(KEP-5517).

kube-scheduler itself checks what the containers take. It does not know of the devices, nor for some time of
the devices of other Pods: see ``Pledges``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.core.allocator import Reason
from app.core.allocator.evidence import CapacityShortage, Evidence
from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.node import Node
from app.core.model.pod import Pod
from app.core.model.pod_demand import container_with, containers_with, demand_of
from app.core.model.pod_parts import PodParts, add
from app.core.model.quantity import Quantity
from app.core.state.pledges import Pledge
from app.core.state.state import State
from app.core.state.usage import NOTHING, counted, requests_of

INSUFFICIENT, HELD = "InsufficientResources", "ResourcesHeld"
_OF_NODES = ("cpu", "memory", "ephemeral-storage")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the node has no room. ``curable``: it might have, without other Pods."""

    reasons: tuple[Reason, ...]
    curable: bool


def pledge_of(
    pod: Pod, nodes: Collection[str], amounts: Sequence[ClaimAmounts] = (), *, firm: bool, by_container: bool
) -> Pledge:
    """What the Pod will take of one of the nodes. A frozenset of nodes is kept as it is."""
    demand = counted(demand_of(pod, amounts, by_container=by_container))
    return Pledge(frozenset(nodes), demand, firm=firm, by_devices=bool(amounts))


def room_refusal(
    state: State,
    pod: Pod,
    node: Node,
    amounts: Sequence[ClaimAmounts] = (),
    *,
    by_container: bool = False,
    firm_only: bool = False,
) -> Refusal | None:
    """Why the Pod has no room on the node; None if it has.

    Beside what Pods take of the node that events show there, what others take counts that are about to be
    bound, or may be. Only CPU, memory, ephemeral storage and huge pages, as in nodeFitsResources of the
    plugin dynamicresources.

    Args:
        firm_only: of Pods without an event, only those count that have the node.
    Cost: O(resources, and pledges).
    """
    short = _unlike_pod_level(pod, amounts, by_container=by_container) if amounts else None
    if short is not None:
        return Refusal((short,), curable=False)
    if not node.allocatable:
        return None  # it comes from a file without limits
    demand = counted(demand_of(pod, amounts, by_container=by_container))
    used = state.usage.of(node.name) if firm_only else _used(state, pod, node, by_container=by_container)
    found = _lacking(demand, used, node)
    if found:
        too_much = any(demand[name] > _capacity(node, name) for name in found)
        reasons = tuple(_reason(INSUFFICIENT, name, demand[name], used, node) for name in found)
        return Refusal(reasons, curable=not too_much)
    held = _held(state, pod, node, firm_only=firm_only)
    if not held:
        return None
    add(held, used)
    found = _lacking(demand, held, node)
    reasons = tuple(_reason(HELD, name, demand[name], held, node) for name in found)
    return Refusal(reasons, curable=False) if reasons else None


def _used(state: State, pod: Pod, node: Node, *, by_container: bool) -> Mapping[str, int]:
    """What Pods use of the node, and those that kube-scheduler has nominated it for and puts first."""
    used = state.usage.of(node.name)
    others = [
        requests_of(other, by_container=by_container)
        for other in state.nominees.before(pod, node.name)
        if state.pledges.of(other.meta.uid) is None
    ]
    if not others:
        return used
    total = dict(used)
    for demand in others:
        add(total, demand)
    return total


def _held(state: State, pod: Pod, node: Node, *, firm_only: bool) -> dict[str, int]:
    """What Pods take of the node that no event shows there."""
    held = state.pledges.firm_on(node.name, pod.meta.uid)
    if not firm_only:
        add(held, state.pledges.open_on(node.name, pod.meta.uid))
    return held


def _lacking(demand: Mapping[str, int], used: Mapping[str, int], node: Node) -> list[str]:
    """The resources that the node has too little of."""
    names = [*_OF_NODES, *sorted(name for name in demand if name.startswith("hugepages-"))]
    return [
        name
        for name in names
        if demand.get(name, 0) > 0 and demand[name] > _capacity(node, name) - used.get(name, 0)
    ]


def _capacity(node: Node, name: str) -> int:
    found = node.allocatable.get(name)
    return found.nanos if found is not None else 0


def _reason(code: str, name: str, wanted: int, used: Mapping[str, int], node: Node) -> Reason:
    form = node.allocatable[name].format if name in node.allocatable else "DecimalSI"
    requested = Quantity(wanted, form).text
    left = Quantity(_capacity(node, name) - used.get(name, 0), form).text
    text = f"Insufficient {name}: {requested} requested with what its devices take, {left} left"
    if code == HELD:
        text += " beside Pods that are being bound"
    behind = Evidence(capacities=(CapacityShortage(name, requested, left),))
    return Reason(code, text, counts={name: 1}, evidence=behind)


def _unlike_pod_level(pod: Pod, amounts: Sequence[ClaimAmounts], *, by_container: bool) -> Reason | None:
    """Why the resources of the Pod as a whole do not cover its containers and devices, if so.

    The rules are those of validatePodLevelResourcesCoverDRA in the plugin dynamicresources.
    """
    parts = pod.parts
    if parts is None:
        return None
    needed = containers_with(pod, amounts, by_container=by_container)
    for name, nanos in sorted(parts.requests.items()):
        if needed.get(name, 0) > nanos:
            return Reason(
                "PodResourcesTooSmall",
                f"pod level request for {name} is insufficient to cover the aggregated container and "
                "node-allocatable DRA requests",
            )
    return _over_limits(pod, parts, amounts, by_container=by_container) if parts.limits else None


def _over_limits(
    pod: Pod, parts: PodParts, amounts: Sequence[ClaimAmounts], *, by_container: bool
) -> Reason | None:
    limits = containers_with(pod, amounts, by_container=by_container, limits=True)
    for name, amount in sorted(parts.limits.items()):
        if name.startswith("hugepages-") and limits.get(name, 0) > amount.nanos:
            return Reason(
                "PodResourcesTooSmall",
                f"pod level limit for {name} is insufficient to cover the aggregated container and "
                "node-allocatable DRA limits",
            )
    for container in parts.containers:
        devices: Mapping[str, int] = NOTHING if container.init else container_with(amounts, container.name)
        for name, limit in () if container.init else sorted(container.limits.items()):
            whole = parts.limits.get(name)
            if name.startswith("hugepages-") or whole is None:
                continue
            if limit.nanos + devices.get(name, 0) > whole.nanos:
                return Reason(
                    "PodResourcesTooSmall",
                    f"pod level limit for {name} is insufficient to cover the limit and DRA overhead for "
                    f"container {container.name}",
                )
    return None
