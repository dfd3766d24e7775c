"""Makers of the API objects that the tests work on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from app.core.json_object import JsonObject
from harness.binaries import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
DRIVER = "resource-driver.example.com"


def manifests(path: Path) -> list[JsonObject]:
    """The objects of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def node(name: str) -> JsonObject:
    """A ready Node with room for many Pods."""
    room = {"cpu": "64", "memory": "64Gi", "pods": "250"}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "played by the test"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
    }


def device(name: str, *, color: str, size: str, cat: str | None = None) -> JsonObject:
    """A device with the attributes that the task page's selectors and constraints look at."""
    values = {"color": color, "size": size} | ({"cat": cat} if cat else {})
    return {"name": name, "attributes": {key: {"string": value} for key, value in values.items()}}


def cats(count: int, *, color: str = "black", size: str = "large") -> list[JsonObject]:
    return [device(f"{size}-{color}-cat-{n}", color=color, size=size, cat=f"cat-{n}") for n in range(count)]


def blues(count: int) -> list[JsonObject]:
    return [device(f"big-blue-{n}", color="blue", size="big") for n in range(count)]


def slice_of(
    node_name: str, devices: Sequence[JsonObject], *, pool: str = "", generation: int = 1
) -> JsonObject:
    """The one ResourceSlice of a node's pool."""
    pool = pool or node_name
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{pool}-{generation}"},
        "spec": {
            "driver": DRIVER,
            "nodeName": node_name,
            "pool": {"name": pool, "generation": generation, "resourceSliceCount": 1},
            "devices": list(devices),
        },
    }


def claim(name: str, *, device_class: str, count: int = 1) -> JsonObject:
    request = {"name": "device", "exactly": {"deviceClassName": device_class, "count": count}}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name},
        "spec": {"devices": {"requests": [request]}},
    }


def device_class(name: str, expression: str = f'device.driver == "{DRIVER}"') -> JsonObject:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"selectors": [{"cel": {"expression": expression}}]},
    }


def pod(name: str, scheduler: str, *, claims: Mapping[str, str] | None = None) -> JsonObject:
    """A Pod of one container that uses every one of `claims` (name in the Pod -> ResourceClaim)."""
    claims = claims or {}
    container = {
        "name": "main",
        "image": "registry.invalid/none",
        "resources": {"claims": [{"name": entry} for entry in claims]},
    }
    entries = [{"name": entry, "resourceClaimName": target} for entry, target in claims.items()]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "schedulerName": scheduler,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "resourceClaims": entries,
        },
    }


def allocation(node_name: str, device_name: str, *, pool: str = "") -> JsonObject:
    """An AllocationResult of one device of that node's pool, as a scheduler writes it."""
    result = {"request": "device", "driver": DRIVER, "pool": pool or node_name, "device": device_name}
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node_name]}]}
    return {"devices": {"results": [result]}, "nodeSelector": {"nodeSelectorTerms": [term]}}


def finished(pod_object: JsonObject) -> bool:
    return pod_object["status"].get("phase") in ("Succeeded", "Failed")
