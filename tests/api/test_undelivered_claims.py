"""A filter for a Pod whose claim kube-scheduler knows first."""

import asyncio

from app.core.json_object import JsonObject
from tests.api.in_cluster import started
from tests.cluster.binding.cluster import DRA
from tests.cluster.fake_apiserver import FakeApiServer
from tests.objects import claim, device, device_class, node, pod, slice_of

OBJECTS = (
    ("nodes", node("n1")),
    ("deviceclasses", device_class()),
    ("resourceslices", slice_of("n1", device("d0"), device("d1"))),
    ("resourceclaims", claim("c")),
)


def body(name: str) -> JsonObject:
    return {"Pod": pod(f"pod-{name}", name), "Nodes": None, "NodeNames": ["n1"]}


def test_a_filter_waits_for_a_claim_that_exists() -> None:
    server = FakeApiServer()

    async def asked() -> JsonObject:
        async with started(server, OBJECTS) as client:
            while (await client.post("/scheduler/filter", json=body("c"))).status_code == 503:  # noqa: ASYNC110 - as kube-scheduler asks
                await asyncio.sleep(0)
            read = asyncio.Event()
            server.before_each = lambda call: read.set() if call.path.endswith("/late") else None
            server.frozen = True
            server.put(DRA, "resourceclaims", claim("late"))
            answer = asyncio.create_task(client.post("/scheduler/filter", json=body("late")))
            await read.wait()
            server.frozen = False
            server.put(DRA, "resourceclaims", claim("other"))  # wakes the watches
            return (await answer).raise_for_status().json()

    answer = asyncio.run(asyncio.wait_for(asked(), 30))
    assert answer["FailedAndUnresolvableNodes"] == {}
    assert answer["NodeNames"] == ["n1"]
