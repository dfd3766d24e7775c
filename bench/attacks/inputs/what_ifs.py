"""Dry runs."""

import asyncio
from typing import Any

import orjson

from bench.attacks.inputs.objects import claim, device_class, job, pod, slice_of, template
from bench.attacks.inputs.registry import registry
from bench.attacks.inputs.requests import JSON, posted
from bench.attacks.served import Served
from bench.scenes import DRIVER

ATTACKS, attack = registry()


def _large(number: int) -> list[str]:
    return [
        " || ".join(f"device.driver == 'x{index}-{item}'" for item in range(340)) + " || true"
        for index in range(number)
    ]


def _what_ifs() -> None:
    taint = {"driver": DRIVER, "key": "k", "effect": "NoSchedule"}
    devices = [{"name": f"d{index}"} for index in range(10_000)]
    big = slice_of("big", DRIVER, devices, {"nodeName": "node-00000"})
    changes: dict[str, dict[str, Any]] = {
        "addNodes 10 x 10,000": {"addNodes": [{"like": "node-00000", "count": 10_000}] * 10},
        "addNodes 1 x 2,000": {"addNodes": [{"like": "node-00000", "count": 2_000}]},
        "1,000 taints": {
            "taints": [taint | {"key": f"k{index}", "device": f"gpu-{index % 8}"} for index in range(1_000)]
        },
        "a slice of 10,000 devices": {"objects": [big]},
        "32 selectors of 10 kB in a class": {"objects": [device_class("big", _large(32))]},
        "150 selectors of 10 kB in a class": {"objects": [device_class("big", _large(150))]},
        "600 claims with a selector each": {
            "objects": [claim(f"own-{index}", [f"device.driver == 'x{index}'"]) for index in range(600)],
            "pods": [pod(f"own-{index}", f"own-{index}") for index in range(600)],
        },
        "60 claims with 10 kB of selector each": {
            "objects": [claim(f"own-{index}", [text]) for index, text in enumerate(_large(60))],
            "pods": [pod(f"own-{index}", f"own-{index}") for index in range(60)],
        },
        "removal of each node": {
            "remove": [{"kind": "Node", "name": f"node-{index:05}"} for index in range(200)]
        },
        "10,000 Pods with a claim each": {
            "objects": [template("many", ["device.driver != ''"])],
            "workloads": [job("many", 10_000)],
        },
    }
    for label, change in changes.items():
        _what_if(label, change)


def _what_if(label: str, change: dict[str, Any]) -> None:
    body = change if "pods" in change or "workloads" in change else {"pods": [pod("p")]} | change

    @attack(f"placements, {label}")
    async def _(service: Served) -> str:
        return await posted(service, "/api/v1/placements", body)


_what_ifs()


@attack("capacity for an extended resource")
async def _capacity(service: Served) -> str:
    requests = {"deviceclass.resource.kubernetes.io/gpu": "1"}
    container = {"name": "c", "image": "i", "resources": {"requests": requests, "limits": requests}}
    body = {"pod": pod("ext", containers=[container]), "limit": 40_000}
    response = await service.api.post(
        "/api/v1/capacity", content=orjson.dumps(body), headers={"Content-Type": JSON}
    )
    answer = response.json()
    seconds = response.elapsed.total_seconds()
    return f"{response.status_code}, fits {answer.get('fits')}, {seconds:.0f} s"


@attack("30 dry runs at once")
async def _dry_runs(service: Served) -> str:
    body = {"objects": [template("many", ["device.driver != ''"])], "workloads": [job("many", 2_000)]}
    found = await asyncio.gather(*(posted(service, "/api/v1/placements", body) for _ in range(30)))
    statuses = [item[:3] for item in found]
    return ", ".join(f"{statuses.count(status)} x {status}" for status in sorted(set(statuses)))
