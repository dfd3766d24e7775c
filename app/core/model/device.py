"""A device as a ResourceSlice publishes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Any, Literal
from weakref import WeakValueDictionary

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.node_allocatable import NodeAllocatable, read_node_allocatable
from app.core.model.node_selector import NodeSelector, read_node_selector
from app.core.model.quantity import Quantity
from app.core.model.taints import Taint, read_taint

AttributeKind = Literal["string", "int", "bool", "version", "strings", "ints", "bools", "versions", "unknown"]
AttributeValue = str | int | bool | tuple[str, ...] | tuple[int, ...] | tuple[bool, ...] | None


@dataclass(frozen=True, slots=True)
class DeviceAttribute:
    """One attribute. ``unknown`` (value None) is a type that a newer API server may have added."""

    kind: AttributeKind
    value: AttributeValue


@dataclass(frozen=True, slots=True)
class CapacityRange:
    """What a capacity request is rounded into: min, max and step of requestPolicy.validRange."""

    min: Quantity | None
    max: Quantity | None
    step: Quantity | None


@dataclass(frozen=True, slots=True)
class CapacityPolicy:
    """requestPolicy of a capacity (KEP-5075). ``valid_values`` is None where the field is absent."""

    default: Quantity | None
    valid_values: tuple[Quantity, ...] | None
    valid_range: CapacityRange | None


@dataclass(frozen=True, slots=True)
class DeviceCapacity:
    """One capacity of a device."""

    value: Quantity
    policy: CapacityPolicy | None = None


_PARSED = frozenset({"version", "versions", "unknown"})
_Parsed = tuple[tuple[str, AttributeKind, AttributeValue], ...]


@lru_cache(4096)
def _one_object(parsed: _Parsed) -> _Parsed:
    """A driver's version is that of thousands of devices: 15 MB at 100,000."""
    return parsed


class DeviceShape:
    """Everything of a device that a CEL expression can see.

    Devices that look the same share one shape object (see ``intern_shape``), so that a selector
    needs one evaluation a shape, and shapes compare by identity. ``capacity_number`` is equal for
    shapes with the same capacity and policies, written the same way. ``parsed`` are the attributes
    whose text has a form that it may fail to have: versions, and types not known here. ``cel_view``
    belongs to core/cel, which keeps there what it derives from the shape.
    """

    __slots__ = (
        "__weakref__",
        "allow_multiple_allocations",
        "attributes",
        "capacity",
        "capacity_number",
        "cel_view",
        "driver",
        "parsed",
    )

    def __init__(
        self,
        driver: str,
        attributes: Mapping[str, DeviceAttribute],
        capacity: "_Capacity",
        *,
        allow_multiple_allocations: bool | None,
    ) -> None:
        self.driver = driver
        self.attributes = attributes
        self.capacity: Mapping[str, DeviceCapacity] = capacity
        self.capacity_number = capacity.number
        self.allow_multiple_allocations = allow_multiple_allocations
        self.parsed = _one_object(
            tuple(
                [(name, item.kind, item.value) for name, item in attributes.items() if item.kind in _PARSED]
            )
        )
        self.cel_view: Any = None

    def __repr__(self) -> str:
        return f"DeviceShape({self.driver!r}, {dict(self.attributes)!r}, {dict(self.capacity)!r})"


