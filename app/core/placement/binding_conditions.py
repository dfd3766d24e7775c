"""Devices that must become ready before a Pod can be bound (KEP-5007).

A driver declares in the slice which conditions it sets in the claim's status once a device is attached to
the node. Until then a bind waits; a failure condition or a timeout frees the claim, so that other devices
can be tried. The rules are those of isClaimReadyForBinding and isClaimTimeout in the in-tree plugin.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum

from app.core.model.allocation import AllocatedDevice
from app.core.model.resource_claim import AllocatedDeviceStatus, ResourceClaim


class Readiness(Enum):
    """``READY`` also applies if no device has conditions."""

    READY = "ready"
    PENDING = "pending"
    FAILED = "failed"


def readiness(claim: ResourceClaim) -> Readiness:
    """The readiness of the devices of an allocated claim. Cost: O(devices * conditions)."""
    for device in claim.allocation.devices if claim.allocation is not None else ():
        if not device.binding_conditions:
            continue
        status = _status_of(claim, device)
        if status is None:
            return Readiness.PENDING
        conditions = {item.type: item.status for item in status.conditions}
        if any(conditions.get(name) == "True" for name in device.binding_failure_conditions or ()):
            return Readiness.FAILED
        if any(conditions.get(name) != "True" for name in device.binding_conditions):
            return Readiness.PENDING
    return Readiness.READY


def unready_devices(claim: ResourceClaim) -> Iterator[str]:
    """The devices that are not ready, each with the conditions that say so. O(devices times conditions)."""
    for device in claim.allocation.devices if claim.allocation is not None else ():
        status = _status_of(claim, device)
        reported = status.conditions if status is not None else ()
        failed = [
            item
            for item in reported
            if item.type in (device.binding_failure_conditions or ()) and item.status == "True"
        ]
        ready = {item.type for item in reported if item.status == "True"}
        missing = [name for name in device.binding_conditions or () if name not in ready]
        if failed:
            yield f"{device.device}: {', '.join(map(str, failed))}"
        elif missing:
            details = ", ".join(map(str, reported)) or "its driver has not reported any condition"
            yield f"{device.device}: condition {', '.join(missing)} is not True; {details}"


def timed_out(claim: ResourceClaim, now: datetime, timeout_seconds: float) -> bool:
    """Whether a claim with binding conditions has exceeded the timeout since its allocation."""
    allocation = claim.allocation
    if allocation is None or allocation.timestamp is None:
        return False
    if not any(device.binding_conditions for device in allocation.devices):
        return False
    # The difference of two times is in range, whatever they are.
    return now - read_time(allocation.timestamp) > timedelta(seconds=timeout_seconds)


def read_time(text: str) -> datetime:
    """An RFC 3339 time as the API server writes it, with or without fractions of a second."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _status_of(claim: ResourceClaim, device: AllocatedDevice) -> AllocatedDeviceStatus | None:
    key = (device.device.driver, device.device.pool, device.device.device, device.share_id)
    return next(
        (
            status
            for status in claim.device_status
            if (status.driver, status.pool, status.device, status.share_id) == key
        ),
        None,
    )
