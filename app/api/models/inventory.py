"""Lists of the inventory, and the page's rows of it."""

from typing import Literal

from pydantic import Field

from app.api.models.body import AllocationResult, Body, DeviceState


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


class DeviceItem(Body):
    """One device. ``nodes`` is ``["*"]`` for a device that all nodes can use."""

    driver: str
    pool: str
    device: str
    nodes: list[str]
    state: DeviceState
    claims: list[str]
    note: str = Field(description="Why the device is tainted or unusable.")


class ClaimItem(Body):
    """``assumed``: allocated, but not confirmed by the API server yet.

    ``note``: that it is being deleted, or reserved for Pods that are gone.
    """

    namespace: str
    name: str
    allocation: AllocationResult | None
    reserved_for: list[dict[str, str]]
    assumed: bool
    note: str = ""


class PodItem(Body):
    """A pending Pod or a Pod with claims. ``said``: the last refusal by filter."""

    namespace: str
    name: str
    node: str | None
    claims: list[str]
    created: str | None
    priority: int
    scheduler_name: str
    said: str
    said_at: str | None


class NodePage(Body):
    revision: str
    items: list[NodeItem]
    next: str | None


class DevicePage(Body):
    revision: str
    items: list[DeviceItem]
    next: str | None


class ClaimPage(Body):
    revision: str
    items: list[ClaimItem]
    next: str | None


class PodPage(Body):
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
    pools: list[FleetPool]


class FleetPage(Body):
    revision: str
    items: list[FleetItem]
    next: str | None


class Changes(Body):
    """``changed``: nodes to read again; null: all. ``decisions``: number of the last decision."""

    revision: str
    cursor: str
    nodes: int
    changed: list[str] | None
    decisions: int
