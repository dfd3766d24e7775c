"""A cluster for one load: the programs of `make control-plane`, kwok for kubelets, and the extender."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import kwok as kwok_tool
from harness import binaries, scheduling
from harness.api import Api
from harness.controlplane import ADMIN, HOST, ControlPlane
from harness.extender import Extender
from harness.kwok import kwok
from harness.ports import free_port
from harness.process import Process, answers
from harness.rights import grant_chart_rights
from harness.scene import Scene
from harness.wait import until

from loadtest.inventory import DEVICES, NAMESPACE, inventory

_PROTOBUF = "application/vnd.kubernetes.protobuf"
_QPS = 5000
_WRITERS = 8


def missing() -> str:
    """What is not built and how to build it, or an empty string."""
    return binaries.missing() or kwok_tool.missing()


@contextmanager
def kwok_cluster(nodes: int, candidates: int, logs: Path | None) -> Iterator[tuple[str, str]]:
    """A cluster with an inventory, all of whose processes end with the block.

    ``logs`` is a folder that gets the logs of all processes.

    Returns: the URLs of the API server, which needs no credentials there (kubectl proxy), and of the service.
    """
    with tempfile.TemporaryDirectory() as home:
        plane = ControlPlane(binaries.folder(), Path(home), storage=_PROTOBUF, qps=_QPS)
        try:
            _timed("the control plane", plane.start)
            kwok(plane, kwok_tool.folder() / "kwok").start()
            _timed(f"{nodes} nodes with {DEVICES} devices each", lambda: _put(plane.admin, nodes))
            # Everything goes with the processes: nothing of the scene has to be taken out.
            grant_chart_rights(Scene(plane.admin))
            extender = Extender(plane, f"--candidates={candidates}")
            extender.close()
            _timed("the service", extender.process.start)
            plane.scheduler("kube-scheduler", scheduling.with_extender(extender.url)).start()
            server = _proxy(plane)
            before = {process.name: process.cpu_seconds() for process in plane.processes}
            yield server, extender.url
            spent = (f"{one.name} {one.cpu_seconds() - before[one.name]:.1f}" for one in plane.processes)
            print(f"CPU seconds during the load: {', '.join(spent)}", flush=True)
        finally:
            plane.stop()
            if logs is not None:
                logs.mkdir(parents=True, exist_ok=True)
                for process in plane.processes:
                    shutil.copy(process.log, logs)


def _put(admin: Api, nodes: int) -> None:
    """Creates the inventory, and waits until kwok has made every node ready."""
    with ThreadPoolExecutor(_WRITERS) as writers:
        list(writers.map(lambda body: admin.create(body, NAMESPACE), inventory(nodes)))
    until(lambda: _ready(admin) == nodes, f"{nodes} nodes are ready", seconds=120, pause=0.5)


def _ready(admin: Api) -> int:
    return sum(
        condition["type"] == "Ready" and condition["status"] == "True"
        for node in admin.list("Node")
        for condition in node["status"].get("conditions", ())
    )


def _proxy(plane: ControlPlane) -> str:
    """So that locust need not know about credentials and certificates; its URL."""
    port = free_port()
    url = f"http://{HOST}:{port}"
    arguments = ("proxy", f"--kubeconfig={plane.kubeconfig(ADMIN)}", f"--port={port}")
    process: Process = plane.process("kubectl-proxy", "kubectl", *arguments, ready=answers(f"{url}/readyz"))
    process.start()
    return url


def _timed(what: str, act: Callable[[], None]) -> None:
    started = time.monotonic()
    act()
    print(f"{what}: {time.monotonic() - started:.1f} s", flush=True)
