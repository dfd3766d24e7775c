"""A dry run of many replicas over HTTP, and what webhooks wait meanwhile."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson

from bench.http_filter import service
from bench.run import Part, Row, Run
from bench.scenes import SCENES, Scene, pod

_REPLICAS = 1000
_JSON = {"Content-Type": "application/json"}


async def measure(scene: Scene, nodes: int, replicas: int = _REPLICAS) -> Row:
    """Seconds of the dry run, and the slowest of the plain filters sent while it ran."""
    template = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "template", "namespace": "default"},
        "spec": {"spec": {"devices": scene.devices}},
    }
    asking = pod("trial", "unused")
    asking["spec"]["resourceClaims"] = [{"name": "devices", "resourceClaimTemplateName": "template"}]
    body = orjson.dumps({"workloads": [asking], "objects": [template], "replicas": replicas})
    async with service(scene.objects(nodes)) as serving:
        waits: list[float] = []
        webhooks = asyncio.create_task(_webhooks(serving.client, waits))
        start = time.perf_counter()
        answer = await serving.client.post("/api/v1/placements", content=body, headers=_JSON)
        seconds = time.perf_counter() - start
        webhooks.cancel()
        placed = answer.raise_for_status().json()["placed"]
    return {
        "scene": scene.name,
        "nodes": nodes,
        "replicas": replicas,
        "placed": placed,
        "seconds": round(seconds, 2),
        "answer_mb": round(len(answer.content) / 1e6, 1),
        "webhook_worst_ms": round(max(waits, default=0.0), 1),
    }


async def _webhooks(client: httpx.AsyncClient, waits: list[float]) -> None:
    """Plain filters, one after the other, a little apart."""
    plain: dict[str, Any] = {"Pod": {"metadata": {"name": "plain"}, "spec": {}}, "NodeNames": ["node-00000"]}
    body = orjson.dumps(plain)
    while True:
        start = time.perf_counter()
        await client.post("/scheduler/filter", content=body, headers=_JSON)
        waits.append((time.perf_counter() - start) * 1e3)
        await asyncio.sleep(0.02)


def _rows(run: Run) -> Iterator[Row]:
    for nodes in run.sizes:
        for scene in SCENES:
            if scene.name in ("one", "misfit", "unique"):
                yield asyncio.run(measure(scene, nodes))


PART = Part(
    "dry-run",
    f"{_REPLICAS} replicas over HTTP, with plain filters sent meanwhile",
    ("scene", "nodes", "replicas", "placed", "seconds", "answer_mb", "webhook_worst_ms"),
    _rows,
)
