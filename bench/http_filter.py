"""Filter over HTTP, state moving between calls, against Kubernetes' own allocator alone."""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import orjson

from bench import allocation
from bench.run import Part, Row, Run
from bench.scenes import SCENES, Scene, pod

_START_SECONDS = 600.0
_JSON = {"Content-Type": "application/json"}
_LOOKS, _LOOK_SECONDS, _IDLE_TICKS = 40, 0.25, 2
_QUIET_LOOKS = 6
"""One after another: a second after its start, the service counts its devices for the overview."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A service that listens. ``start_seconds``: from the start of its process, imports included."""

    client: httpx.AsyncClient
    pid: int
    start_seconds: float


@asynccontextmanager
async def service(objects: list[dict[str, Any]]) -> AsyncIterator[Serving]:
    """A service in a separate process, on a free loopback port; it ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory.json"
        inventory.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from app.cli import main; main()",
            *("serve", "--snapshot", str(inventory), "--port", "0"),
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        try:
            port = await asyncio.wait_for(_port(process), _START_SECONDS)
            seconds = time.perf_counter() - started
            drained = asyncio.create_task(_drain(process))
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                await client.get("/livez")  # the first request of this process imports half of httpx
                yield Serving(client, process.pid, seconds)
            drained.cancel()
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None  # noqa: S101 - asked for above
    lines = []
    async for line in process.stderr:
        lines.append(line.decode())
        found = re.search(r'"port": (\d+)', lines[-1])
        if found:
            return int(found.group(1))
    raise RuntimeError("the service did not start:\n" + "".join(lines))


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None  # noqa: S101 - as above
    async for _ in process.stderr:
        pass


async def measure(scene: Scene, nodes: int, rounds: int) -> dict[str, Any]:
    """Median and 99th percentile of a filter with all node names, in milliseconds, client included.

    ``pod_ms`` is the median of a filter and the bind after it, where both are: bind does not search for
    what filter has reserved.

    Before each filter a Pod is bound where there is room for one, so that the state has changed. The first
    filter is sent when the service has prepared its nodes, which it does in the background after its start.
    """
    objects = scene.objects(nodes) + [scene.claim(f"claim-{number}") for number in range(rounds)]
    names = [f"node-{number:05}" for number in range(nodes)]
    filters, pods, plain, answered = [], [], [], b""
    async with service(objects) as serving:
        client = serving.client
        await idle(serving.pid)
        plain_body = json.dumps({"Pod": {"metadata": {"name": "plain"}, "spec": {}}, "NodeNames": names})
        for number in range(rounds):
            asking = pod(f"pod-{number}", f"claim-{number}")
            body = orjson.dumps({"Pod": asking, "NodeNames": names})
            start = time.perf_counter()
            answer = await client.post("/scheduler/filter", content=body, headers=_JSON)
            filters.append((time.perf_counter() - start) * 1e3)
            answered = answer.raise_for_status().content
            if await bind(client, asking, answered):
                pods.append((time.perf_counter() - start) * 1e3)
            start = time.perf_counter()
            await client.post("/scheduler/filter", content=plain_body, headers=_JSON)
            plain.append((time.perf_counter() - start) * 1e3)
    # The first of a kind is the cold one.
    later = filters[1:]
    bound = {"pod_ms": round(median(pods[1:]), 2)} if len(pods) > 1 else {}
    return bound | {
        "scene": scene.name,
        "nodes": nodes,
        "first_ms": round(filters[0], 2),
        "filter_ms": round(median(later), 2),
        "filter_p99_ms": round(quantiles(later, n=100)[98], 2),
        "plain_ms": round(median(plain), 2),
        "answer_bytes": len(answered),
    }


async def idle(pid: int) -> None:
    """Returns when the process has used little CPU time for over a second, or after a while."""
    quiet = 0
    for _ in range(_LOOKS):
        before = _ticks(pid)
        await asyncio.sleep(_LOOK_SECONDS)
        quiet = quiet + 1 if _ticks(pid) - before <= _IDLE_TICKS else 0
        if quiet == _QUIET_LOOKS:
            return


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def bind(client: httpx.AsyncClient, asking: dict[str, Any], answered: bytes) -> bool:
    """Binds the Pod to the first node of a filter's answer, and returns whether there is one."""
    fitting = orjson.loads(answered)["NodeNames"]
    if not fitting:
        return False
    metadata = asking["metadata"]
    binding = {
        "PodName": metadata["name"],
        "PodNamespace": metadata["namespace"],
        "PodUID": metadata["uid"],
        "Node": fitting[0],
    }
    answer = await client.post("/scheduler/bind", json=binding)
    error = answer.raise_for_status().json()["Error"]
    if error:
        raise RuntimeError(f"bind: {error}")
    return True


def _rows(run: Run) -> Iterator[Row]:
    with run.in_tree() as in_tree:
        for nodes in run.sizes:
            for scene in SCENES:
                row = asyncio.run(measure(scene, nodes, max(40, run.rounds)))
                alone = allocation.measure(scene, nodes, 3, in_tree)["in_tree_ms"]
                yield row | {"in_tree_ms": alone, "ratio": round(alone / row["filter_ms"], 2)}


PART = Part(
    "http",
    "filter over HTTP with all node names, a Pod bound between calls; ratio: in-tree alone over it",
    ("scene", "nodes", "first_ms", "filter_ms", "filter_p99_ms", "pod_ms", "plain_ms", "in_tree_ms", "ratio"),
    _rows,
)
