"""The served versions of resource.k8s.io, brought to the form of v1.

Works on plain JSON and copies only what it changes, so unknown fields survive. The rules are those
of the conversion functions in k8s.io/dynamic-resource-allocation/api; on top of them the flat
request of v1beta1 is understood in every version, since the Kubernetes task page shows it so.
"""

from collections.abc import Callable
from typing import Any

from app.core.model import fields
from app.core.model.errors import FieldError

GROUP = "resource.k8s.io"
VERSIONS = ("v1", "v1beta2", "v1beta1")
"""Newest first. DeviceTaintRule is also known from v1alpha3."""
_READABLE = frozenset((*VERSIONS, "v1alpha3"))
_REMOVED = {"v1alpha1": "1.27", "v1alpha2": "1.31"}
"""Versions of classic DRA, by the first Kubernetes without them: they have no form in v1."""

FLAT_REQUEST_FIELDS = (
    "deviceClassName",
    "selectors",
    "allocationMode",
    "count",
    "adminAccess",
    "tolerations",
    "capacity",
    "derivedAttributes",
)
"""What a request of v1beta1 holds directly, and one of v1 under ``exactly``."""


def to_v1(raw: dict[str, Any]) -> dict[str, Any]:
    """The same object as resource.k8s.io/v1; objects of other groups come back as they are.

    Raises:
        FieldError: the apiVersion is one of resource.k8s.io that is not known, or the
            field that holds the others in that version is not an object.
    Cost: O(devices of a slice, requests of a claim); nothing is changed in place.
    """
    group, _, version = str(raw.get("apiVersion", "")).rpartition("/")
    if group != GROUP:
        return raw
    if version not in _READABLE:
        raise FieldError(_unreadable(version), "apiVersion")
    convert = _CONVERSIONS.get(str(raw.get("kind")))
    spec = raw.get("spec")
    result = raw | {"apiVersion": f"{GROUP}/v1"}
    if convert is not None and isinstance(spec, dict):
        result["spec"] = convert(spec)
    elif raw.get("kind") == "DeviceTaintRule" and isinstance(spec, dict):
        result["spec"] = _taint_rule_spec(spec, version)
    return result


def _unreadable(version: str) -> str:
    known = ", ".join(VERSIONS)
    if version in _REMOVED:
        end = _REMOVED[version]
        return f"{GROUP}/{version} was removed in Kubernetes {end}: write it again for one of {known}"
    return f"{GROUP}/{version} is an unknown version ({known})"


def _slice_spec(spec: dict[str, Any]) -> dict[str, Any]:
    spec = {name: value for name, value in spec.items() if not (name == "nodeName" and value == "")}
    devices = spec.get("devices")
    if isinstance(devices, list):
        spec["devices"] = [_device(device, index) for index, device in enumerate(devices)]
    return spec


def _device(device: Any, index: int) -> Any:
    """v1beta1 keeps all but the name under ``basic``."""
    if not isinstance(device, dict) or device.get("basic") is None:
        return device
    try:
        basic = fields.mapping(device["basic"])
    except FieldError as error:
        raise error.under("spec", "devices", index, "basic") from None
    return {**basic, **{name: value for name, value in device.items() if name != "basic"}}


def _template_spec(spec: dict[str, Any]) -> dict[str, Any]:
    claim = spec.get("spec")
    return spec | {"spec": _claim_spec(claim)} if isinstance(claim, dict) else spec


def _claim_spec(spec: dict[str, Any]) -> dict[str, Any]:
    devices = spec.get("devices")
    if not isinstance(devices, dict) or not isinstance(devices.get("requests"), list):
        return spec
    requests = [_request(request) for request in devices["requests"]]
    return spec | {"devices": devices | {"requests": requests}}


def _request(request: Any) -> Any:
    if not isinstance(request, dict) or request.get("exactly") is not None:
        return request
    flat = {name: request[name] for name in FLAT_REQUEST_FIELDS if request.get(name) is not None}
    if not flat:
        return request
    rest = {name: value for name, value in request.items() if name not in FLAT_REQUEST_FIELDS}
    return rest | {"exactly": flat}


def _taint_rule_spec(spec: dict[str, Any], version: str) -> dict[str, Any]:
    """Until v1, a rule without a selector selects all devices; in v1 it selects none."""
    if version == "v1" or spec.get("deviceSelector") is not None:
        return spec
    return spec | {"deviceSelector": {}}


_CONVERSIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "ResourceSlice": _slice_spec,
    "ResourceClaim": _claim_spec,
    "ResourceClaimTemplate": _template_spec,
}
