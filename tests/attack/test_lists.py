"""Lists of a large inventory, with every parameter, take a short time in each turn of the loop."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson

from app.api.cursors import cursor_after
from tests.api.conftest import Asked, run
from tests.attack.loop_meter import LoopMeter
from tests.objects import DRIVER, claim, device, device_class, node, pod, slice_of

NODES = 400
MAX_CALLS = 20_000
"""In one turn: six for each of 3,200 devices."""


def after(name: str) -> str:
    """The cursor of a page that ended with this item."""
    return quote(str(cursor_after(name)))


AFTER_NODE = f"cursor={after('n100')}"
AFTER_CLAIM = f"cursor={after('default/c-100')}"
AFTER_POOL = f"cursor={after(f'{DRIVER}/n200')}"
_BOTH = f"node=n001&driver={DRIVER}"
QUERIES = {
    "nodes": [
        "",
        "limit=1",
        "limit=5000",
        "name=n001&name=n002",
        f"cursor={after('n100')}",
        "labelSelector=zone%3Da",
    ],
    "devices": [
        "limit=5000",
        "limit=1",
        "show=*&limit=5000",
        _BOTH,
        "state=free&limit=5000",
        "state=shared",
        "labelSelector=zone%3Da&limit=5000",
        "labelSelector=zone%3Dnone",
        "name=d7&limit=5000",
        "name=none",
        f"cursor={after(f'{DRIVER}/n200/d1')}&limit=5000",
    ],
    f"devices/{DRIVER}/n001/d1": [""],
    "claims": [
        "limit=5000",
        "namespace=team-a",
        "name=c-7",
        "labelSelector=a%3Db",
        f"cursor={after('default/c-100')}",
    ],
    "pods": ["limit=5000", "pending=true", "namespace=team-a", "name=p-7", "labelSelector=a%3Db"],
    "pools": [
        "limit=5000",
        "name=n001",
        _BOTH,
        "labelSelector=zone%3Dnone",
        f"cursor={after(f'{DRIVER}/n200')}",
    ],
    "classes": ["", "name=gpu.example.com"],
    "fleet": ["limit=5000", "node=n001", "label=zone&limit=5000", "attribute=uuid&limit=5000", "node=*"],
    "usage": [
        "",
        "by=driver&by=pool&by=node&by=namespace",
        "by=label:zone&by=attribute:uuid",
        "by=state",
        "heldIn=default",
        f"{_BOTH}&labelSelector=zone%3Da",
    ],
    "overview": ["", "namespace=default", "attribute=uuid", "label=zone&label=name", f"driver={DRIVER}"],
    "overview/history": [""],
    "decisions": ["limit=5000", "namespace=default", "name=p-7"],
    "changes": ["", "since=x.1"],
    "policies": [""],
    "matches": ["attribute=uuid=n001-1", f"selector=device.driver%20%3D%3D%20'{DRIVER}'"],
    "pods/default/p-7/explain": ["", "explain=full"],
}


def inventory(path: Path) -> Path:
    objects: list[Any] = [device_class()]
    for number in range(NODES):
        name = f"n{number:03}"
        raw = node(name)
        raw["metadata"]["labels"] = {"zone": "ab"[number % 2], "name": name}
        devices = [device(f"d{index}", uuid=f"{name}-{index}") for index in range(8)]
        held = claim(f"c-{number}")
        result = {"request": "r", "driver": DRIVER, "pool": name, "device": "d0"}
        held["status"] = {"allocation": {"devices": {"results": [result]}}}
        objects += [
            raw,
            slice_of(name, *devices),
            held,
            claim(f"w-{number}"),
            pod(f"p-{number}", f"w-{number}"),
        ]
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return path


def test_a_list_with_any_parameter_takes_short_turns(tmp_path: Path) -> None:
    beyond: list[tuple[int, str, str]] = []

    async def measured(service: Asked, path: str, headers: dict[str, str]) -> None:
        await service.client.get(path, headers=headers)  # what a path needs is made once
        meter = LoopMeter()
        with meter.measuring():
            # In a task, whose turns are measured, and not in the client's.
            answer = await asyncio.create_task(service.client.get(path, headers=headers))
        assert answer.status_code == 200, (path, answer.text[:300])
        if meter.most_calls >= MAX_CALLS:
            beyond.append((meter.most_calls, path, meter.where))

    async def scene(service: Asked) -> None:
        await service.post("/scheduler/filter", {"Pod": pod("p-7", "w-7"), "NodeNames": ["n001"]})
        for resource, queries in QUERIES.items():
            for query in queries:
                path = f"/api/v1/{resource}?{query}".rstrip("?")
                await measured(service, path, {})
        for resource in ("nodes", "devices", "claims", "pods", "pools"):
            await measured(service, f"/api/v1/{resource}", {"Accept": "application/x-ndjson"})
        await measured(service, "/metrics", {})

    run(inventory(tmp_path / "inventory.json"), scene)
    assert not beyond, "\n".join(map(str, beyond))
