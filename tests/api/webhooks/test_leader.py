"""Among replicas: who answers what."""

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.api.service import LEADER_CHECK
from app.cluster.client.backoff import LoopClock
from app.cluster.client.client import ApiClient
from app.cluster.client.fence import Fence
from app.cluster.leadership.election import Election
from app.cluster.leadership.lease import Leases
from app.settings.settings import Settings
from tests.api.conftest import Asked, run
from tests.cluster.fake_apiserver import FakeApiServer, InMemoryTransport
from tests.objects import claim, device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]
OBJECTS = (node("n1"), device_class(), slice_of("n1", device("d0")), claim("c"))
FILTER = {"Pod": pod("p", "c"), "Nodes": None, "NodeNames": ["n1"]}
BIND = {"PodName": "p", "PodNamespace": "default", "PodUID": "uid-p", "Node": "n1"}
WEBHOOKS = (("filter", FILTER), ("prioritize", FILTER), ("bind", BIND))


async def nothing() -> None:
    """Caught up at once."""


def stand(service: Asked, server: FakeApiServer) -> Election:
    client = ApiClient("http://fake", InMemoryTransport(server))
    election = Election(
        Leases(client, "kube-system", "dra-extender"),
        Fence(LoopClock()),
        "me",
        clock=LoopClock(),
        now=lambda: dt.datetime.now(dt.UTC),
        catch_up=nothing,
    )
    made = service.app.state.service
    checks = {**made.checks, LEADER_CHECK: election.not_ready_reason}
    decider = replace(made.decider, election=election)
    service.app.state.service = replace(made, decides_with=decider, checks=checks)
    return election


def test_a_follower_refuses_webhooks_and_answers_dry_runs_and_lists(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        stand(service, FakeApiServer())
        for verb, body in WEBHOOKS:
            answer = await service.client.post(f"/scheduler/{verb}", json=body)
            assert answer.status_code == 503
            assert "standing by" in answer.json()["error"]["message"]
            assert answer.headers["retry-after"] == "1"
        assert (await service.post("/api/v1/placements", {"pods": [pod("p", "c")]}))["placed"] == 1
        assert [item["name"] for item in (await service.get("/api/v1/nodes"))["items"]] == ["n1"]
        ready = await service.client.get("/readyz?verbose")
        assert ready.status_code == 503
        assert "[-]leader failed: standing by: no leader yet" in ready.text
        assert (await service.client.get("/readyz?exclude=leader")).text == "ok"

    run(inventory(*OBJECTS), evaluation, leader_elect_wait_seconds=0)


def test_the_leader_answers_webhooks_and_is_ready(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        election = stand(service, FakeApiServer())
        task = asyncio.create_task(election.run())
        for verb, body in WEBHOOKS:
            # The first one waits for the lease to be taken.
            assert (await service.client.post(f"/scheduler/{verb}", json=body)).status_code == 200
        assert (await service.client.get("/readyz")).text == "ok"
        service.app.state.service.stop_leading()
        await asyncio.wait_for(task, 5)
        assert (await service.client.post("/scheduler/bind", json=BIND)).status_code == 503

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"leader_elect_lease_seconds": 10}, "must be more than leader_elect_renew_deadline_seconds"),
        ({"leader_elect_retry_seconds": 6}, "more than twice"),
        ({"leader_elect_service": "s"}, "require each other"),
        ({"leader_elect": True, "snapshot": ("x",)}, "there is no Lease"),
    ],
)
def test_settings_that_would_let_two_write_or_none_are_refused(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Settings(**settings)
