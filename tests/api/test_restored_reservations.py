"""A process that starts while kube-scheduler waits with a Pod keeps the Pod's devices."""

import asyncio
from typing import Any

import pytest

from app.core.json_object import JsonObject
from tests.api.in_cluster import started
from tests.cluster.fake_apiserver import FakeApiServer
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
        async with started(FakeApiServer(), OBJECTS, **settings) as client:
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
