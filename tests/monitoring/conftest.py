"""promtool, and what an extender with everything switched on says of itself."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

import app.wiring.from_cluster
from app.cluster.client.client import ApiClient
from app.main import create_app
from app.settings.settings import Settings
from tests.cluster.fake_apiserver import FakeApiServer, InMemoryTransport
from tests.objects import claim, device, device_class, node, pod, slice_of, template

OBJECTS = (
    ("nodes", node("n1", zone="a")),
    ("deviceclasses", device_class()),
    ("resourceslices", slice_of("n1", device("d0", model="X"), device("d1", model="X"))),
    ("resourceclaims", claim("c")),
    ("resourceclaims", claim("large", 3)),
    ("resourceclaimtemplates", template("t")),
    ("pods", pod("p", "c")),
    ("pods", pod("waiting", "large")),
)


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


async def _scrape(folder: Path) -> str:
    server = FakeApiServer()
    stored = {}
    for plural, item in OBJECTS:
        stored[plural, item["metadata"]["name"]] = server.put(item["apiVersion"], plural, item)
    certificate = folder / "tls.crt"
    certificate.write_bytes(trustme.CA().issue_cert("localhost").cert_chain_pems[0].bytes())
    settings = Settings(
        leader_elect=True,
        leader_elect_namespace="dra",
        preemption="evict",
        tls_cert_file=certificate,
        tls_key_file=folder / "tls.key",
    )
    application = create_app(settings)
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
            evaluation = {"Pod": stored["pods", "p"], "Nodes": None, "NodeNames": ["n1"]}
            for verb in ("filter", "prioritize"):
                (await client.post(f"/scheduler/{verb}", json=evaluation)).raise_for_status()
            evaluation["Pod"] = pod("waiting", "large")
            (await client.post("/scheduler/filter", json=evaluation)).raise_for_status()
            uid = stored["pods", "p"]["metadata"]["uid"]
            bound = {"PodName": "p", "PodNamespace": "default", "PodUID": uid, "Node": "n1"}
            assert (await client.post("/scheduler/bind", json=bound)).json()["Error"] == ""
            (await client.post("/api/v1/placements", json={"pods": [pod("more", "c")]})).raise_for_status()
            return (await client.get("/metrics")).text


@pytest.fixture(scope="session")
def exposition(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of /metrics of a replica that leads, beside an API server of the tests."""
    return asyncio.run(asyncio.wait_for(_scrape(tmp_path_factory.mktemp("tls")), 30))
