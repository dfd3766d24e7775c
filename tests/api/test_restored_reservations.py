"""A process that starts while kube-scheduler waits with a Pod keeps the Pod's devices."""

import asyncio
from typing import Any

import httpx
import pytest

import app.wiring.from_cluster
from app.core.json_object import JsonObject
from app.main import create_app
from app.settings.settings import Settings
from tests.cluster.fake_apiserver import FakeApiServer
from tests.monitoring.conftest import Access
from tests.objects import claim, device, device_class, node, pod, slice_of

OBJECTS = (
    ("nodes", node("n1")),
    ("deviceclasses", device_class()),
    ("resourceslices", slice_of("n1", device("d0"))),
    ("resourceclaims", claim("c")),
    ("resourceclaims", claim("d")),
    ("pods", pod("waiting", "c") | {"status": {"nominatedNodeName": "n1"}}),
    ("pods", pod("next", "d")),
)


REPLICA = {"leader_elect": True, "leader_elect_namespace": "dra"}


def first_filter(**settings: Any) -> JsonObject:
    """The answer for the Pod `next`, by a process that has just started."""

    async def asked() -> JsonObject:
        server = FakeApiServer()
        for plural, item in OBJECTS:
            server.put(item["apiVersion"], plural, item)
        application = create_app(Settings(**settings))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(app.wiring.from_cluster, "load_access", lambda *_, **__: Access(server))
            transport = httpx.ASGITransport(application)
            async with (
                application.router.lifespan_context(application),
                httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
            ):
                body = {"Pod": pod("next", "d"), "Nodes": None, "NodeNames": ["n1"]}
                while (answer := await client.post("/scheduler/filter", json=body)).status_code == 503:  # noqa: ASYNC110 - as kube-scheduler asks
                    await asyncio.sleep(0)
                return answer.raise_for_status().json()

    return asyncio.run(asyncio.wait_for(asked(), 30))


@pytest.mark.parametrize("settings", [{}, REPLICA], ids=["alone", "replica"])
def test_the_first_filter_finds_them_taken(settings: dict[str, Any]) -> None:
    answer = first_filter(**settings)
    assert answer["NodeNames"] == []
    assert set(answer["FailedAndUnresolvableNodes"]) == {"n1"}


@pytest.mark.parametrize("settings", [{}, REPLICA], ids=["alone", "replica"])
def test_where_filter_names_all_nodes_nothing_is_reserved_at_the_start_either(
    settings: dict[str, Any],
) -> None:
    assert first_filter(candidates=0, **settings)["NodeNames"] == ["n1"]
