"""A service with leader election on a cluster in memory, each in a separate process."""

import asyncio
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import yaml

from bench.attacks.metered import LongestTurn

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/dra-extender"
SLICES = "/apis/resource.k8s.io/v1/resourceslices"
_HOST = "127.0.0.1"
_START_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Watched:
    """The service, for a process that did not start it. ``api`` and ``probes`` are the URLs of its ports."""

    api: str
    probes: str
    nodes: list[str]
    pid: int

    def cpu_seconds(self) -> float:
        """What the service has computed so far, in all threads."""
        return time.clock_gettime((~self.pid << 3) | 2)  # a process's clock: see clock_getcpuclockid

    def megabytes(self) -> int:
        """Resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) // 1024


@dataclass(frozen=True, slots=True)
class Served:
    """``api`` asks the service, ``cluster`` the API server."""

    api: httpx.AsyncClient
    cluster: httpx.AsyncClient
    watched: Watched
    longest_turn: LongestTurn

    @property
    def nodes(self) -> list[str]:
        """All of the cluster."""
        return self.watched.nodes

    def cpu_seconds(self) -> float:
        """See ``Watched``."""
        return self.watched.cpu_seconds()

    async def lease(self) -> tuple[str, int]:
        """The holder, and how often the holder has changed."""
        spec = (await self.cluster.get(LEASE)).raise_for_status().json()["spec"]
        return spec["holderIdentity"], spec["leaseTransitions"]

    async def create(self, path: str, body: Any) -> None:
        """Creates an object, as somebody of the cluster would."""
        response = await self.cluster.post(path, content=orjson.dumps(body))
        if response.status_code != 409:
            response.raise_for_status()

    async def delete(self, path: str, *names: str) -> None:
        """Deletes objects, so that an attack does not go on beside the next ones."""
        for name in names:
            (await self.cluster.delete(f"{path}/{name}")).raise_for_status()


@asynccontextmanager
async def served(objects: list[Any], nodes: list[str], *options: str) -> AsyncIterator[Served]:
    """Ends both processes with the block."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "objects.json").write_bytes(orjson.dumps(objects))
        kubeconfig, turns = folder / "kubeconfig", folder / "turns"
        server, port, probes = _free_port(), _free_port(), _free_port()
        address = f"http://{_HOST}:{server}"
        kubeconfig.write_text(yaml.safe_dump(_config(address)))
        meter = LongestTurn(turns)
        inventory = (str(folder / "objects.json"), str(server))
        await stack.enter_async_context(_started("bench.attacks.apiserver", *inventory))
        cluster = await stack.enter_async_context(client_of(address))
        await _answering(cluster, "/api/v1/nodes?limit=1")
        arguments = (
            *("serve", "--kubeconfig", str(kubeconfig), "--port", str(port), "--probe-port", str(probes)),
            *("--leader-elect", "--leader-elect-namespace", "kube-system", "--log-format", "text"),
        )
        process = await stack.enter_async_context(
            _started("bench.attacks.metered", *arguments, *options, LONGEST_TURN=str(turns))
        )
        watched = Watched(f"http://{_HOST}:{port}", f"http://{_HOST}:{probes}", nodes, process.pid)
        api = await stack.enter_async_context(client_of(watched.api))
        await _answering(api, "/readyz")
        yield Served(api, cluster, watched, meter)


def client_of(url: str) -> httpx.AsyncClient:
    """Of a server on this machine."""
    return httpx.AsyncClient(base_url=url, trust_env=False, timeout=120)


@asynccontextmanager
async def _started(module: str, *arguments: str, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), **environ},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 30)
            except TimeoutError:
                process.kill()
        await process.wait()


async def _answering(client: httpx.AsyncClient, path: str) -> None:
    async with asyncio.timeout(_START_SECONDS):
        while True:
            with suppress(httpx.TransportError):  # it is starting
                if (await client.get(path)).status_code == 200:
                    return
            await asyncio.sleep(0.1)


def _config(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "attacked", "cluster": {"server": server}}],
        "users": [{"name": "attacked", "user": {}}],
        "contexts": [{"name": "attacked", "context": {"cluster": "attacked", "user": "attacked"}}],
        "current-context": "attacked",
    }


def _free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind((_HOST, 0))
        return int(chosen.getsockname()[1])
