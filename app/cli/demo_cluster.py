"""The demo's cluster: the service on a loopback port, with a scheduler and controllers around it."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import uvicorn

from app.cli.demo_controllers import Controllers
from app.cli.demo_scheduler import Scheduled, Scheduler
from app.cli.problems import CliError, Exit, InputError
from app.cli.talk import counted
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.workload import Workload
from app.core.placement.node_checks import check_node
from app.core.state.state import State
from app.main import create_app
from app.manifests.reader import read_paths
from app.settings.settings import Settings

INVENTORY, PAGE, MISFIT = "inventory", "dra-task-page.yaml", "workloads/large-white-cat.yaml"
_START_SECONDS = 30.0


class ServiceError(CliError):
    """The service in this process did not start."""

    code = Exit.UNREACHABLE


def examples() -> Path:
    """The folder of examples: in the installed package, or next to the sources.

    Raises: InputError: neither exists.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / INVENTORY).is_dir():
            return folder
    raise InputError("the examples are not installed", "run the demo from a clone of the repository")


class DemoCluster:
    """An in-memory cluster that the extender serves."""

    def __init__(
        self, url: str, state: State, client: httpx.AsyncClient, serving: asyncio.Task[None]
    ) -> None:
        self.url = url
        self.folder = examples()
        self._state = state
        self._controllers = Controllers(state)
        self._scheduler = Scheduler(client)
        self._serving = serving

    @property
    def described(self) -> str:
        """Describes the size of the inventory."""
        slices = self._state.inventory.slices.values()
        count = sum(len(item.devices) for item in slices)
        drivers = {item.driver for item in slices}
        nodes, devices = counted(len(self._state.nodes), "node"), counted(count, "device")
        return f"An inventory of {nodes} and {devices} of {counted(len(drivers), 'driver')}"

    async def run_job(self) -> AsyncGenerator[Scheduled, None]:
        """Runs the task page's Job, and leaves the last Pods running.

        At most ``parallelism`` Pods at a time; the oldest ends when the next one starts.
        """
        templates, objects = self._apply(PAGE)
        raw = next(item for item in objects if item["kind"] == "Job")
        job = parse(raw)
        if not isinstance(job, Workload) or not job.replicas:
            raise TypeError(f"{PAGE} contains no Job")
        running: list[JsonObject] = []
        for index in range(int(raw["spec"]["completions"])):
            if len(running) == job.replicas:
                self._controllers.finish(running.pop(0))
            pod = self._controllers.pod_of(raw, job, index, templates)
            running.append(pod)
            yield await self._schedule(pod)

    async def run_misfit(self) -> Scheduled:
        """Sends the Pod that fits nowhere."""
        templates, objects = self._apply(MISFIT)
        raw = next(item for item in objects if item["kind"] == "Pod")
        return await self._schedule(self._controllers.pod(raw, templates))

    async def stopped(self) -> None:
        """Returns when the user stops the program."""
        await asyncio.wait([self._serving])

    def _apply(self, name: str) -> tuple[dict[str, JsonObject], list[JsonObject]]:
        """Adds a file's claims and classes to the cluster. Returns its templates by name, and its objects."""
        objects = read_paths([self.folder / name])
        for item in objects:
            if item["kind"] in ("DeviceClass", "ResourceClaim", "ResourceClaimTemplate"):
                self._controllers.create(item)
        templates = [item for item in objects if item["kind"] == "ResourceClaimTemplate"]
        return {item["metadata"]["name"]: item for item in templates}, objects

    async def _schedule(self, raw: JsonObject) -> Scheduled:
        """kube-scheduler's own filters run first: it does not send cordoned nodes to the extender."""
        pod = self._state.pods["default", raw["metadata"]["name"]]
        nodes = [
            name
            for name, node in sorted(self._state.nodes.items())
            if check_node(pod, node, self._state.usage) is None
        ]
        return await self._scheduler.schedule(raw, nodes)

    def held(self, raw: JsonObject) -> list[tuple[str, JsonObject | None, bool]]:
        """For each claim of a Pod: its name in the Pod, its allocation, and whether the claim is shared."""
        generated = {
            status["name"]: status["resourceClaimName"] for status in raw["status"]["resourceClaimStatuses"]
        }
        found = []
        for entry in raw["spec"]["resourceClaims"]:
            name = generated.get(entry["name"]) or entry["resourceClaimName"]
            claim = self._state.claim((raw["metadata"]["namespace"], name))
            allocation = claim.allocation if claim is not None else None
            shown = allocation.to_json() if allocation is not None else None
            found.append((entry["name"], shown, entry["name"] not in generated))
        return found


@asynccontextmanager
async def running_cluster(port: int) -> AsyncGenerator[DemoCluster, None]:
    """Starts the service on a loopback port (0: a free port) and stops it at the end.

    Raises: InputError, ServiceError.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise InputError(f"port {port}: {error.strerror}", "choose another port with --port") from None
    # The demo shows the score of each node that fits, and sends Pods one by one.
    application = create_app(Settings(snapshot=(str(examples() / INVENTORY),), candidates=0), stays=False)
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not server.started:
                if serving.done():
                    raise ServiceError("the service in this process stopped before it was ready")
                await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield DemoCluster(url, application.state.service.state, client, serving)
    finally:
        server.should_exit = True
        await serving
        listening.close()
