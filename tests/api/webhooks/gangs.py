"""Pods and gangs as kube-scheduler sends them, and a cluster of one device a node."""

from typing import Any

from app.core.json_object import JsonObject
from tests.api.conftest import Asked
from tests.objects import claim, device, device_class, node, owned, pod, slice_of

Json = dict[str, Any]

LABEL = "scheduling.x-k8s.io/pod-group"


def member(name: str, group: str, *claims: str, labelled: bool = False) -> Json:
    raw = pod(name, *claims)
    if labelled:
        raw["metadata"]["labels"] = {LABEL: group}
    else:
        raw["spec"]["schedulingGroup"] = {"podGroupName": group}
    return raw


def inventory_of(nodes: dict[str, int], *gangs: list[Json]) -> list[Json]:
    objects: list[Json] = [device_class()]
    for name, devices in nodes.items():
        objects += [node(name), slice_of(name, *(device(f"d{number}") for number in range(devices)))]
    for gang in gangs:
        for raw in gang:
            names = [entry["resourceClaimName"] for entry in raw["spec"]["resourceClaims"]]
            objects += [raw, *(claim(item) for item in names if claim(item) not in objects)]
    return objects


def gang_of(name: str, size: int, *, labelled: bool = False) -> list[Json]:
    return [
        member(f"{name}-{number}", name, f"{name}-c{number}", labelled=labelled) for number in range(size)
    ]


def args(raw: Json, nodes: list[str]) -> Json:
    return {"Pod": raw, "Nodes": None, "NodeNames": nodes}


NAMES = [f"n{number}" for number in range(4)]
OBJECTS = (
    *(node(name, zone=name) for name in NAMES),
    *(slice_of(name, device("d0")) for name in NAMES),
    device_class(),
    *(claim(f"c{number}") for number in range(6)),
)


def own(number: int) -> tuple[JsonObject, JsonObject]:
    """A Pod, and the claim that was made for it."""
    name = f"own{number}"
    return pod(name, f"{name}-claim"), owned(claim(f"{name}-claim"), "Pod", name, f"uid-{name}")


def bind(name: str, on: str) -> JsonObject:
    return {"PodName": name, "PodNamespace": "default", "PodUID": f"uid-{name}", "Node": on}


async def named(service: Asked, raw: Any, nodes: list[str]) -> list[str]:
    found: list[str] = (await service.post("/scheduler/filter", args(raw, nodes)))["NodeNames"]
    return found


class Deallocations:
    """In place of the deallocator: the names of the claims that it is given."""

    def __init__(self) -> None:
        self.claims: list[str] = []

    async def deallocate(self, item: Any) -> bool:
        self.claims.append(item.meta.name)
        return True
