"""The overview: how full the cluster is, what is free, who waits, and why."""

from typing import Literal

from pydantic import Field

from app.api.models.body import Body
from app.api.models.inventory import DeviceCounts


class Leader(Body):
    """``elected``: replicas elect a leader. ``self``: this replica leads.

    ``holder``: the leader, empty if there is none; null if this replica takes no part in the election.
    """

    elected: bool
    self_: bool = Field(alias="self")
    holder: str | None


class ClusterModel(Body):
    """``source``: a cluster that is watched, or files. ``ageSeconds``: time since the last event or bookmark
    of the kind that has been silent longest; null for files.
    """

    name: str
    version: str = Field(description="gitVersion of the API server; empty if unknown.")
    rules: str = Field(description="Minor version of Kubernetes whose rules hold.")
    server: str
    source: Literal["cluster", "files"]
    extender: str = Field(description="Version of this program.")
    age_seconds: float | None
    leader: Leader


class DeviceGroup(Body):
    """Devices that have a driver, a value of an attribute or label, or nothing in particular in common."""

    name: str = Field(description="Empty: devices without the attribute, nodes without the label.")
    devices: int
    in_use: int = Field(description="Taken, shared or assumed.")
    free: int
    percent: float = Field(description="Of the devices that are in use, with one decimal.")
    states: DeviceCounts
    nodes: int = Field(description="Nodes with such devices.")
    largest_free_block: int = Field(description="The most free devices of one driver on one node.")
    largest_free_block_node: str = Field(description="`*` stands for devices of no single node.")


class DriverGroup(DeviceGroup):
    fragmentation: float | None = Field(
        description="Of the free devices that match expected requests, the share on nodes with too few "
        "of them, 0 to 1; null if none match."
    )


class Grouped(Body):
    """Groups by one attribute or label; the smaller ones beyond 100 are left out and counted."""

    name: str
    items: list[DeviceGroup]
    omitted: int


class NamespaceItem(Body):
    """Devices that claims of a namespace hold, of up to 100 drivers. ``pending``: its pending Pods."""

    name: str
    in_use: int
    percent: float = Field(description="Of all devices.")
    by_driver: dict[str, int]
    pending: int


class Asking(Body):
    text: str = Field(description="Like `2 x gpu.example.com`.")
    pods: int


class PendingGroupModel(Body):
    """Pods with the same causes. ``key``: for `reason` of /api/v1/pods."""

    key: str
    reason: str
    code: str = Field(description="The code of the reason that refuses most nodes.")
    estimated: bool = Field(description="Evaluated for this answer: no filter has evaluated them.")
    pods: int
    oldest: str | None = Field(description="When the oldest one was created.")
    asks: list[Asking]
    asks_omitted: int
    examples: list[str] = Field(description="namespace/name of a few of them.")


class PendingModel(Body):
    pods: int
    oldest: str | None
    groups: list[PendingGroupModel]
    groups_omitted: int


class PoolTrouble(Body):
    driver: str
    pool: str
    trouble: str


class TaintedDevices(Body):
    taint: str = Field(description="`other`: those of a node beyond 32 different ones.")
    driver: str
    devices: int = Field(description="With the taint, in use or not.")


class GoneDriverModel(Body):
    """A driver without any slice, that had some or whose devices claims hold."""

    driver: str
    devices: int
    claims: int


class LeftClaimModel(Body):
    namespace: str
    name: str
    devices: int
    note: str


class TroublesModel(Body):
    """Lists are cut at 20; the counts are of all."""

    pools_incomplete: int
    pools_invalid: int
    pools_gone: int
    pools: list[PoolTrouble]
    taints: list[TaintedDevices]
    drivers_gone: list[GoneDriverModel]
    claims_left: int
    claims: list[LeftClaimModel]
    nodes_gone: int = Field(description="Nodes that slices name and that do not exist.")
    unschedulable: int = Field(description="Unschedulable nodes.")


class MixItem(Body):
    """An expected request. ``takesAll``: it takes all matching devices of a node, and ``count`` is 1.
    ``share``: of all of them, 0 to 1. ``free``: devices that match it; ``unusable``: those on nodes with
    fewer than ``count``; ``fits``: how many such requests would find devices, by their number alone.
    """

    text: str
    count: int
    takes_all: bool
    share: float
    free: int
    unusable: int
    fits: int


class OverviewAnswer(Body):
    """With ``namespace``, devices are only what that namespace holds: ``total``, ``drivers``, ``attribute``,
    ``labels`` and ``mix`` are empty, and so are troubles that are not of its claims.
    """

    revision: str
    namespace: str
    cluster: ClusterModel
    nodes: int
    total: DriverGroup
    drivers: list[DriverGroup] = Field(description="The 100 with the most devices.")
    drivers_omitted: int
    attribute: Grouped
    attributes: list[str] = Field(description="Attributes to group by.")
    labels: list[Grouped]
    label_names: list[str] = Field(description="Labels of nodes to group by.")
    namespaces: list[NamespaceItem]
    pending: PendingModel
    troubles: TroublesModel
    mix: list[MixItem]


class Series(Body):
    """Numbers at the times ``at`` of the answer; null where a sample does not have it."""

    name: str
    values: list[float | None]


class HistoryAnswer(Body):
    """At most 24 hours, oldest first. Series: ``devices``, ``inUse``, ``free``, ``pending``,
    ``fragmentation`` (0 to 1), ``left`` (stale claims), ``troubled`` (pools), and ``inUse DRIVER`` for
    the 20 drivers with the most devices; ``inUse other`` are the other drivers together.
    """

    step_seconds: float
    at: list[str]
    series: list[Series]
    source: str = Field(
        description="memory, file or prometheus: where samples from before the start come from."
    )
