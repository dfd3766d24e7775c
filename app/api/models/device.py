"""One device in full, and the devices that a selector matches."""

from typing import Any

from pydantic import Field

from app.api.models.body import Body, Consumer, DeviceState


class DeviceTaintItem(Body):
    key: str
    value: str
    effect: str
    since: str | None


class CapacityItem(Body):
    """``consumed``: the total of the shares that claims hold; null if none."""

    name: str
    value: str
    consumed: str | None


class CounterConsumption(Body):
    set: str
    consumes: dict[str, str]


class CounterItem(Body):
    name: str
    value: str
    used: str


class CounterSetItem(Body):
    set: str
    counters: list[CounterItem]


class Holder(Body):
    """A claim that holds a device. ``since``: when it was allocated, null if that was not recorded."""

    namespace: str
    name: str
    since: str | None
    created: str | None
    assumed: bool
    share_id: str | None = Field(alias="shareID")
    admin_access: bool
    reserved_for: list[Consumer]


class DeviceDetail(Body):
    """One device. ``multiple``: several claims may hold shares of it."""

    revision: str
    driver: str
    pool: str
    device: str
    nodes: list[str]
    state: DeviceState
    note: str
    attributes: dict[str, Any]
    capacity: list[CapacityItem]
    taints: list[DeviceTaintItem]
    counters: list[CounterConsumption]
    counter_sets: list[CounterSetItem]
    multiple: bool
    holders: list[Holder]


class Failure(Body):
    message: str
    shapes: int = Field(description="Number of different sets of attributes and capacities that it fails on.")


class Matches(Body):
    """``items``: driver/pool/device. ``failures``: errors of evaluations; these devices do not match."""

    revision: str
    items: list[str]
    failures: list[Failure]
