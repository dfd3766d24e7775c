"""``make load``: a cluster in memory, the service on it, and locust on the service; headless.

The exit code is locust's: 0 if nothing failed and the thresholds of locustfile.py held. With --web,
locust's page is served on loopback instead, for loads by hand.
"""

import argparse
import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import yaml

HERE = Path(__file__).parent
_START_SECONDS = 120.0
_LOCUST_PORT = 8089


async def run(given: argparse.Namespace) -> int:
    pods = round(given.cycles * given.seconds * 1.1) + 50
    api, port = _free_port(), _free_port()
    cluster, service = f"http://127.0.0.1:{api}", f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        print(f"a cluster of {given.nodes} nodes, {given.nodes * 8} devices, {pods} Pods", flush=True)
        sizes = ("--nodes", given.nodes, "--pods", pods, "--port", api, "--churn", given.churn)
        await stack.enter_async_context(_started("-m", "loadtest.cluster", *sizes))
        await _answering(f"{cluster}/told")
        options = ("--kubeconfig", _kubeconfig(folder, cluster), "--port", port, "--log-format", "text")
        options += ("--candidates", given.candidates)
        starting = asyncio.get_running_loop().time()
        await stack.enter_async_context(
            _started("-c", "from app.cli import main; main()", "serve", *options, log=folder / "service.log")
        )
        await _answering(f"{service}/readyz")
        took = asyncio.get_running_loop().time() - starting
        print(f"the service was ready after {took:.1f} s", flush=True)
        environment = os.environ | {
            "LOAD_NODES": str(given.nodes),
            "LOAD_CLUSTER": cluster,
            "LOAD_CYCLES": str(given.cycles),
            "LOAD_ASKERS": str(given.askers),
            "LOAD_P99_MS": str(given.p99_ms),
        }
        locust = await asyncio.create_subprocess_exec(
            *_command(given, service), env=environment, cwd=HERE.parent
        )
        return await locust.wait()


@asynccontextmanager
async def _started(*arguments: object, log: Path | None = None) -> AsyncIterator[None]:
    """A Python program, ended with the block. What it logs is kept out of the way, unless it fails."""
    with log.open("wb") if log else open(os.devnull, "wb") as output:  # noqa: PTH123, ASYNC230 - /dev/null
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *map(str, arguments),
            stderr=output,
            cwd=HERE.parent,
            env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        )
        try:
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            elif log is not None:
                print(log.read_text()[-4000:], file=sys.stderr)  # noqa: ASYNC240 - everything has ended
            await process.wait()


async def _answering(url: str) -> None:
    async with asyncio.timeout(_START_SECONDS), httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while True:
            try:
                if (await client.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass  # it is starting
            await asyncio.sleep(0.1)


def _kubeconfig(folder: Path, server: str) -> Path:
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "load", "cluster": {"server": server}}],
        "users": [{"name": "load", "user": {}}],
        "contexts": [{"name": "load", "context": {"cluster": "load", "user": "load"}}],
        "current-context": "load",
    }
    path.write_text(yaml.safe_dump(config))
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(given: argparse.Namespace, url: str) -> list[str]:
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--host", url]
    if given.web:
        print(f"locust's page: http://127.0.0.1:{_LOCUST_PORT}", flush=True)
        return [*command, "--web-host", "127.0.0.1", "--web-port", str(_LOCUST_PORT)]
    users = str(4 + given.askers)
    return [*command, "--headless", "-u", users, "-r", users, "-t", f"{given.seconds}s", "--only-summary"]


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="load", description=__doc__)
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--cycles", type=float, default=20.0, help="Pods scheduled a second")
    parser.add_argument("--askers", type=int, default=4, help="people with dry runs and lists meanwhile")
    parser.add_argument("--churn", type=float, default=5.0, help="slices changed a second")
    parser.add_argument("--candidates", type=int, default=0, help="as of serve")
    parser.add_argument("--p99-ms", type=float, default=50.0, help="threshold for filter")
    parser.add_argument("--web", action="store_true", help="locust's page instead of a headless run")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
