"""Fields that a feature gate turns on.

While the gate is off, the API server drops the field without an error, or the object is not valid without
it (the strategies in pkg/registry/resource of k8s.io/kubernetes).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.core.json_object import JsonObject
from app.core.model.features import GATES, NAMES, Features
from app.core.pauses import paced_if_many
from app.manifests.validation.shapes import Path, claim_devices, items, request_specs, requests

Problems = Iterator[tuple[Path, str]]

_Fields = dict[str, str]
"""The feature of each field, by its name in Features."""
_REQUEST: _Fields = {
    "adminAccess": "admin_access",
    "capacity": "consumable_capacity",
    "derivedAttributes": "derived_attributes",
    "tolerations": "device_taints",
}
_CLASS: _Fields = {"extendedResourceName": "extended_resource"}
_SLICE: _Fields = {
    "perDeviceNodeSelection": "partitionable_devices",
    "sharedCounters": "partitionable_devices",
    "skipNodeOperations": "optional_node_operations",
}
_DEVICE: _Fields = {
    "allowMultipleAllocations": "consumable_capacity",
    "bindingConditions": "device_binding_and_status",
    "bindingFailureConditions": "device_binding_and_status",
    "bindsToNode": "device_binding_and_status",
    "consumesCounters": "partitionable_devices",
    "taints": "device_taints",
}
_CONSUMPTION: _Fields = {"compatibilityGroups": "compatibility_groups"}
_ATTRIBUTE: _Fields = dict.fromkeys(("bools", "ints", "strings", "versions"), "list_type_attributes")
_CAPACITY: _Fields = {"requestPolicy": "consumable_capacity"}
_TABLES = (_REQUEST, _CLASS, _SLICE, _DEVICE, _CONSUMPTION, _ATTRIBUTE, _CAPACITY)
_FEATURES = {"prioritized_list", *(feature for fields in _TABLES for feature in fields.values())}

SWITCHES = tuple(sorted(name for name, own in NAMES.items() if own in _FEATURES))
"""The features that fields depend on, by their names in Kubernetes."""


def gated_fields(raw: JsonObject, features: Features) -> Problems:
    """Fields of a claim, a template, a class or a slice whose feature is off.

    Not those that no API server of this version has: see ``unknown_fields``. Cost: O(size of the object).
    """
    off = _Off(features)
    at, devices = claim_devices(raw)
    for path, request in requests(raw):
        refused = list(off.refused(path, request, "firstAvailable", "prioritized_list"))
        yield from refused
        for where, spec in () if refused else request_specs(path, request):
            yield from off.ignored(where, spec, _REQUEST)
    for path, constraint in items(devices, "constraints", at):
        yield from off.refused(path, constraint, "distinctAttribute", "consumable_capacity")
    whole = raw.get("spec")
    if isinstance(whole, dict) and raw.get("kind") == "DeviceClass":
        yield from off.ignored(("spec",), whole, _CLASS)
    if isinstance(whole, dict) and raw.get("kind") == "ResourceSlice":
        yield from off.of_slice(whole)


@dataclass(frozen=True, slots=True)
class _Off:
    """Finds fields whose feature is off."""

    features: Features

    def ignored(self, path: Path, owner: JsonObject, fields: _Fields) -> Problems:
        for name, feature in fields.items():
            if owner.get(name) and (why := self._why(feature)):
                yield (*path, name), f"Kubernetes {self.features.version} ignores it {why}"

    def refused(self, path: Path, owner: JsonObject, name: str, feature: str) -> Problems:
        if owner.get(name) and (why := self._why(feature)):
            yield (*path, name), f"Kubernetes {self.features.version} refuses it {why}"

    def of_slice(self, spec: JsonObject) -> Problems:
        yield from self.ignored(("spec",), spec, _SLICE)
        for path, device in items(spec, "devices", ("spec",)):
            owners = [(path, device)]
            if isinstance(device.get("basic"), dict):
                owners.append(((*path, "basic"), device["basic"]))
            for where, owner in owners:
                yield from self.ignored(where, owner, _DEVICE)
                for at, consumption in items(owner, "consumesCounters", where):
                    yield from self.ignored(at, consumption, _CONSUMPTION)
                yield from self._entries(where, owner, "attributes", _ATTRIBUTE)
                yield from self._entries(where, owner, "capacity", _CAPACITY)

    def _entries(self, path: Path, owner: JsonObject, name: str, fields: _Fields) -> Problems:
        entries = owner.get(name)
        for key, entry in paced_if_many(entries.items() if isinstance(entries, dict) else ()):
            if isinstance(entry, dict):
                yield from self.ignored((*path, name, key), entry, fields)

    def _why(self, feature: str) -> str:
        """Empty if the feature is on, or if the version does not have it."""
        gates = self.features.version.gates
        if getattr(self.features, feature) or any(gates[gate].stage == "none" for gate in GATES[feature]):
            return ""
        name = next(name for name, own in NAMES.items() if own == feature)
        return f"unless the feature gate {GATES[feature][0]} is on (--feature {name}=true)"
