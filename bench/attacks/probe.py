"""What others notice of an attack: a filter of another Pod, liveness, memory.

It is a process of its own: in the attacker's, it would wait while the attacker reads its responses, and count
what the service does meanwhile.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Any

import httpx
import orjson

from bench.attacks.served import Served, Watched, client_of
from bench.scenes import pod

CLAIMS = 20
_MAX_BYTES = 64 * 1024 * 1024
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
        """Of the filters, in seconds: close to the longest, of which there are 25 in a short attack."""
        if len(self.filter_cpu) == 1:
            return self.filter_cpu[0]
        # By default, quantiles would go on beyond the longest, for what has not been measured.
        return quantiles(self.filter_cpu, n=100, method="inclusive")[98]


@asynccontextmanager
async def probing(service: Served, least: int) -> AsyncIterator[Noticed]:
    """Probes meanwhile, and at least some times. What was noticed is there afterwards."""
    watched = service.watched
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.attacks.probe"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_MAX_BYTES,
    )
    assert process.stdin is not None  # noqa: S101 - as given
    assert process.stdout is not None  # noqa: S101 - as given
    noticed = Noticed()
    try:
        process.stdin.write(orjson.dumps(asdict(watched) | {"least": least}) + b"\n")
        await process.stdout.readline()  # it has begun
        yield noticed
        process.stdin.write(b"\n")
        for name, value in orjson.loads(await process.stdout.readline()).items():
            setattr(noticed, name, value)
    finally:
        process.stdin.close()
        await process.wait()


async def probe(watched: Watched, ended: asyncio.Event, least: int) -> Noticed:
    """Filters, asks and looks until the attack has ended, and at least some times."""
    noticed, turn = Noticed(), 0
    async with client_of(watched.api) as api, client_of(watched.probes) as probes:
        await _filter(api, watched, -1, Noticed())  # connects, and imports what it needs
        print("begun", flush=True)
        while turn < least or not ended.is_set():
            await _filter(api, watched, turn, noticed)
            await _livez((api, probes), noticed)
            noticed.megabytes = max(noticed.megabytes, watched.megabytes())
            await asyncio.sleep(_PAUSE_SECONDS)
            turn += 1
    return noticed


async def _filter(api: httpx.AsyncClient, watched: Watched, turn: int, noticed: Noticed) -> None:
    number = turn % CLAIMS
    names = [watched.nodes[(turn * 7 + index) % len(watched.nodes)] for index in range(_NODES)]
    body = orjson.dumps({"Pod": pod(f"probe-{number}", f"probe-{number}"), "NodeNames": names})
    cpu, began = watched.cpu_seconds(), time.perf_counter()
    try:
        response = await api.post("/scheduler/filter", content=body, headers=_JSON, timeout=_TIMEOUT_SECONDS)
        answer: Any = response.json()
        error = answer.get("Error") or ("" if answer.get("NodeNames") else f"no node: {answer}"[:200])
    except httpx.TimeoutException:
        error = "timeout"
    if error:
        noticed.failed.append(error)
    noticed.filter_cpu.append(watched.cpu_seconds() - cpu)
    noticed.filter_seconds.append(time.perf_counter() - began)


async def _livez(clients: tuple[httpx.AsyncClient, ...], noticed: Noticed) -> None:
    for client in clients:
        began = time.perf_counter()
        (await client.get("/livez")).raise_for_status()
        noticed.livez.append(time.perf_counter() - began)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    given = orjson.loads(await loop.run_in_executor(None, sys.stdin.readline))
    least = given.pop("least")
    ended = asyncio.Event()

    async def until_told() -> None:
        await loop.run_in_executor(None, sys.stdin.readline)  # also ends with the attacker
        ended.set()

    listening = asyncio.create_task(until_told())
    noticed = await probe(Watched(**given), ended, least)
    await listening
    print(orjson.dumps(asdict(noticed)).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
