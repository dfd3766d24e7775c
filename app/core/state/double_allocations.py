"""Devices that two claims hold at once: the effect of another allocator."""

from dataclasses import dataclass

from app.core.model.allocation import AllocatedDevice, Allocation
from app.core.model.resource_slice import DeviceId
from app.core.state.taken import ClaimKey, Holding, Taken


@dataclass(frozen=True, slots=True)
class DoubleAllocation:
    """Another claim with a device that only one may hold."""

    device: DeviceId
    claim: ClaimKey


def double_allocations(taken: Taken, claim: ClaimKey, allocation: Allocation) -> tuple[DoubleAllocation, ...]:
    """The claims that hold a device of this claim's allocation besides it.

    Ignores admin access, devices that the other claim only may get, and shares of a device. Does not check
    whether shares together exceed a capacity, which needs the slices.
    Cost: O(devices of the claim times their holders).
    """
    found: list[DoubleAllocation] = []
    for item in allocation.devices:
        pool = taken.get(item.device.pool_id)
        holders = pool.holdings.get(item.device.device, ()) if pool is not None else ()
        found += [
            DoubleAllocation(item.device, held.claim)
            for held in holders
            if held.claim != claim and _excludes(item, held)
        ]
    return tuple(found)


def _excludes(item: AllocatedDevice, held: Holding) -> bool:
    if item.admin_access or held.admin or held.nominated:
        return False
    return item.share_id is None or held.share_id is None
