"""What the devices of a Pod's claims take of a node's CPU, memory or huge pages (KEP-5517)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from app.core.allocator import Reason
from app.core.model.allocation import AllocatedDevice, Allocation
from app.core.model.claim_amounts import ClaimAmounts, Overhead
from app.core.model.device import Device
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.node_allocatable import NodeAllocatable
from app.core.model.node_selector import SelectorError
from app.core.model.pod import Pod
from app.core.model.quantity import NANOS, Quantity
from app.core.model.resource_slice import DeviceId, PoolId, ResourceSlice
from app.core.pauses import paced, paced_if_many, pause
from app.core.placement.pod_claims import HeldClaim
from app.core.state.inventory import Inventory
from app.core.state.pools import PoolError, node_matches

_SLICES = 16
"""Slices between two pauses, of 128 devices at most."""


class AmountError(Exception):
    """What the devices take cannot be found out: in-tree, the Pod's attempt ends with an error."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason


@dataclass(slots=True)
class _Sums:
    """The sums over the devices of a claim, by resource."""

    mapping: dict[str, Quantity] = field(default_factory=dict)
    per_pod: dict[str, Quantity] = field(default_factory=dict)
    per_container: dict[str, Quantity] = field(default_factory=dict)

    def add(
        self, result: AllocatedDevice, taken: Mapping[str, NodeAllocatable], claim: str, *, short: bool
    ) -> None:
        for name, item in taken.items():
            if item.per_capacity is not None:
                mapped = _of_capacity(result, item, claim, short=short)
            else:
                mapped = item.per_device
            _add(self.mapping, name, mapped)
            _add(self.per_pod, name, item.per_pod)
            _add(self.per_container, name, item.per_container)

    def amounts(self, claim: str) -> ClaimAmounts:
        names = sorted(self.per_pod.keys() | self.per_container.keys())
        overhead = (Overhead(name, self.per_pod.get(name), self.per_container.get(name)) for name in names)
        mapping = sorted(self.mapping.items(), key=lambda item: item[0])
        return ClaimAmounts(claim, mapping=tuple(mapping), overhead=tuple(overhead))


def amounts_on(
    node: Node,
    pod: Pod,
    claims: Iterable[tuple[HeldClaim, Allocation]],
    inventory: Inventory,
    features: Features,
) -> tuple[ClaimAmounts, ...]:
    """What the devices of each claim take of the node, for claims with such devices, by name.

    The rules are those of nodeallocatabledynamicresources.go in the plugin dynamicresources.

    Raises: AmountError.
    Cost: for each claim a look through the pools of its devices, with pauses.
    """
    given = tuple(claims)
    return of_pod(pod, [held for held, _ in given], device_amounts(node, given, inventory, features))


def device_amounts(
    node: Node, claims: Iterable[tuple[HeldClaim, Allocation]], inventory: Inventory, features: Features
) -> tuple[ClaimAmounts | None, ...]:
    """What the devices of each claim take of the node, without containers; None for nothing.

    Raises, and cost: see ``amounts_on``.
    """
    found: list[ClaimAmounts | None] = []
    for held, allocation in paced_if_many(tuple(claims)):
        sums = _sums_of(node, held, allocation, inventory, features)
        takes = sums is not None and (sums.mapping or sums.per_pod or sums.per_container)
        found.append(sums.amounts(held.claim.meta.name) if sums is not None and takes else None)
    return tuple(found)


def of_pod(
    pod: Pod, claims: Iterable[HeldClaim], amounts: Iterable[ClaimAmounts | None]
) -> tuple[ClaimAmounts, ...]:
    """The amounts with the containers of the Pod that use each claim, by the claims' names.

    A Pod may name a claim twice: its devices count once. Cost: O(claims and their containers).
    """
    found: dict[str, ClaimAmounts] = {}
    users: dict[str, dict[str, None]] = {}
    for held, taken in zip(claims, amounts, strict=True):
        name = held.claim.meta.name
        users.setdefault(name, {}).update(dict.fromkeys(pod.claim_users.get(held.pod_claim, ())))
        if taken is not None:
            found.setdefault(name, replace(taken, claim=name))
    return tuple(replace(item, containers=tuple(users[name])) for name, item in sorted(found.items()))


def _sums_of(
    node: Node, held: HeldClaim, allocation: Allocation, inventory: Inventory, features: Features
) -> _Sums | None:
    """None: no device takes anything. Then it does not matter that some are not known."""
    claim = "/".join(held.key)
    devices = devices_on(node, allocation, inventory, features)
    if not any(device.node_allocatable for device in devices.values()):
        return None
    sums = _Sums()
    for result in allocation.devices:
        device = devices.get(result.device)
        if device is None:
            text = f"claim {claim}: device {result.device} is not known on node {node.name}"
            raise AmountError(Reason("NodeAllocatableUnknown", text, claim))
        if device.node_allocatable:
            sums.add(result, device.node_allocatable, claim, short=features.channel.qualified_names)
    return sums


