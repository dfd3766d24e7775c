"""Numbers by driver, taint and attribute take short turns, also where each device has its own."""

import asyncio
from pathlib import Path
from typing import Any

import orjson

from tests.api.conftest import Asked, run
from tests.attack.loop_meter import LoopMeter
from tests.objects import claim, device, device_class, node, pod, slice_of

MAX_CALLS = 20_000


def inventory(path: Path, *objects: Any) -> Path:
    everything = [device_class(), claim("w"), pod("p", "w"), *objects]
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": everything}))
    return path


def of_many_drivers(number: int) -> list[Any]:
    objects: list[Any] = []
    for at in range(number):
        raw = slice_of(f"n{at}", device("d0"))
        raw["spec"]["driver"] = f"d{at:05}.example.com"
        objects += [node(f"n{at}"), raw]
    return objects


def with_many_taints(nodes: int) -> list[Any]:
    objects: list[Any] = []
    for at in range(nodes):
        devices = [device(f"d{number}", uuid=f"{at}-{number}") for number in range(64)]
        for number, item in enumerate(devices):
            item["taints"] = [
                {"key": f"k{key}", "value": f"{at}-{number}", "effect": "NoSchedule"} for key in range(16)
            ]
        objects += [node(f"n{at}"), slice_of(f"n{at}", *devices)]
    return objects


def are_short(path: Path, *queries: str) -> None:
    beyond: list[tuple[int, str, str]] = []

    async def scene(service: Asked) -> None:
        await service.client.get("/livez")
        for query in queries:
            meter = LoopMeter()
            with meter.measuring():
                answer = await asyncio.create_task(service.client.get(query))
            assert answer.status_code == 200, answer.text[:300]
            if meter.most_calls >= MAX_CALLS:
                beyond.append((meter.most_calls, query, meter.where))

    run(path, scene)
    assert not beyond, "\n".join(map(str, beyond))


def test_a_driver_for_each_node(tmp_path: Path) -> None:
    path = inventory(tmp_path / "inventory.json", *of_many_drivers(2000))
    are_short(path, "/api/v1/overview", "/metrics")


def test_taints_and_values_that_no_other_device_has(tmp_path: Path) -> None:
    path = inventory(tmp_path / "inventory.json", *with_many_taints(60))
    are_short(path, "/api/v1/overview", "/api/v1/overview?attribute=uuid", "/metrics")


def test_the_smaller_drivers_are_counted_and_not_listed(tmp_path: Path) -> None:
    more = slice_of("n107", device("d0"), device("d1"))
    more["spec"]["driver"] = "large.example.com"
    path = inventory(tmp_path / "inventory.json", *of_many_drivers(107), node("n107"), more)

    async def scene(service: Asked) -> None:
        seen = await service.get("/api/v1/overview")
        assert (len(seen["drivers"]), seen["driversOmitted"]) == (100, 8)
        assert (seen["drivers"][0]["name"], seen["total"]["devices"]) == ("large.example.com", 109)
        lines = (await service.client.get("/metrics")).text.splitlines()
        found = [
            line for line in lines if line.startswith("dra_extender_devices{") and 'state="free"' in line
        ]
        assert len(found) == 101
        assert 'dra_extender_devices{driver="other",state="free"} 8.0' in found
        assert 'dra_extender_largest_free_block{driver="other"} 1.0' in lines
        assert 'dra_extender_fragmentation_ratio{driver="other"} 0.0' in lines
        assert 'dra_extender_pools{driver="other",state="complete"} 8.0' in lines
        assert 'dra_extender_driver_gone{driver="other"} 0.0' in lines

    run(path, scene)
