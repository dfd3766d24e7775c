"""Devices that two claims hold at once: the effect of another allocator, or of an outdated decision."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.model.allocation import AllocatedDevice, Allocation
from app.core.model.device import Device
from app.core.model.resource_slice import DeviceId
from app.core.state.pools import Pool
from app.core.state.taken import ClaimKey, Holding, Taken


@dataclass(frozen=True, slots=True)
class DoubleAllocation:
    """Another claim with a device that only one may hold."""

    device: DeviceId
    claim: ClaimKey


def double_allocations(taken: Taken, claim: ClaimKey, allocation: Allocation) -> tuple[DoubleAllocation, ...]:
    """The claims that hold a device of this claim's allocation besides it.

    Of each device, these are the ones that got it right before and right after this claim: if thousands had
    the same device, each would name all others. Ignores admin access, devices that the other claim only may
    get, and shares of a device. Does not check whether shares together exceed a capacity, which needs the
    slices.
    Cost: O(devices of the claim), and O(holders) of each that one of them holds alone.
    """
    found: list[DoubleAllocation] = []
    for item in allocation.devices:
        pool = taken.get(item.device.pool_id)
        # Shares do not exclude each other, and a device may have thousands.
        alone = pool is not None and item.device.device in pool.whole
        holders = pool.holdings[item.device.device] if pool is not None and alone else ()
        found += [DoubleAllocation(item.device, rival) for rival in _nearest(holders, claim, item)]
    return tuple(found)


def _nearest(holders: Iterable[Holding], claim: ClaimKey, item: AllocatedDevice) -> list[ClaimKey]:
    """Of the claims that exclude this one, the last before it and the first behind it."""
    before: list[ClaimKey] = []
    passed = False
    for held in holders:
        if held.claim == claim:
            passed = True
        elif _excludes(item, held):
            if passed:
                return [*before, held.claim]
            before = [held.claim]
    return before


def _excludes(item: AllocatedDevice, held: Holding) -> bool:
    if item.admin_access or held.admin or held.nominated:
        return False
    return item.share_id is None or held.share_id is None


def overdrawn(taken: Taken, allocations: Iterable[Allocation], pools: Iterable[Pool]) -> bool:
    """Whether all shares of a device in the allocations, which count as taken, exceed one of its capacities.

    Cost: nothing without shares that consume capacity, else O(devices of their pools).
    """
    shares = {item.device for allocation in allocations for item in allocation.devices if _consumes(item)}
    if not shares:
        return False
    concerned = {device.pool_id for device in shares}
    return any(
        _exceeds(taken, placed.id, placed.device)
        for pool in pools
        if pool.id in concerned
        for placed in pool.devices
        if placed.id in shares
    )


def _consumes(item: AllocatedDevice) -> bool:
    return item.share_id is not None and not item.admin_access and bool(item.consumed_capacity)


def _exceeds(taken: Taken, device: DeviceId, published: Device) -> bool:
    pool, capacity = taken.get(device.pool_id), published.shape.capacity
    amounts = pool.amounts_of(device.device, device.driver) if pool is not None else {}
    for name, nanos in amounts.items():
        item = capacity.get(f"{device.driver}/{name}") or capacity.get(name)
        if item is not None and nanos > item.value.nanos:
            return True
    return False
