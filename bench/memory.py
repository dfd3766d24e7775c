"""How much memory a service takes, and how long it takes to be ready, by the number of devices."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

from bench.http_filter import service
from bench.run import Part, Row, Run
from bench.scenes import DEVICES, SCENES, Scene, pod

_LARGEST = 12_500
"""Nodes; with 8 devices each, 100,000 devices."""
_BY_NAME = {scene.name: scene for scene in SCENES}


async def measure(scene: Scene, nodes: int) -> Row:
    """Resident memory when ready, and after a filter of all nodes."""
    names = [f"node-{number:05}" for number in range(nodes)]
    async with service(scene.objects(nodes)) as serving:
        (await serving.client.get("/readyz")).raise_for_status()
        ready, cpu = resident_megabytes(serving.pid), cpu_seconds(serving.pid)
        body = orjson.dumps({"Pod": pod("p", "wanted"), "NodeNames": names})
        headers = {"Content-Type": "application/json"}
        (await serving.client.post("/scheduler/filter", content=body, headers=headers)).raise_for_status()
        return {
            "scene": scene.name,
            "nodes": nodes,
            "devices": nodes * DEVICES,
            "start_s": round(serving.start_seconds, 1),
            "start_cpu_s": round(cpu, 1),
            "ready_mb": ready,
            "asked_mb": resident_megabytes(serving.pid),
        }


def cpu_seconds(pid: int) -> float:
    """What the process has computed so far: unlike the time on the clock, no matter of who else is busy."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> int:
    """Of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) // 1024


def _rows(run: Run) -> Iterator[Row]:
    for nodes in (*run.sizes, _LARGEST):
        for name in ("one", "unique"):
            yield asyncio.run(measure(_BY_NAME[name], nodes))


PART = Part(
    "memory",
    "serve --snapshot: seconds from the start of the process to ready, resident MB ready and after a filter",
    ("scene", "nodes", "devices", "start_s", "start_cpu_s", "ready_mb", "asked_mb"),
    _rows,
)
