"""ResourceSlices and the counter sets of partitionable devices (KEP-4381, KEP-4815)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.device import Device, read_counters, read_device
from app.core.model.device_reach import DeviceReach
from app.core.model.errors import FieldError
from app.core.model.meta import Meta, read_meta
from app.core.model.node_selector import NodeSelector, interned, read_node_selector
from app.core.model.quantity import Quantity
from app.core.pauses import pause


class PoolId(NamedTuple):
    """Names a pool: a driver's pool names are its own. A tuple: it is hashed for each slice of each node."""

    driver: str
    pool: str

    def __str__(self) -> str:
        return f"{self.driver}/{self.pool}"


class DeviceId(NamedTuple):
    """Names a device in the cluster. A tuple, as PoolId."""

    driver: str
    pool: str
    device: str

    @property
    def pool_id(self) -> PoolId:
        """The pool the device is in."""
        return PoolId(self.driver, self.pool)

    def __str__(self) -> str:
        return f"{self.driver}/{self.pool}/{self.device}"


@dataclass(frozen=True, slots=True)
class CounterSet:
    """Counters that the devices of a pool draw from."""

    name: str
    counters: Mapping[str, Quantity]


@dataclass(frozen=True, slots=True)
class ResourceSlice:
    """One slice of a pool. The node fields are None or False where the object does not set them.

    What some device of it has is found out once, for the pools of all nodes that see the slice: whether it
    ``has_groups`` (of compatibility), ``draws`` from counters, has ``binding_conditions``, or
    ``takes_of_nodes`` (CPU, memory or huge pages). ``pool_id`` is the pool that the slice is a part of.
    """

    meta: Meta
    driver: str
    pool: str
    generation: int
    slice_count: int
    node_name: str | None = None
    node_selector: NodeSelector | None = None
    all_nodes: bool = False
    per_device_node_selection: bool | None = None
    devices: tuple[Device, ...] = ()
    shared_counters: tuple[CounterSet, ...] = ()
    skip_node_operations: tuple[str, ...] = ()
    has_groups: bool = field(init=False, compare=False, repr=False, default=False)
    draws: bool = field(init=False, compare=False, repr=False, default=False)
    binding_conditions: bool = field(init=False, compare=False, repr=False, default=False)
    takes_of_nodes: bool = field(init=False, compare=False, repr=False, default=False)
    pool_id: PoolId = field(init=False, compare=False, repr=False)
    _reach: DeviceReach | None = field(init=False, compare=False, repr=False, default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool_id", PoolId(self.driver, self.pool))
        for device in self.devices:
            if device.consumes_counters:
                object.__setattr__(self, "draws", True)
                if any(draw.compatibility_groups for draw in device.consumes_counters):
                    object.__setattr__(self, "has_groups", True)
            if device.binding_conditions is not None:
                object.__setattr__(self, "binding_conditions", True)
            if device.node_allocatable:
                object.__setattr__(self, "takes_of_nodes", True)

    @property
    def reach(self) -> DeviceReach:
        """Which devices each node can use, if they name their own. O(devices), with pauses, once."""
        reach = self._reach
        if reach is None:
            reach = DeviceReach(self.devices)
            object.__setattr__(self, "_reach", reach)
        return reach


def read_resource_slice(raw: Any) -> ResourceSlice:
    """Reads a ResourceSlice in v1 form."""
    meta = read_meta(raw, namespaced=False)
    spec = fields.required(fields.mapping(raw), "spec", fields.mapping)
    try:
        driver = fields.required(spec, "driver", fields.text)
        pool = fields.required(spec, "pool", fields.mapping)
        name, generation, count = _pool(pool)
        return ResourceSlice(
            meta=meta,
            driver=driver,
            pool=name,
            generation=generation,
            slice_count=count,
            node_name=fields.optional(spec, "nodeName", fields.text),
            node_selector=interned(fields.optional(spec, "nodeSelector", read_node_selector)),
            all_nodes=fields.default(spec, "allNodes", fields.boolean, otherwise=False),
            per_device_node_selection=fields.optional(spec, "perDeviceNodeSelection", fields.boolean),
            devices=fields.listed(spec, "devices", lambda item: _paced_device(item, driver)),
            shared_counters=fields.listed(spec, "sharedCounters", _counter_set),
            skip_node_operations=fields.listed(spec, "skipNodeOperations", fields.text),
        )
    except FieldError as error:
        raise error.under("spec") from None


def _pool(source: JsonObject) -> tuple[str, int, int]:
    try:
        return (
            fields.required(source, "name", fields.text),
            fields.default(source, "generation", fields.integer, 0),
            fields.default(source, "resourceSliceCount", fields.integer, 0),
        )
    except FieldError as error:
        raise error.under("pool") from None


def _paced_device(raw: Any, driver: str) -> Device:
    pause()  # a device at the limits of the API takes 0.4 ms, and there are 128 in a slice
    return read_device(raw, driver)


def _counter_set(raw: Any) -> CounterSet:
    source = fields.mapping(raw)
    return CounterSet(fields.required(source, "name", fields.text), read_counters(source))