class _Capacity(dict[str, DeviceCapacity]):
    """Capacities that all devices of one make share."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, values: Mapping[str, DeviceCapacity], number: int) -> None:
        super().__init__(values)
        self.number = number


_shapes: "WeakValueDictionary[Any, DeviceShape]" = WeakValueDictionary()
_capacities: "WeakValueDictionary[Any, _Capacity]" = WeakValueDictionary()
_numbers = count()


def intern_shape(
    driver: str,
    attributes: Mapping[str, DeviceAttribute],
    capacity: Mapping[str, DeviceCapacity],
    *,
    allow_multiple_allocations: bool | None = None,
) -> DeviceShape:
    """The one shape object for these values; it lives as long as a device has it. O(attributes)."""
    shared = _intern_capacity(capacity)
    key = (driver, allow_multiple_allocations, frozenset(attributes.items()), shared.number)
    shape = _shapes.get(key)
    if shape is None:
        shape = _shapes[key] = DeviceShape(
            driver, attributes, shared, allow_multiple_allocations=allow_multiple_allocations
        )
    return shape


def _intern_capacity(capacity: Mapping[str, DeviceCapacity]) -> _Capacity:
    if isinstance(capacity, _Capacity):
        return capacity
    key = frozenset((name, item.value.text, item) for name, item in capacity.items())
    shared = _capacities.get(key)
    if shared is None:
        # A number is never given again, so that it stands for these values for good.
        shared = _capacities[key] = _Capacity(capacity, next(_numbers))
    return shared


@dataclass(frozen=True, slots=True)
class DeviceCounterConsumption:
    """What a device takes from one counter set, and with which groups it may share the set."""

    counter_set: str
    counters: Mapping[str, Quantity]
    compatibility_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Device:
    """One device. ``binding_conditions`` is None where the field is absent: in-tree sorts pools by that.

    ``node_allocatable`` is what it takes of the node, by resource; with ``old_node_allocatable`` it is in the
    form of Kubernetes 1.36, which is not read here.
    """

    name: str
    shape: DeviceShape
    consumes_counters: tuple[DeviceCounterConsumption, ...] = ()
    node_name: str | None = None
    node_selector: NodeSelector | None = None
    all_nodes: bool = False
    taints: tuple[Taint, ...] = ()
    binds_to_node: bool = False
    binding_conditions: tuple[str, ...] | None = None
    binding_failure_conditions: tuple[str, ...] | None = None
    node_allocatable: Mapping[str, NodeAllocatable] | None = None
    old_node_allocatable: bool = False

    @property
    def allow_multiple_allocations(self) -> bool:
        """Whether several claims may hold a share of it (KEP-5075)."""
        return bool(self.shape.allow_multiple_allocations)


def read_device(raw: Any, driver: str) -> Device:
    """Reads a device in v1 form."""
    source = fields.mapping(raw)
    return Device(
        name=fields.required(source, "name", fields.text),
        shape=intern_shape(
            driver,
            fields.mapped(source, "attributes", read_attribute),
            fields.mapped(source, "capacity", _capacity),
            allow_multiple_allocations=fields.optional(source, "allowMultipleAllocations", fields.boolean),
        ),
        consumes_counters=fields.listed(source, "consumesCounters", _consumption),
        node_name=fields.optional(source, "nodeName", fields.text),
        node_selector=fields.optional(source, "nodeSelector", read_node_selector),
        all_nodes=fields.default(source, "allNodes", fields.boolean, otherwise=False),
        taints=fields.listed(source, "taints", read_taint),
        binds_to_node=fields.default(source, "bindsToNode", fields.boolean, otherwise=False),
        binding_conditions=_texts(source, "bindingConditions"),
        binding_failure_conditions=_texts(source, "bindingFailureConditions"),
        node_allocatable=fields.optional(source, "nodeAllocatableResources", read_node_allocatable) or None,
        old_node_allocatable=bool(fields.child(source, "nodeAllocatableResourceMappings")),
    )


_SCALARS = (
    ("int", fields.integer),
    ("bool", fields.boolean),
    ("string", fields.text),
    ("version", fields.text),
)
_LISTS = (
    ("ints", fields.integer),
    ("bools", fields.boolean),
    ("strings", fields.text),
    ("versions", fields.text),
)


def read_attribute(raw: Any) -> DeviceAttribute:
    """Reads an attribute: the one of its fields that is set, or ``unknown``."""
    source = fields.mapping(raw)
    for list_kind, read_item in _LISTS:
        # An empty list, which the API server refuses, is a list to CEL and of no type to constraints.
        if source.get(list_kind) is not None:
            items = fields.listed(source, list_kind, read_item)
            return DeviceAttribute(list_kind, items)  # type: ignore[arg-type]  # the table pairs kinds with readers
    for kind, read in _SCALARS:
        value = source.get(kind)
        if value is not None:
            return DeviceAttribute(kind, fields.required(source, kind, read))  # type: ignore[arg-type]  # as above
    return DeviceAttribute("unknown", None)


def _capacity(raw: Any) -> DeviceCapacity:
    source = fields.mapping(raw)
    return DeviceCapacity(
        value=fields.required(source, "value", fields.quantity),
        policy=fields.optional(source, "requestPolicy", _policy),
    )


def _policy(raw: Any) -> CapacityPolicy:
    source = fields.mapping(raw)
    has_values = source.get("validValues") is not None
    return CapacityPolicy(
        default=fields.optional(source, "default", fields.quantity),
        valid_values=fields.listed(source, "validValues", fields.quantity) if has_values else None,
        valid_range=fields.optional(source, "validRange", _range),
    )


def _range(raw: Any) -> CapacityRange:
    source = fields.mapping(raw)
    return CapacityRange(
        min=fields.optional(source, "min", fields.quantity),
        max=fields.optional(source, "max", fields.quantity),
        step=fields.optional(source, "step", fields.quantity),
    )


def read_counters(source: JsonObject) -> dict[str, Quantity]:
    """Reads ``counters``: name to ``{value: quantity}``."""
    return fields.mapped(
        source, "counters", lambda raw: fields.required(fields.mapping(raw), "value", fields.quantity)
    )


def _consumption(raw: Any) -> DeviceCounterConsumption:
    source = fields.mapping(raw)
    return DeviceCounterConsumption(
        counter_set=fields.required(source, "counterSet", fields.text),
        counters=read_counters(source),
        compatibility_groups=fields.listed(source, "compatibilityGroups", fields.text),
    )


def _texts(source: JsonObject, name: str) -> tuple[str, ...] | None:
    if source.get(name) is None:
        return None
    return fields.listed(source, name, fields.text)