def _add(total: dict[str, Quantity], name: str, amount: Quantity | None) -> None:
    if amount is not None:
        known = total.get(name)
        total[name] = amount if known is None else known.plus(amount.nanos)


def _of_capacity(
    result: AllocatedDevice, item: NodeAllocatable, claim: str, *, short: bool
) -> Quantity | None:
    """What the consumed capacity takes; None if the allocation consumes none of it.

    Raises: AmountError: a device that is not shared consumes no capacity, so the amount is not known.
    """
    if not result.consumed_capacity:
        text = (
            f"claim {claim}: the allocation of device {result.device} consumes no capacity, "
            f"and {item.capacity_key} decides what it takes of the node"
        )
        raise AmountError(Reason("NodeAllocatableUnknown", text, claim))
    consumed = _consumed(result, item.capacity_key, short=short)
    if consumed is None or item.per_capacity is None:
        return None
    if short and consumed.nanos < 0:
        text = f"claim {claim}: device {result.device} consumes {consumed} of {item.capacity_key}"
        raise AmountError(Reason("NodeAllocatableUnknown", text, claim))
    if item.per_capacity.nanos == NANOS:
        return consumed
    return Quantity(-(-consumed.nanos * item.per_capacity.nanos // NANOS), consumed.format)


def _consumed(result: AllocatedDevice, key: str, *, short: bool) -> Quantity | None:
    """``short``: a capacity has the same name with and without the domain of its driver."""
    known = dict(result.consumed_capacity)
    if key in known or not short:
        return known.get(key)
    prefix = f"{result.device.driver}/"
    return known.get(key.removeprefix(prefix) if key.startswith(prefix) else prefix + key)


def devices_on(
    node: Node, allocation: Allocation, inventory: Inventory, features: Features
) -> dict[DeviceId, Device]:
    """The devices of an allocation that the node can use, as far as they are known.

    O(devices of their pools there), of all of a pool if it is incomplete; with pauses.
    """
    pause()
    left = _by_pool(allocation)
    found: dict[DeviceId, Device] = {}
    try:
        pools = inventory.pools(node.name, features)
    except (KeyError, PoolError):
        pools = ()
    for pool in pools:
        if pool.id in left:
            found.update(_first_of_each(pool.slices, left[pool.id], node))
    for name, names in left.items():
        found.update(_published(name, names, inventory, node))
    return found


def takes_of_node(allocation: Allocation, inventory: Inventory) -> bool:
    """Whether a device of an allocation takes anything of its node. O(devices of the pools)."""
    return any(bool(device.node_allocatable) for device in _of_these_names(allocation, inventory))


def is_mapped(allocation: Allocation, inventory: Inventory) -> bool:
    """Whether a device of an allocation stands for a part of its node: two Pods cannot share such a claim.

    Cost: O(devices of the pools).
    """
    return any(
        item.is_mapped
        for device in _of_these_names(allocation, inventory)
        for item in (device.node_allocatable or {}).values()
    )


def _by_pool(allocation: Allocation) -> dict[PoolId, set[str]]:
    found: dict[PoolId, set[str]] = {}
    for result in allocation.devices:
        found.setdefault(result.device.pool_id, set()).add(result.device.device)
    return found


def _of_these_names(allocation: Allocation, inventory: Inventory) -> Iterator[Device]:
    """The devices of any generation and node that an allocation may mean."""
    for pool, names in _by_pool(allocation).items():
        for item in paced(inventory.pool_slices(pool), _SLICES):
            for device in item.devices:
                if device.name in names:
                    yield device


def _published(
    pool: PoolId, names: set[str], inventory: Inventory, node: Node
) -> Iterator[tuple[DeviceId, Device]]:
    """The devices of these names that the node can use, those of the newest generation first."""
    slices = sorted(inventory.pool_slices(pool), key=lambda item: -item.generation) if names else ()
    reached = (item for item in slices if item.per_device_node_selection or _reaches(item, node))
    return _first_of_each(reached, names, node)


def _first_of_each(
    slices: Iterable[ResourceSlice], names: set[str], node: Node
) -> Iterator[tuple[DeviceId, Device]]:
    """The first device of each name that the node can use; removes the name.

    A pool may have a million devices.
    """
    for item in paced(slices, _SLICES):
        if not names:
            return
        for device in item.devices:
            if device.name in names and (not item.per_device_node_selection or _reaches(device, node)):
                names.discard(device.name)
                yield DeviceId(item.driver, item.pool, device.name), device


def _reaches(item: Device | ResourceSlice, node: Node) -> bool:
    try:
        return node_matches(node, item.node_name, item.node_selector, all_nodes=item.all_nodes)
    except SelectorError:
        return False
