"""How many files of the program a request goes through: as many as following it means to read."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import greenlet
import httpx
import orjson

from app.main import create_app
from app.settings.settings import Settings
from bench.run import Part, Row, Run
from bench.scenes import SCENES, Scene, pod

_APP = str(Path(__file__).resolve().parents[1] / "app")
_JSON = {"Content-Type": "application/json"}
Call = Callable[[], Awaitable[Any]]


class Walk:
    """``files`` are those of the program that were entered; ``moves`` counts entries into another one, and
    ``calls`` its functions' calls.
    """

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.moves = 0
        self.calls = 0
        self._last = ""

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Counts in this thread, in greenlets too."""

        def switched(_event: str, _greenlets: object) -> None:
            # Each greenlet has a profiler, and a new one has none.
            sys.setprofile(self._entered)

        before = greenlet.settrace(switched)
        sys.setprofile(self._entered)
        try:
            yield
        finally:
            sys.setprofile(None)
            greenlet.settrace(before)

    def _entered(self, frame: FrameType, event: str, _argument: object) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(_APP):
            self.files.add(name)
            self.calls += 1
            self.moves += name != self._last
            self._last = name


async def measure(scene: Scene, nodes: int) -> list[Row]:
    """Walks of a first filter of a kind, a warm one, prioritize, a bind, and a filter after it."""
    objects = [*scene.objects(nodes), scene.claim("claim-0"), scene.claim("claim-1")]
    names = [f"node-{number:05}" for number in range(nodes)]
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder) / "inventory.json"
        inventory.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        app = create_app(Settings(snapshot=(str(inventory),), candidates=0))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            filtered = orjson.dumps({"Pod": pod("pod-0", "claim-0"), "NodeNames": names})
            after = orjson.dumps({"Pod": pod("pod-1", "claim-1"), "NodeNames": names})
            binding = orjson.dumps(_binding("pod-0", names[0]))
            walks = (
                ("first filter", "filter", filtered),
                ("warm filter", "filter", filtered),
                ("prioritize", "prioritize", filtered),
                ("bind", "bind", binding),
                ("after a bind", "filter", after),
            )
            return [
                {"request": request, "nodes": nodes} | await _walk(client, verb, body)
                for request, verb, body in walks
            ]


async def _walk(client: httpx.AsyncClient, verb: str, body: bytes) -> Row:
    walk = Walk()
    with walk.followed():
        answer = await client.post(f"/scheduler/{verb}", content=body, headers=_JSON)
    answer.raise_for_status()
    return {"files": len(walk.files), "moves": walk.moves, "calls": walk.calls}


def _binding(name: str, node: str) -> dict[str, str]:
    metadata = pod(name, "claim-0")["metadata"]
    return {
        "PodName": name,
        "PodNamespace": metadata["namespace"],
        "PodUID": metadata["uid"],
        "Node": node,
    }


def _rows(run: Run) -> Iterator[Row]:
    yield from asyncio.run(measure(SCENES[0], min(run.sizes)))


PART = Part(
    "files",
    "files of the program that a webhook enters, moves from one to another, and calls of its functions",
    ("request", "nodes", "files", "moves", "calls"),
    _rows,
)
