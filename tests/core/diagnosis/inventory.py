"""Kubernetes objects in as few words as a table of situations needs."""

from typing import Any

from app.core.json_object import JsonObject
from tests.objects import DRIVER

API = "resource.k8s.io/v1"


def dev(name: str, *taints: str, memory: str | None = None, **attributes: str | int) -> JsonObject:
    """A device. Taints are written ``key=value:Effect``; memory is a capacity."""
    device: JsonObject = {
        "name": name,
        "attributes": {
            key: {"int" if isinstance(value, int) else "string": value} for key, value in attributes.items()
        },
    }
    if memory is not None:
        device["capacity"] = {"memory": {"value": memory}}
    if taints:
        device["taints"] = [_taint(text) for text in taints]
    return device


def _taint(text: str) -> JsonObject:
    pair, _, effect = text.partition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "value": value, "effect": effect}


def shareable(device: JsonObject) -> JsonObject:
    return {**device, "allowMultipleAllocations": True}


def drawing(device: JsonObject, **counters: str) -> JsonObject:
    """A device that draws from the counter set ``chip``."""
    amounts = {name: {"value": value} for name, value in counters.items()}
    return {**device, "consumesCounters": [{"counterSet": "chip", "counters": amounts}]}


def pool(node: str, *devices: JsonObject, driver: str = DRIVER, of: int = 1, **more: Any) -> JsonObject:
    """A slice of the pool named after its node; ``of`` is how many slices the pool has."""
    spec = {
        "driver": driver,
        "nodeName": node,
        "pool": {"name": node, "generation": 1, "resourceSliceCount": of},
        "devices": list(devices),
    }
    return _object("ResourceSlice", f"{node}-{driver}", spec=spec | more)


def counters(node: str, **amounts: str) -> JsonObject:
    """The slice that publishes the counter set ``chip`` of a node's pool."""
    listed = {name: {"value": value} for name, value in amounts.items()}
    raw = pool(node, of=2, sharedCounters=[{"name": "chip", "counters": listed}])
    del raw["spec"]["devices"]
    raw["metadata"]["name"] += "-counters"
    return raw


def node(
    name: str, *taints: str, cordoned: bool = False, cpu: str | None = None, **labels: str
) -> JsonObject:
    raw: JsonObject = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": [_taint(text) for text in taints], "unschedulable": cordoned},
    }
    if cpu is not None:
        raw["status"] = {"allocatable": {"cpu": cpu}}
    return raw


def cls(name: str = "gpu", expression: str | None = None, driver: str = DRIVER) -> JsonObject:
    text = expression or f'device.driver == "{driver}"'
    return _object("DeviceClass", name, spec={"selectors": [{"cel": {"expression": text}}]})


def req(
    name: str = "r", where: str | None = None, *, of: str = "gpu", count: int = 1, **more: Any
) -> JsonObject:
    exactly: JsonObject = {"deviceClassName": of, "allocationMode": "ExactCount", "count": count} | more
    if exactly["allocationMode"] == "All":
        del exactly["count"]
    if where is not None:
        exactly["selectors"] = [{"cel": {"expression": where}}]
    return {"name": name, "exactly": exactly}


def claim(
    name: str, *requests: JsonObject, holds: str = "", match: str = "", distinct: str = ""
) -> JsonObject:
    """A claim. ``holds`` are devices of DRIVER as ``node/device node/device``."""
    devices: JsonObject = {"requests": list(requests) or [req()]}
    constraints = [{"matchAttribute": match}] * bool(match) + [{"distinctAttribute": distinct}] * bool(
        distinct
    )
    if constraints:
        devices["constraints"] = constraints
    raw = _object("ResourceClaim", name, spec={"devices": devices})
    raw["metadata"] |= {"namespace": "default", "uid": f"uid-{name}"}
    if holds:
        raw["status"] = {"allocation": _allocation(holds), "reservedFor": [_consumer("somebody")]}
    return raw


def _allocation(holds: str) -> JsonObject:
    pairs = [text.split("/") for text in holds.split()]
    results = [{"request": "r", "driver": DRIVER, "pool": pool_, "device": name} for pool_, name in pairs]
    field = {"key": "metadata.name", "operator": "In", "values": [pairs[0][0]]}
    return {
        "devices": {"results": results},
        "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [field]}]},
    }


def _consumer(name: str) -> JsonObject:
    return {"resource": "pods", "name": name, "uid": f"uid-{name}"}


def shared_by(claim_: JsonObject, pods: int) -> JsonObject:
    claim_["status"]["reservedFor"] = [_consumer(f"p{index}") for index in range(pods)]
    return claim_


def template(name: str, *requests: JsonObject) -> JsonObject:
    raw = _object(
        "ResourceClaimTemplate", name, spec={"spec": {"devices": {"requests": list(requests) or [req()]}}}
    )
    raw["metadata"]["namespace"] = "default"
    return raw


def pod(*claims: str, templates: tuple[str, ...] = (), **spec: Any) -> JsonObject:
    entries = [{"name": name, "resourceClaimName": name} for name in claims]
    entries += [{"name": name, "resourceClaimTemplateName": name} for name in templates]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "default", "uid": "uid-p"},
        "spec": {"containers": [{"name": "c", "image": "i"}], "resourceClaims": entries} | spec,
    }


def cpu(amount: str) -> list[JsonObject]:
    """Containers that request so much."""
    return [{"name": "c", "image": "i", "resources": {"requests": {"cpu": amount}}}]


def affinity(key: str, value: str) -> JsonObject:
    term = {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}
    required = {"nodeSelectorTerms": [term]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def _object(kind: str, name: str, **fields: Any) -> JsonObject:
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}} | fields
