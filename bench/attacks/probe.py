"""What others notice of an attack: a filter of another Pod, liveness, the Lease, memory."""

import asyncio
import time
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import httpx
import orjson

from bench.attacks.served import Served
from bench.scenes import pod

CLAIMS = 20
_NODES = 100
_PAUSE_SECONDS = 0.02
_TIMEOUT_SECONDS = 5.0
"""kube-scheduler's for a filter."""
_JSON = {"Content-Type": "application/json"}


@dataclass(slots=True)
class Noticed:
    """CPU seconds of the service during each filter, seconds of each filter and each /livez.

    ``failed`` are the filters with an error or without a response in time; ``livez`` has the slower of the
    two ports.
    """

    filter_cpu: list[float] = field(default_factory=list)
    filter_seconds: list[float] = field(default_factory=list)
    livez: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    megabytes: int = 0

    def cpu_p99(self) -> float:
        """Of the filters, in seconds."""
        return quantiles(self.filter_cpu, n=100)[98] if len(self.filter_cpu) > 1 else self.filter_cpu[0]


async def probe(service: Served, ended: asyncio.Event, least: int) -> Noticed:
    """Filters, asks and looks until the attack has ended, and at least some times."""
    noticed, turn = Noticed(), 0
    while turn < least or not ended.is_set():
        await _filter(service, turn, noticed)
        await _livez(service, noticed)
        noticed.megabytes = max(noticed.megabytes, service.megabytes())
        await asyncio.sleep(_PAUSE_SECONDS)
        turn += 1
    return noticed


async def _filter(service: Served, turn: int, noticed: Noticed) -> None:
    number = turn % CLAIMS
    names = [service.nodes[(turn * 7 + index) % len(service.nodes)] for index in range(_NODES)]
    body = orjson.dumps({"Pod": pod(f"probe-{number}", f"probe-{number}"), "NodeNames": names})
    cpu, began = service.cpu_seconds(), time.perf_counter()
    try:
        response = await service.api.post(
            "/scheduler/filter", content=body, headers=_JSON, timeout=_TIMEOUT_SECONDS
        )
        answer: Any = response.json()
        error = answer.get("Error") or ("" if answer.get("NodeNames") else f"no node: {answer}"[:200])
    except httpx.TimeoutException:
        error = "timeout"
    if error:
        noticed.failed.append(error)
    noticed.filter_cpu.append(service.cpu_seconds() - cpu)
    noticed.filter_seconds.append(time.perf_counter() - began)


async def _livez(service: Served, noticed: Noticed) -> None:
    for client in (service.api, service.probes):
        began = time.perf_counter()
        (await client.get("/livez")).raise_for_status()
        noticed.livez.append(time.perf_counter() - began)
