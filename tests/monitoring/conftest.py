"""promtool, and what an extender with everything switched on says of itself."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest

import app.wiring.from_cluster
from app.cluster.client.client import ApiClient
from app.main import create_app
from app.settings.settings import Settings
from tests.cluster.fake_apiserver import FakeApiServer, InMemoryTransport
from tests.objects import claim, device, device_class, node, pod, slice_of

OBJECTS = {
    "nodes": node("n1"),
    "deviceclasses": device_class(),
    "resourceslices": slice_of("n1", device("d0")),
    "resourceclaims": claim("c"),
    "pods": pod("p", "c"),
}


@pytest.fixture(scope="session")
def promtool_program() -> Path:
    """Prometheus' promtool; without it a reason to skip, or under CI a failure."""
    program = shutil.which("promtool")
    if program is None:
        why = "there is no promtool: install your system's package of Prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    return Path(program)


class Access:
    """A cluster that is in this process."""

    base_url = "http://fake"
    source = "test"
    cluster = "test"

    def __init__(self, server: FakeApiServer) -> None:
        self._server = server

    def client(self, *_: Any, **__: Any) -> ApiClient:
        return ApiClient(self.base_url, InMemoryTransport(self._server))


async def _scrape() -> str:
    server = FakeApiServer()
    for plural, item in OBJECTS.items():
        server.put(item["apiVersion"], plural, item)
    application = create_app(Settings(leader_elect=True, leader_elect_namespace="dra", preemption="evict"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.wiring.from_cluster, "load_access", lambda *_, **__: Access(server))
        async with (
            application.router.lifespan_context(application),
            httpx.AsyncClient(
                transport=httpx.ASGITransport(application), base_url="http://127.0.0.1"
            ) as client,
        ):
            while not (await client.get("/readyz")).is_success:  # noqa: ASYNC110 - as a probe asks
                await asyncio.sleep(0.01)
            evaluation = {"Pod": pod("p", "c"), "Nodes": None, "NodeNames": ["n1"]}
            for verb in ("filter", "prioritize"):
                (await client.post(f"/scheduler/{verb}", json=evaluation)).raise_for_status()
            return (await client.get("/metrics")).text


@pytest.fixture(scope="session")
def exposition() -> str:
    """The text of /metrics of a replica that leads, beside an API server of the tests."""
    return asyncio.run(asyncio.wait_for(_scrape(), 30))
