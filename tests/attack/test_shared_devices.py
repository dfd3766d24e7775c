"""Devices that hundreds of nodes share, with selectors of their own, take short turns of the loop."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.api.conftest import Asked, run
from tests.attack.loop_meter import LoopMeter
from tests.objects import DRIVER, device, device_class, node, slice_of

NODES, SLICES, EACH = 500, 16, 64
MAX_CALLS = 25_000
"""In one turn of 2 ms, with coverage: 25 for each of 1,024 devices."""
PATHS = [
    f"/api/v1/devices/{DRIVER}/shared/d15-63",
    f"/api/v1/devices/{DRIVER}/own/d63",
    "/api/v1/pools",
    "/api/v1/pools?node=none",
    "/api/v1/devices?limit=5000",
    "/api/v1/devices?node=none",
    "/api/v1/usage?by=node",
    "/api/v1/usage?by=label:name",
    "/api/v1/fleet?limit=1",
]


def _selected(key: str, operator: str, *values: str) -> dict[str, Any]:
    expression = {"key": key, "operator": operator, "values": list(values)}
    return {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}


def _slice(pool: str, number: int, of: int, devices: list[dict[str, Any]]) -> dict[str, Any]:
    raw = slice_of(pool, *devices, count=of, suffix=str(number))
    del raw["spec"]["nodeName"]
    raw["spec"]["pool"]["name"] = pool
    return raw


def inventory(path: Path) -> Path:
    objects: list[Any] = [device_class()]
    for number in range(NODES):
        raw = node(f"n{number:03}")
        raw["metadata"]["labels"] = {"name": f"n{number:03}"}
        objects.append(raw)
    for number in range(SLICES):
        raw = _slice("shared", number, SLICES, [device(f"d{number}-{index}") for index in range(EACH)])
        raw["spec"]["nodeSelector"] = _selected("name", "NotIn", "none")
        objects.append(raw)
    own = [device(f"d{index}") for index in range(EACH)]
    for index, item in enumerate(own):
        item["nodeSelector"] = _selected("name", "NotIn", f"n{index:03}")
    raw = _slice("own", 0, 1, own)
    raw["spec"]["perDeviceNodeSelection"] = True
    objects.append(raw)
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inventory(tmp_path_factory.mktemp("shared") / "inventory.json")


def test_devices_that_many_nodes_share_take_short_turns(served: Path) -> None:
    beyond: list[tuple[int, str, str]] = []

    async def scene(service: Asked) -> None:
        for path in PATHS:
            await service.client.get(path)  # what a path needs is made once
            meter = LoopMeter()
            with meter.measuring():
                answer = await asyncio.create_task(service.client.get(path))
            assert answer.status_code == 200, (path, answer.text[:300])
            if meter.most_calls >= MAX_CALLS:
                beyond.append((meter.most_calls, path, meter.where))

    run(served, scene)
    assert not beyond, "\n".join(map(str, beyond))


def test_a_list_names_ten_nodes_of_a_device_and_counts_the_others(served: Path) -> None:
    async def scene(service: Asked) -> None:
        listed = (await service.client.get("/api/v1/devices?name=shared/d0-0")).json()["items"]
        assert [(len(item["nodes"]), item["nodesOmitted"]) for item in listed] == [(10, NODES - 10)]
        one = (await service.client.get(f"/api/v1/devices/{DRIVER}/own/d7")).json()
        assert len(one["nodes"]) == NODES - 1
        pools = (await service.client.get("/api/v1/pools")).json()["items"]
        first = [f"n{number:03}" for number in range(10)]
        assert [(item["nodes"], item["nodesOmitted"]) for item in pools] == [(first, NODES - 10)] * 2

    run(served, scene)
