"""``make load``: starts the service on a generated inventory, and locust on the service; headless.

The exit code is locust's: 0 if nothing failed and the thresholds of locustfile.py held. With --web,
locust's page is served on loopback instead, for loads by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import httpx

from bench.http_filter import service
from bench.scenes import SCENES, Scene, pod

HERE = Path(__file__).parent
SCENE = "one"


def inventory(scene: Scene, nodes: int, claims: int) -> list[dict[str, object]]:
    """Nodes with eight free devices each, and claims for the schedulers to bind Pods with."""
    return scene.objects(nodes) + [scene.claim(f"load-{number:06}") for number in range(claims)]


async def run(given: argparse.Namespace) -> int:
    scene = next(item for item in SCENES if item.name == SCENE)
    claims = min(given.nodes * 8, 20_000)
    print(
        f"starting the service: {given.nodes} nodes, {given.nodes * 8} devices, {claims} claims", flush=True
    )
    async with service(inventory(scene, given.nodes, claims)) as client:
        print(f"locust: {given.users} users for {given.seconds} s against {client.base_url}", flush=True)
        await _warm_up(client, given.nodes)
        environment = os.environ | {
            "LOAD_NODES": str(given.nodes),
            "LOAD_CLAIMS": str(claims),
            "LOAD_P99_MS": str(given.p99_ms),
        }
        process = await asyncio.create_subprocess_exec(
            *_command(given, str(client.base_url)), env=environment, cwd=HERE.parent
        )
        return await process.wait()


async def _warm_up(client: httpx.AsyncClient, nodes: int) -> None:
    """The first Pod of its kind makes every node be searched; the load is about those after it."""
    names = [f"node-{number:05}" for number in range(nodes)]
    body = {"Pod": pod("first", "wanted"), "NodeNames": names}
    answer = await client.post("/scheduler/filter", json=body)
    answer.raise_for_status()


def _command(given: argparse.Namespace, url: str) -> list[str]:
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--host", url]
    if given.web:
        return [*command, "--web-host", "127.0.0.1"]
    users = ["-u", str(given.users), "-r", str(given.users), "-t", f"{given.seconds}s"]
    return [*command, "--headless", *users, "--only-summary"]


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="load", description=__doc__)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--users", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--p99-ms", type=float, default=100.0, help="threshold for filter")
    parser.add_argument("--web", action="store_true", help="locust's page instead of a headless run")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
