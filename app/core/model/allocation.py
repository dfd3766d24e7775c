"""AllocationResult: what a claim holds, as read from its status and as the allocator makes it."""

from dataclasses import dataclass
from typing import Any

from app.core.model import fields
from app.core.model.device_class import DeviceConfiguration, read_configuration
from app.core.model.errors import FieldError
from app.core.model.node_selector import NodeSelector, read_node_selector
from app.core.model.quantity import Quantity
from app.core.model.resource_slice import DeviceId
from app.core.model.taints import Toleration, read_device_toleration


@dataclass(frozen=True, slots=True)
class AllocatedDevice:
    """One DeviceRequestAllocationResult. ``share_id`` is set if other claims may hold shares too."""

    request: str
    device: DeviceId
    admin_access: bool | None = None
    tolerations: tuple[Toleration, ...] = ()
    binding_conditions: tuple[str, ...] | None = None
    binding_failure_conditions: tuple[str, ...] | None = None
    share_id: str | None = None
    consumed_capacity: tuple[tuple[str, Quantity], ...] = ()
    skip_node_operations: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The Kubernetes form in v1, empty fields left out."""
        result: dict[str, Any] = {
            "request": self.request,
            "driver": self.device.driver,
            "pool": self.device.pool,
            "device": self.device.device,
        }
        if self.admin_access is not None:
            result["adminAccess"] = self.admin_access
        if self.tolerations:
            result["tolerations"] = [toleration.to_json() for toleration in self.tolerations]
        if self.binding_conditions:
            result["bindingConditions"] = list(self.binding_conditions)
        if self.binding_failure_conditions:
            result["bindingFailureConditions"] = list(self.binding_failure_conditions)
        if self.share_id is not None:
            result["shareID"] = self.share_id
        if self.consumed_capacity:
            result["consumedCapacity"] = {name: str(amount) for name, amount in self.consumed_capacity}
        if self.skip_node_operations:
            result["skipNodeOperations"] = list(self.skip_node_operations)
        return result


@dataclass(frozen=True, slots=True)
class AllocationConfiguration:
    """Configuration from the class or the claim, and the requests it is for (none: all)."""

    source: str
    requests: tuple[str, ...]
    configuration: DeviceConfiguration

    def to_json(self) -> dict[str, Any]:
        """The Kubernetes form."""
        result: dict[str, Any] = {"source": self.source}
        if self.requests:
            result["requests"] = list(self.requests)
        return result | dict(self.configuration.raw)


@dataclass(frozen=True, slots=True)
class Allocation:
    """One AllocationResult. ``node_selector`` None: usable from every node."""

    devices: tuple[AllocatedDevice, ...]
    config: tuple[AllocationConfiguration, ...] = ()
    node_selector: NodeSelector | None = None
    timestamp: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The Kubernetes form in v1."""
        devices: dict[str, Any] = {}
        if self.devices:
            devices["results"] = [device.to_json() for device in self.devices]
        if self.config:
            devices["config"] = [item.to_json() for item in self.config]
        result: dict[str, Any] = {"devices": devices}
        if self.node_selector is not None:
            result["nodeSelector"] = self.node_selector.to_json()
        if self.timestamp is not None:
            result["allocationTimestamp"] = self.timestamp
        return result


def read_allocation(raw: Any) -> Allocation:
    """Reads an AllocationResult in v1 form."""
    source = fields.mapping(raw)
    devices = fields.child(source, "devices")
    try:
        results = fields.listed(devices, "results", _allocated_device)
        config = fields.listed(devices, "config", _configuration)
    except FieldError as error:
        raise error.under("devices") from None
    return Allocation(
        devices=results,
        config=config,
        node_selector=fields.optional(source, "nodeSelector", read_node_selector),
        timestamp=fields.optional(source, "allocationTimestamp", fields.time),
    )


def _allocated_device(raw: Any) -> AllocatedDevice:
    source = fields.mapping(raw)
    consumed = fields.mapped(source, "consumedCapacity", fields.quantity)
    return AllocatedDevice(
        request=fields.default(source, "request", fields.text, ""),
        device=DeviceId(
            fields.required(source, "driver", fields.text),
            fields.required(source, "pool", fields.text),
            fields.required(source, "device", fields.text),
        ),
        admin_access=fields.optional(source, "adminAccess", fields.boolean),
        tolerations=fields.listed(source, "tolerations", read_device_toleration),
        binding_conditions=fields.listed(source, "bindingConditions", fields.text) or None,
        binding_failure_conditions=fields.listed(source, "bindingFailureConditions", fields.text) or None,
        share_id=fields.optional(source, "shareID", fields.text),
        consumed_capacity=tuple(sorted(consumed.items())),
        skip_node_operations=fields.listed(source, "skipNodeOperations", fields.text),
    )


def _configuration(raw: Any) -> AllocationConfiguration:
    source = fields.mapping(raw)
    return AllocationConfiguration(
        source=fields.default(source, "source", fields.text, ""),
        requests=fields.listed(source, "requests", fields.text),
        configuration=read_configuration(source),
    )
