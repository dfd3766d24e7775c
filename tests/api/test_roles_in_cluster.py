"""The role api reads the cluster and writes nothing, not even a Lease."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from tests.api.in_cluster import started
from tests.cluster.fake_apiserver import Call, FakeApiServer
from tests.monitoring.conftest import OBJECTS
from tests.objects import pod


def calls_of(ask: Callable[[httpx.AsyncClient], Awaitable[None]], **settings: Any) -> list[Call]:
    """What an extender with the lease's settings asks of the API server until it is stopped."""

    async def asked() -> list[Call]:
        server = FakeApiServer()
        lease = {"leader_elect": True, "leader_elect_namespace": "dra"}
        async with started(server, OBJECTS, **lease, **settings) as client:
            while not (await client.get("/readyz")).is_success:  # noqa: ASYNC110 - as a probe asks
                await asyncio.sleep(0.01)
            await ask(client)
        return server.calls

    return asyncio.run(asyncio.wait_for(asked(), 30))


async def plan(client: httpx.AsyncClient) -> None:
    (await client.post("/api/v1/placements", json={"pods": [pod("q", "c")]})).raise_for_status()
    devices = (await client.get("/api/v1/devices")).json()
    assert [item["state"] for item in devices["items"]] == ["free", "free"]
    assert devices["decides"] is False


def test_the_role_api_writes_nothing_and_does_not_run_for_the_lease() -> None:
    calls = calls_of(plan, roles=("api",), preemption="evict")
    assert {call.method for call in calls} == {"GET"}
    assert not [call for call in calls if "leases" in call.path]
    assert [call for call in calls if call.path.endswith("/poddisruptionbudgets")]


async def refuse(client: httpx.AsyncClient) -> None:
    body = {"Pod": pod("p", "nothing"), "NodeNames": ["n1"]}
    (await client.post("/scheduler/filter", json=body)).raise_for_status()


def test_the_role_webhooks_runs_for_the_lease() -> None:
    calls = calls_of(refuse, roles=("webhooks",))
    assert [call for call in calls if call.method == "POST" and call.path.endswith("/leases")]
