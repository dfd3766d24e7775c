"""Devices that two claims hold at once: the trace of an allocator that does not know of this one."""

from dataclasses import dataclass

from app.core.model.allocation import AllocatedDevice, Allocation
from app.core.model.resource_slice import DeviceId
from app.core.state.taken import ClaimKey, Holding, Taken


@dataclass(frozen=True, slots=True)
class DoubleAllocation:
    """Another claim that holds a device which may be held once."""

    device: DeviceId
    claim: ClaimKey


def double_allocations(taken: Taken, claim: ClaimKey, allocation: Allocation) -> tuple[DoubleAllocation, ...]:
    """The claims that hold a device of this claim's allocation besides it.

    Admin access disturbs nobody, a hold for a Pod that waits is written nowhere, and shares of a device are
    beside each other by intent. That shares take more together than there is, which needs the slices to see,
    is not looked for.
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
