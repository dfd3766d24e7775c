"""Inventories to simulate on, as manifests: nodes of whole GPUs, or of GPUs in partitions."""

from collections.abc import Iterator, Sequence

from app.core.json_object import JsonObject

DRIVER = "gpu.example.com"
NUMA = "resource.kubernetes.io/numaNode"
SIZES = (8, 4, 8, 2)
"""GPUs of one node after the other: fleets are seldom uniform, and the order favors no policy."""
PROFILES: dict[str, tuple[int, Sequence[int]]] = {
    "1g": (1, range(7)),
    "2g": (2, (0, 2, 4)),
    "3g": (4, (0, 4)),
    "7g": (8, (0,)),
}
"""Partitions as MIG has them on a GPU of eight memory slices: width, and the slices it may begin at."""
_SLICES = 8
_V1 = "resource.k8s.io/v1"


def whole_gpus(nodes: int) -> Iterator[JsonObject]:
    """Nodes of 8, 4 and 2 GPUs in turn, half of them on each of two NUMA nodes."""
    yield device_class()
    for number in range(nodes):
        name = f"node-{number:03}"
        yield _node(name)
        gpus = SIZES[number % len(SIZES)]
        yield _slice(name, name, {"devices": [
            {"name": f"gpu-{gpu}", "attributes": {NUMA: {"int": gpu * 2 // gpus}}} for gpu in range(gpus)
        ]}, 1)  # fmt: skip


def partitioned_gpus(nodes: int, gpus: int = 4) -> Iterator[JsonObject]:
    """Nodes of GPUs that can be used whole (7g) or in partitions at fixed places."""
    yield device_class()
    for number in range(nodes):
        name = f"node-{number:03}"
        yield _node(name)
        devices = [item for gpu in range(gpus) for item in _partitions(f"gpu-{gpu}")]
        yield _slice(name, name, {"devices": devices}, 2)
        sets = [
            {
                "name": f"gpu-{gpu}",
                "counters": {f"memory-slice-{at}": {"value": "1"} for at in range(_SLICES)},
            }
            for gpu in range(gpus)
        ]
        yield _slice(name, f"{name}-counters", {"sharedCounters": sets}, 2)


def device_class() -> JsonObject:
    """The class that the traces ask for."""
    expression = f'device.driver == "{DRIVER}"'
    return {
        "apiVersion": _V1,
        "kind": "DeviceClass",
        "metadata": {"name": DRIVER},
        "spec": {"selectors": [{"cel": {"expression": expression}}]},
    }


def whole(count: int, *, one_numa_node: bool = False) -> JsonObject:
    """A claim for ``count`` GPUs."""
    exactly = {"deviceClassName": DRIVER, "allocationMode": "ExactCount", "count": count}
    devices: JsonObject = {"requests": [{"name": "gpus", "exactly": exactly}]}
    if one_numa_node:
        devices["constraints"] = [{"requests": ["gpus"], "matchAttribute": NUMA}]
    return {"devices": devices}


def partition(profile: str) -> JsonObject:
    """A claim for one partition."""
    expression = f'device.attributes["{DRIVER}"].profile == "{profile}"'
    exactly = {"deviceClassName": DRIVER, "selectors": [{"cel": {"expression": expression}}]}
    return {"devices": {"requests": [{"name": "partition", "exactly": exactly}]}}


def _partitions(gpu: str) -> Iterator[JsonObject]:
    for profile, (width, starts) in PROFILES.items():
        for start in starts:
            counters = {f"memory-slice-{at}": {"value": "1"} for at in range(start, start + width)}
            yield {
                "name": f"{gpu}-{profile}-{start}",
                "attributes": {"profile": {"string": profile}},
                "consumesCounters": [{"counterSet": gpu, "counters": counters}],
            }


def _node(name: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}


def _slice(node: str, name: str, content: JsonObject, count: int) -> JsonObject:
    pool = {"name": node, "generation": 1, "resourceSliceCount": count}
    spec = {"driver": DRIVER, "nodeName": node, "pool": pool, **content}
    return {"apiVersion": _V1, "kind": "ResourceSlice", "metadata": {"name": name}, "spec": spec}
