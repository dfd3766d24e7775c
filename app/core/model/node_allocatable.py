"""What a device takes of its node's CPU, memory or huge pages (KEP-5517, DRANodeAllocatableResources)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.errors import FieldError
from app.core.model.quantity import Quantity


@dataclass(frozen=True, slots=True)
class NodeAllocatable:
    """What a device takes of one resource.

    The mapping is ``per_device``, or ``per_capacity`` for each unit that an allocation consumes of the
    capacity ``capacity_key``: a part of the node that the device stands for, taken once for a claim. The
    overhead comes on top: ``per_pod`` for each Pod that uses the claim, ``per_container`` for each of its
    containers that does.
    """

    per_device: Quantity | None = None
    capacity_key: str = ""
    per_capacity: Quantity | None = None
    per_pod: Quantity | None = None
    per_container: Quantity | None = None

    @property
    def is_mapped(self) -> bool:
        """Whether it has a mapping, and not only an overhead."""
        return self.per_device is not None or self.per_capacity is not None

    @property
    def has_overhead(self) -> bool:
        """Whether it has an overhead."""
        return self.per_pod is not None or self.per_container is not None


def read_node_allocatable(raw: Any) -> Mapping[str, NodeAllocatable]:
    """Reads ``nodeAllocatableResources`` of a device, by the name of the resource.

    What the API server refuses is an error here as well: an amount that is not understood cannot be counted.
    The rules are those of validateNodeAllocatableResources in pkg/apis/resource/validation; that the device
    has the capacity of ``capacityKey`` is not checked, since such a mapping takes nothing.
    """
    source = fields.mapping(raw)
    for name in source:
        if name not in ("cpu", "memory") and not str(name).startswith("hugepages-"):
            raise FieldError("must be cpu, memory or hugepages-*", str(name))
    return {name: _under(name, value) for name, value in source.items()}


def _under(name: str, raw: Any) -> NodeAllocatable:
    try:
        return _one(fields.mapping(raw))
    except FieldError as error:
        raise error.under(name) from None


def _one(source: JsonObject) -> NodeAllocatable:
    mapping = fields.optional(source, "mapping", _mapping)
    overhead = fields.optional(source, "overhead", _overhead)
    if mapping is None and overhead is None:
        raise FieldError("must have a mapping or an overhead")
    return NodeAllocatable(*(mapping or (None, "", None)), *(overhead or (None, None)))


def _mapping(raw: Any) -> tuple[Quantity | None, str, Quantity | None]:
    source = fields.mapping(raw)
    key = fields.default(source, "capacityKey", fields.text, "")
    per_capacity = fields.optional(source, "capacityMultiplier", _positive)
    per_device = fields.optional(source, "deviceMultiplier", _positive)
    if bool(key) != (per_capacity is not None):
        raise FieldError("must have capacityKey and capacityMultiplier, or neither")
    if bool(key) == (per_device is not None):
        raise FieldError("must have capacityKey or deviceMultiplier, and not both")
    return per_device, key, per_capacity


def _overhead(raw: Any) -> tuple[Quantity | None, Quantity | None]:
    source = fields.mapping(raw)
    amounts = tuple(fields.optional(source, name, _not_negative) for name in ("perPod", "perContainer"))
    if amounts == (None, None):
        raise FieldError("must have perPod or perContainer")
    return amounts[0], amounts[1]


def _positive(raw: Any) -> Quantity:
    amount = fields.quantity(raw)
    if amount.nanos <= 0:
        raise FieldError("must be positive")
    return amount


def _not_negative(raw: Any) -> Quantity:
    amount = fields.quantity(raw)
    if amount.nanos < 0:
        raise FieldError("must not be negative")
    return amount
