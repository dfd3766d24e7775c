"""Inventories and claims to measure on, the same for every allocator."""

from collections.abc import Callable
from typing import Any

from app.core.json_object import JsonObject

DRIVER = "gpu.example.com"
DEVICES = 8
ATTRIBUTES = f'device.attributes["{DRIVER}"]'
_USUAL = f'{ATTRIBUTES}.model == "a100" && device.capacity["{DRIVER}"].memory.isGreaterThan(quantity("10Gi"))'


def _device(_node: int, number: int) -> JsonObject:
    return {
        "name": f"gpu-{number}",
        "attributes": {
            "model": {"string": "a100"},
            "index": {"int": number},
            "numa": {"int": number // (DEVICES // 2)},
            "healthy": {"bool": True},
            "driverVersion": {"version": "550.54.15"},
        },
        "capacity": {"memory": {"value": "40Gi"}, "cores": {"value": "108"}},
    }


def _unique(node: int, number: int) -> JsonObject:
    raw = _device(node, number)
    raw["attributes"]["uuid"] = {"string": f"GPU-{node:06}-{number}"}
    return raw


def _partition(node: int, number: int) -> JsonObject:
    draw = {"counterSet": "memory", "counters": {"slices": {"value": str(1 + number % 4)}}}
    return _device(node, number) | {"consumesCounters": [draw]}


def _shareable(node: int, number: int) -> JsonObject:
    return _device(node, number) | {"allowMultipleAllocations": True}


def _request(name: str, count: int = 1, expression: str = _USUAL, **more: Any) -> JsonObject:
    exactly = {
        "deviceClassName": "gpu",
        "allocationMode": "ExactCount",
        "count": count,
        "selectors": [{"cel": {"expression": expression}}],
    }
    return {"name": name, "exactly": exactly | more}


class Scene:
    """A name, what a node's devices are like, which are taken, and what a Pod requests."""

    def __init__(
        self,
        name: str,
        devices: JsonObject,
        make: Callable[[int, int], JsonObject] = _device,
        *,
        taken: int = 0,
        counters: int = 0,
    ) -> None:
        self.name = name
        self.devices = devices
        self._make = make
        self._taken = taken
        self._counters = counters

    def objects(self, nodes: int) -> list[JsonObject]:
        """The inventory of this number of nodes, and the claim ``wanted``."""
        found: list[JsonObject] = [
            {
                "apiVersion": "resource.k8s.io/v1",
                "kind": "DeviceClass",
                "metadata": {"name": "gpu"},
                "spec": {"selectors": [{"cel": {"expression": f'device.driver == "{DRIVER}"'}}]},
            }
        ]
        for node in range(nodes):
            found += self.node(node)
        return [*found, self.claim("wanted")]

    def node(self, node: int, generation: int = 1) -> list[JsonObject]:
        """A node, its slices, and what is taken of them."""
        name = f"node-{node:05}"
        metadata = {"name": name, "labels": {"kubernetes.io/hostname": name}}
        bodies: list[JsonObject] = [{"devices": [self._make(node, number) for number in range(DEVICES)]}]
        if self._counters:
            slices = {"slices": {"value": str(self._counters)}}
            bodies.append({"sharedCounters": [{"name": "memory", "counters": slices}]})
        pool = {"name": name, "generation": generation, "resourceSliceCount": len(bodies)}
        found: list[JsonObject] = [{"apiVersion": "v1", "kind": "Node", "metadata": metadata}]
        for part, body in enumerate(bodies):
            spec = {"driver": DRIVER, "nodeName": name, "pool": pool, **body}
            found.append(
                {
                    "apiVersion": "resource.k8s.io/v1",
                    "kind": "ResourceSlice",
                    "metadata": {"name": f"{name}-{part}"},
                    "spec": spec,
                }
            )
        if self._taken:
            found.append(self.claim(f"held-{node:05}", self._held(name)))
        return found

    def _held(self, node: str) -> JsonObject:
        results = [
            {"request": "r", "driver": DRIVER, "pool": node, "device": f"gpu-{number}"}
            for number in range(self._taken)
        ]
        return {"allocation": {"devices": {"results": results}}}

    def claim(self, name: str, status: JsonObject | None = None) -> JsonObject:
        """A claim of this scene."""
        return {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
            "spec": {"devices": self.devices},
            "status": status or {},
        }


def pod(name: str, claim: str) -> JsonObject:
    """A Pod that uses a claim."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}"},
        "spec": {
            "containers": [{"name": "c", "image": "i"}],
            "resourceClaims": [{"name": "devices", "resourceClaimName": claim}],
        },
    }


_NUMA = [{"matchAttribute": f"{DRIVER}/numa"}]
SCENES = (
    Scene("one", {"requests": [_request("r")]}),
    Scene("misfit", {"requests": [_request("r", expression=f'{ATTRIBUTES}.model == "h100"')]}),
    Scene("half", {"requests": [_request("r")]}, taken=4),
    Scene("match-4", {"requests": [_request("r", 4)], "constraints": _NUMA}),
    Scene("unique", {"requests": [_request("r")]}, _unique),
    Scene(
        "backtracking",
        {"requests": [_request(name, 3) for name in ("a", "b", "c")], "constraints": _NUMA},
    ),
    Scene("partitioned", {"requests": [_request("r", 2)]}, _partition, counters=7),
    Scene("consumable", {"requests": [_request("r", capacity={"requests": {"memory": "10Gi"}})]}, _shareable),
)
