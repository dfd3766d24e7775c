"""Feature switches, named as the fields of structured.Features and meaning the same."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace


class UnknownFeatureError(ValueError):
    """A switch by a name that is none."""


@dataclass(frozen=True, slots=True)
class Features:
    """Which parts of resource.k8s.io are in force; the defaults are those of Kubernetes 1.37.

    A feature that is off refuses the claims and devices that use it, as kube-scheduler does with
    the feature gate of the same name off. Hashable: part of every cache's key that depends on it.
    """

    admin_access: bool = True
    compatibility_groups: bool = False
    consumable_capacity: bool = True
    derived_attributes: bool = False
    device_binding_and_status: bool = True
    device_taints: bool = True
    fractional_capacity_range: bool = True
    list_type_attributes: bool = False
    optional_node_operations: bool = False
    partitionable_devices: bool = True
    prioritized_list: bool = True

    def switched(self, switches: Mapping[str, bool]) -> "Features":
        """These features with the named ones set, like ``{"PartitionableDevices": False}``.

        Raises:
            UnknownFeatureError: a name is not one of ``NAMES``.
        """
        for name in switches:
            if name not in NAMES:
                raise UnknownFeatureError(f"unknown feature {name!r}, only {', '.join(NAMES)}")
        return replace(self, **{NAMES[name]: value for name, value in switches.items()})


NAMES = {
    "".join(word.capitalize() for word in field.name.split("_")): field.name for field in fields(Features)
}
"""Name in Kubernetes to name here."""
