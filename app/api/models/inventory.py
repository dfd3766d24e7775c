"""Lists of the inventory, and the page's rows of it."""

from typing import Literal

from pydantic import Field

from app.api.models.body import AllocationResult, Body, Consumer, Decides, DeviceState


class DeviceCounts(Body):
    free: int = 0
    taken: int = 0
    shared: int = 0
    assumed: int = 0
    tainted: int = 0
    unusable: int = 0


class NodeItem(Body):
    name: str
    devices: dict[str, DeviceCounts] = Field(description="By driver; only devices local to the node.")
    unschedulable: bool
    status: str = Field(description="Ready or NotReady, and SchedulingDisabled, as kubectl prints it.")
    labels: dict[str, str]
    created: str | None


class DeviceItem(Body):
    """One device. ``nodes`` is ``["*"]`` for a device that all nodes can use."""

    driver: str
    pool: str
    device: str
    nodes: list[str] = Field(description="At most ten; the answer about one device has all.")
    nodes_omitted: int
    state: DeviceState
    claims: list[str]
    note: str = Field(description="Why the device is tainted or unusable.")
    values: dict[str, str] | None = Field(
        None, description="The attributes and capacities that `show` requests, by full name."
    )


class ClaimItem(Body):
    """``assumed``: allocated, but not confirmed by the API server yet.

    ``note``: that it is being deleted, or reserved for Pods that are gone. ``poolNameShared``: another driver
    has a pool with the name of one of its pools, so that a device's name needs the driver.
    """

    namespace: str
    name: str
    allocation: AllocationResult | None
    reserved_for: list[Consumer]
    assumed: bool
    note: str = ""
    pool_name_shared: bool = False
    labels: dict[str, str]
    created: str | None


class PodItem(Body):
    """A pending Pod or a Pod with claims.

    ``said`` is the last refusal by filter. ``reason`` is the same, or if there is none, the message of
    the Pod's condition PodScheduled, from another scheduler for example. With ``evaluate``, it is the reason
    of /api/v1/overview.
    """

    namespace: str
    name: str
    node: str | None
    claims: list[str]
    created: str | None
    priority: int
    scheduler_name: str
    said: str
    said_at: str | None
    status: str = Field(
        description="SchedulingGated, Terminating, or the phase; Scheduled for a Pod with a node that is "
        "pending."
    )
    reason: str
    code: str = Field(
        description="The code of the reason that refuses most nodes; NotEvaluated if there is none yet, and "
        "empty for a Pod with a node."
    )
    group: str = Field(description="`key` of its group in /api/v1/overview; empty for a Pod with a node.")
    requests: str = Field(description="What it requests of devices; empty for none.")
    labels: dict[str, str]


class PoolItem(Body):
    """One pool of a driver. ``slices``: how many it has, of those that it should have."""

    driver: str
    pool: str
    nodes: list[str] = Field(description="At most ten; the first of all that can use its devices.")
    nodes_omitted: int
    generation: int
    slices: int
    slice_count: int
    devices: DeviceCounts
    status: str = Field(description="Ready, or why its devices are unusable.")
    created: str | None


class ClassItem(Body):
    """A DeviceClass. ``devices``: those that its selectors match, by state."""

    name: str
    selectors: list[str]
    extended_resource: str | None
    devices: DeviceCounts
    status: str = Field(description="Ready, or the error of a selector.")
    labels: dict[str, str]
    created: str | None


class UsageItem(Body):
    """The devices of one group. ``taken``: those that claims hold, whole or in part."""

    group: dict[str, str] = Field(description="The value of each dimension.")
    devices: int
    taken: int
    free: int
    unavailable: int = Field(description="Free, but tainted or unusable.")
    largest_free: int = Field(
        description="The most free devices that one node has, or one pool that several nodes use."
    )
    percent: float = Field(description="Share of the devices that claims hold.")
    states: DeviceCounts


class UsagePage(Body):
    """``total`` counts each device once, even if it is in several groups."""

    decides: Decides
    revision: str
    items: list[UsageItem]
    total: UsageItem
    next: str | None


class NodePage(Body):
    decides: Decides
    revision: str
    items: list[NodeItem]
    next: str | None


class DevicePage(Body):
    decides: Decides
    revision: str
    items: list[DeviceItem]
    next: str | None


class PoolPage(Body):
    decides: Decides
    revision: str
    items: list[PoolItem]
    next: str | None


class ClassPage(Body):
    decides: Decides
    revision: str
    items: list[ClassItem]
    next: str | None


class ClaimPage(Body):
    decides: Decides
    revision: str
    items: list[ClaimItem]
    next: str | None


class PodPage(Body):
    decides: Decides
    revision: str
    items: list[PodItem]
    next: str | None


class FleetDevice(Body):
    """A device of a node. ``nodes``: only for devices that are not local to one node, at most ten."""

    device: str
    state: DeviceState
    claims: list[str] = Field(default_factory=list)
    note: str = ""
    nodes: list[str] | None = None
    nodes_omitted: int = 0


class FleetPool(Body):
    driver: str
    pool: str
    devices: list[FleetDevice]


class FleetItem(Body):
    """``kind`` shared, name ``*``: the devices that are not local to one node."""

    name: str
    kind: Literal["node", "shared"]
    unschedulable: bool
    group: str | None = Field(None, description="Only with `label` or `attribute`.")
    pools: list[FleetPool]


class FleetPage(Body):
    revision: str
    items: list[FleetItem]
    next: str | None


class Changes(Body):
    """``changed``: nodes to read again; null: all. ``decisions``: number of the last decision.

    ``lateSeconds``: time since the last watch event or bookmark of a resource, if it is over five minutes;
    the inventory may be old then. Null otherwise.
    """

    revision: str
    cursor: str
    nodes: int
    changed: list[str] | None
    decisions: int
    late_seconds: float | None
