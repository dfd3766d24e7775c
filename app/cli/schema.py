"""Which fields resource.k8s.io knows, to find the misspelt ones (k8s.io/api/resource, v1 to v1beta1).

The API server drops fields it does not know, or refuses them if asked to be strict: either way the
claim is not the one that was meant.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

Path = tuple[str | int, ...]
Shape = dict[str, Any] | None
"""Field name to the shape of its value; None: anything. A list has the shape of its items; ``*`` any key."""

_TAINT: Shape = dict.fromkeys(("key", "value", "effect", "timeAdded"))
_TOLERATIONS: Shape = dict.fromkeys(("key", "operator", "value", "effect", "tolerationSeconds"))
_SELECTORS: Shape = {"cel": {"expression": None}}
_OPAQUE: dict[str, Any] = {"opaque": {"driver": None, "parameters": None}}
_SPECIFICATION: dict[str, Any] = {
    "deviceClassName": None,
    "selectors": _SELECTORS,
    "allocationMode": None,
    "count": None,
    "tolerations": _TOLERATIONS,
    "capacity": {"requests": {"*": None}},
    "derivedAttributes": {"name": None, "expression": None},
}
_EXACTLY = _SPECIFICATION | {"adminAccess": None}
_CLAIM_SPEC: Shape = {
    "controller": None,
    "devices": {
        "requests": {
            "name": None,
            "exactly": _EXACTLY,
            "firstAvailable": {"name": None} | _SPECIFICATION,
        }
        # Also directly, as in v1beta1: that they are elsewhere is a finding of its own.
        | _EXACTLY,
        "constraints": dict.fromkeys(("requests", "matchAttribute", "distinctAttribute")),
        "config": {"requests": None, **_OPAQUE},
    },
}
_COUNTERS: Shape = {"*": {"value": None}}
_BASIC: dict[str, Any] = {
    "attributes": {
        "*": dict.fromkeys(("int", "bool", "string", "version", "ints", "bools", "strings", "versions"))
    },
    "capacity": {
        "*": {
            "value": None,
            "requestPolicy": {
                "default": None,
                "validValues": None,
                "validRange": dict.fromkeys(("min", "max", "step")),
            },
        }
    },
    "consumesCounters": {"counterSet": None, "counters": _COUNTERS, "compatibilityGroups": None},
    "taints": _TAINT,
    "nodeAllocatableResourceMappings": None,
    "nodeAllocatableResources": None,
} | dict.fromkeys(
    (
        "nodeName",
        "nodeSelector",
        "allNodes",
        "bindsToNode",
        "bindingConditions",
        "bindingFailureConditions",
        "allowMultipleAllocations",
    )
)
_SLICE_SPEC: Shape = {
    "driver": None,
    "pool": dict.fromkeys(("name", "generation", "resourceSliceCount")),
    "devices": {"name": None, "basic": _BASIC} | _BASIC,
    "sharedCounters": {"name": None, "counters": _COUNTERS},
} | dict.fromkeys(
    (
        "nodeName",
        "nodeSelector",
        "allNodes",
        "perDeviceNodeSelection",
        "partitionTypeAttribute",
        "skipNodeOperations",
    )
)
_SPECS: dict[str, Shape] = {
    "ResourceClaim": _CLAIM_SPEC,
    "ResourceClaimTemplate": {"metadata": None, "spec": _CLAIM_SPEC},
    "DeviceClass": {
        "selectors": _SELECTORS,
        "config": _OPAQUE,
        "suitableNodes": None,
        "extendedResourceName": None,
    },
    "ResourceSlice": _SLICE_SPEC,
    "DeviceTaintRule": {
        "deviceSelector": dict.fromkeys(("deviceClassName", "driver", "pool", "device", "selectors")),
        "taint": _TAINT,
    },
}


def unknown_fields(raw: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Fields of a resource.k8s.io object that no version has, each with what it may have meant to be."""
    spec = _SPECS.get(str(raw.get("kind")))
    if spec is not None:
        shape = dict.fromkeys(("apiVersion", "kind", "metadata", "status")) | {"spec": spec}
        yield from _unknown(raw, shape, ())


def _unknown(value: Any, shape: Shape, path: Path) -> Iterator[tuple[Path, str]]:
    if shape is None:
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, shape, (*path, index))
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in shape or "*" in shape:
                yield from _unknown(inner, shape.get(name, shape.get("*")), (*path, name))
            else:
                close = get_close_matches(str(name), shape, n=1)
                hint = f", is {close[0]} meant?" if close else ""
                yield (*path, name), f"there is no field {name}{hint}"
