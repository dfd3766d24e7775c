"""Questions about a cluster in which a thousand Pods run, and a thousand budgets protect them."""

from typing import Any

from bench.attacks.inputs.objects import TENANT, claim, pod
from bench.attacks.inputs.registry import registry
from bench.attacks.inputs.requests import filtered, posted, write
from bench.attacks.served import Served
from bench.scenes import DEVICES, DRIVER

ATTACKS, attack = registry()

_BUDGETS = f"/apis/policy/v1/namespaces/{TENANT}/poddisruptionbudgets"
_PODS = f"/api/v1/namespaces/{TENANT}/pods"
_RUNNING = 1_000


@attack("preempt and dry run with preemption, 1,000 Pods and 1,000 PodDisruptionBudgets")
async def _budgets(service: Served) -> str:
    wanted = await _filled(service)
    for index in range(1_000):
        await service.create(_BUDGETS, _budget(f"b{index}"))
    victims = {
        name: {"Pods": [{"UID": f"uid-running-{index}"}] * 50}
        for index, name in enumerate(service.nodes[:200])
    }
    found = [
        await posted(service, "/scheduler/preempt", {"Pod": wanted, "NodeNameToMetaVictims": victims}),
        await posted(service, "/api/v1/placements", {"pods": [wanted], "preemption": True}),
    ]
    return "; ".join(found)


@attack("repack, 1,000 Pods and 1,000 PodDisruptionBudgets")
async def _repack(service: Served) -> str:
    wanted = await _filled(service)
    moves = [
        {"namespace": TENANT, "name": f"running-{index}", "to": service.nodes[-1 - index % 100]}
        for index in range(_RUNNING)
    ]
    found = [
        await posted(service, "/api/v1/repack", {"pods": [wanted]}),
        await posted(service, "/api/v1/repack", {"fragmentationBelow": 0.001, "maxMoves": 1_000}),
        await posted(service, "/api/v1/repack", {"moves": moves}),
        await posted(service, "/api/v1/placements", {"drain": service.nodes[:100], "pods": []}),
    ]
    return "; ".join(found)


@attack("filter of a Pod of a group of 10,000 Pods")
async def _large_group(service: Served) -> str:
    await write(service, claim("of-group", ["device.driver == 'none'"]))
    group = {"schedulingGroup": {"podGroupName": "many"}}
    for index in range(10_000):
        await service.create(_PODS, pod(f"of-group-{index:05}", "of-group", **group))
    return await filtered(service, pod("of-group-00000", "of-group", **group))


async def _filled(service: Served) -> Any:
    """Runs Pods with a device each; returns a Pod that needs a whole node."""
    for index in range(_RUNNING):
        body = claim(f"running-{index}", []) | {"status": _allocated(service, index)}
        await service.create(f"/apis/resource.k8s.io/v1/namespaces/{TENANT}/resourceclaims", body)
        node = {"nodeName": service.nodes[index % len(service.nodes)]}
        raw = pod(f"running-{index}", f"running-{index}", **node) | {"status": {"phase": "Running"}}
        await service.create(_PODS, raw)
    whole = claim("whole", [])
    whole["spec"]["devices"]["requests"][0]["exactly"]["count"] = DEVICES
    await write(service, whole)
    return pod("whole", "whole")


def _allocated(service: Served, index: int) -> Any:
    nodes = len(service.nodes)
    device = {
        "driver": DRIVER,
        "pool": service.nodes[index % nodes],
        "device": f"gpu-{index // nodes % DEVICES}",
    }
    consumer = {"resource": "pods", "name": f"running-{index}", "uid": f"uid-running-{index}"}
    return {
        "allocation": {"devices": {"results": [{"request": "r", **device}]}},
        "reservedFor": [consumer],
    }


def _budget(name: str) -> Any:
    selector = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["x"]}]}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": TENANT},
        "spec": {"selector": selector},
        "status": {"disruptionsAllowed": 1},
    }
