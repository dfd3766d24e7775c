"""Feature switches of a cluster, named as the fields of structured.Features and meaning the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from app.core.versions import DEFAULT, KubernetesVersion
from app.core.versions.channel import Channel
from app.core.versions.gates import Gate


class UnknownFeatureError(ValueError):
    """A switch by a name that is none."""


@dataclass(frozen=True, slots=True)
class Features:
    """The rules of a cluster: its version, and which parts of resource.k8s.io are on.

    The defaults are those of Kubernetes 1.37, but for ``SHOWN_BY_OBJECTS``. A feature that is off refuses the
    claims and devices that use it, as kube-scheduler does with the feature gate of the same name off;
    ``node_allocatable_resources`` ignores what devices take of nodes then, as kube-scheduler does.
    ``channel`` is the allocator that kube-scheduler uses with them. Hashable: part of every cache's key that
    depends on it.
    """

    admin_access: bool = True
    compatibility_groups: bool = False
    consumable_capacity: bool = True
    derived_attributes: bool = False
    device_binding_and_status: bool = True
    device_taint_rules: bool = True
    device_taints: bool = True
    extended_resource: bool = True
    fractional_capacity_range: bool = True
    list_type_attributes: bool = False
    node_allocatable_resources: bool = True
    optional_node_operations: bool = False
    partitionable_devices: bool = True
    prioritized_list: bool = True
    workload_resource_claims: bool = True
    version: KubernetesVersion = DEFAULT
    channel: Channel = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        for supported, channel in self.version.allocators:
            if all(name in supported or not getattr(self, name) for name in _ALLOCATOR_FEATURES):
                object.__setattr__(self, "channel", channel)
                return
        raise ValueError(f"no allocator of {self.version!r} supports {self!r}")

    @classmethod
    def of(cls, version: KubernetesVersion, gates: Mapping[str, bool] | None = None) -> "Features":
        """The features of a cluster.

        Args:
            version: its version.
            gates: feature gates with their state, like ``{"DRAConsumableCapacity": True}``, as far as known;
                the others have the version's defaults. Gates that do not matter here are ignored.
        """
        on = {name: gate.on or _is_shown(name, gate) for name, gate in version.gates.items()}
        on |= gates or {}
        switches = {field: all(on.get(gate, False) for gate in names) for field, names in GATES.items()}
        return cls(version=version, **switches)

    @property
    def switches(self) -> dict[str, bool]:
        """Every feature by its name in Kubernetes, and whether it is on."""
        return {name: getattr(self, own) for name, own in NAMES.items()}

    def switched(self, switches: Mapping[str, bool]) -> "Features":
        """These features with the named ones set, like ``{"PartitionableDevices": False}``.

        Raises:
            UnknownFeatureError: a name is not one of ``NAMES``.
        """
        for name in switches:
            if name not in NAMES:
                raise UnknownFeatureError(f"unknown feature {name!r}, only {', '.join(NAMES)}")
        changes: dict[str, Any] = {NAMES[name]: value for name, value in switches.items()}
        return replace(self, **changes)


GATES: dict[str, tuple[str, ...]] = {
    "admin_access": ("DRAAdminAccess",),
    "compatibility_groups": ("DRADeviceCompatibilityGroups",),
    "consumable_capacity": ("DRAConsumableCapacity",),
    "derived_attributes": ("DRADerivedAttributes",),
    "device_binding_and_status": ("DRADeviceBindingConditions", "DRAResourceClaimDeviceStatus"),
    "device_taint_rules": ("DRADeviceTaintRules", "DRADeviceTaints"),
    "device_taints": ("DRADeviceTaints",),
    "extended_resource": ("DRAExtendedResource",),
    "fractional_capacity_range": ("DRAFractionalCapacityRange",),
    "list_type_attributes": ("DRAListTypeAttributes",),
    "node_allocatable_resources": ("DRANodeAllocatableResources",),
    "optional_node_operations": ("DRAOptionalNodeOperations",),
    "partitionable_devices": ("DRAPartitionableDevices",),
    "prioritized_list": ("DRAPrioritizedList",),
    "workload_resource_claims": ("DRAWorkloadResourceClaims",),
}
"""The feature gates that turn a feature on, all of them together."""

NAMES = {
    "".join(word.capitalize() for word in field.name.split("_")): field.name
    for field in fields(Features)
    if field.name in GATES
}
"""Name in Kubernetes to name here."""

SHOWN_BY_OBJECTS = frozenset({"DRANodeAllocatableResources", "DRAWorkloadResourceClaims"})
"""Gates without which the API server drops the fields that they are about, and nothing else depends on them.

Objects that have these fields show that the gate is on, so it is taken for on where a version has it off
by default and the cluster does not report its gates.
"""


def _is_shown(name: str, gate: Gate) -> bool:
    return name in SHOWN_BY_OBJECTS and gate.stage != "none"


_SCHEDULER_FEATURES = frozenset(
    {"device_taint_rules", "extended_resource", "node_allocatable_resources", "workload_resource_claims"}
)
"""Those that the allocator does not know."""
_ALLOCATOR_FEATURES = tuple(name for name in GATES if name not in _SCHEDULER_FEATURES)
