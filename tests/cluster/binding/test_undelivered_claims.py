"""A filter for a Pod whose claims the watch has not delivered yet."""

import asyncio
from typing import Any

import pytest

from app.cluster.binding.undelivered_claims import WAIT_SECONDS, UndeliveredClaims
from app.core.model.parse import parse
from app.core.model.pod import Pod
from tests.cluster.binding.cluster import DRA, Cluster, cluster
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import claim, pod


class Scene:
    """A cluster whose watches are silent, and what waits for claims in it."""

    def __init__(self, made: Cluster) -> None:
        self.made = made
        self.waiter = UndeliveredClaims(made.client, made.served.resource_claim, made.state)
        made.listeners.append(self.waiter.changed)
        made.server.frozen = True
        made.server.calls.clear()

    async def wait_for(self, raw: dict[str, Any]) -> float:
        """How long it takes."""
        item = parse(raw)
        assert isinstance(item, Pod)
        clock = asyncio.get_running_loop().time
        begin = clock()
        await self.waiter.wait_for(item, self.made.feed.broken)
        return clock() - begin

    def deliver(self) -> None:
        self.made.server.frozen = False
        self.made.server.break_watches()

    def reads(self) -> list[str]:
        """The names of the claims that were asked for."""
        calls = [call for call in self.made.server.calls if not call.is_watch]
        assert {call.method for call in calls} <= {"GET"}
        return [call.path.rsplit("/", 1)[-1] for call in calls]


def generated(made_claim: str) -> dict[str, Any]:
    """A Pod whose claim kube-controller-manager has made from a template."""
    raw = pod("p")
    raw["spec"]["resourceClaims"] = [{"name": "gpu", "resourceClaimTemplateName": "t"}]
    raw["status"] = {"resourceClaimStatuses": [{"name": "gpu", "resourceClaimName": made_claim}]}
    return raw


@pytest.mark.parametrize("raw", [pod("p", "late"), generated("late")], ids=["by name", "from a template"])
def test_it_waits_until_the_watch_delivers_a_claim_that_exists(raw: dict[str, Any]) -> None:
    @in_virtual_time
    async def run() -> None:
        scene = Scene(await cluster())
        scene.made.server.put(DRA, "resourceclaims", claim("late"))
        waiting = asyncio.create_task(scene.wait_for(raw))
        await asyncio.sleep(WAIT_SECONDS / 10)
        assert not waiting.done()
        scene.deliver()
        assert await waiting < WAIT_SECONDS
        assert scene.made.state.claim(("default", "late")) is not None
        assert scene.reads() == ["late"]
        await scene.made.stop()

    run()


@in_virtual_time
async def test_claims_that_were_delivered_are_not_asked_for() -> None:
    scene = Scene(await cluster(claim("c")))
    assert await scene.wait_for(pod("p", "c")) == 0
    assert scene.reads() == []
    await scene.made.stop()


@in_virtual_time
async def test_a_pod_of_claims_that_do_not_exist_costs_one_request() -> None:
    scene = Scene(await cluster())
    assert await scene.wait_for(pod("p", "no-1", "no-2", "no-3")) < WAIT_SECONDS
    assert scene.reads() == ["no-1"]
    await scene.made.stop()


@in_virtual_time
async def test_a_name_that_no_claim_can_have_is_not_asked_for() -> None:
    scene = Scene(await cluster())
    assert await scene.wait_for(generated("../nodes")) == 0
    assert scene.reads() == []
    await scene.made.stop()


@in_virtual_time
async def test_a_watch_that_stays_behind_is_not_waited_for_forever(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(await cluster())
    names = [f"late-{number}" for number in range(3)]
    for name in names:
        scene.made.server.put(DRA, "resourceclaims", claim(name))
    assert await scene.wait_for(pod("p", *names)) == pytest.approx(WAIT_SECONDS)
    assert "the watch of ResourceClaims is behind" in caplog.text
    scene.deliver()
    await scene.made.stop()


@in_virtual_time
async def test_a_claim_that_was_delivered_and_cannot_be_read_is_not_waited_for() -> None:
    unreadable = claim("c")
    unreadable["spec"] = {"devices": {"requests": "none"}}
    scene = Scene(await cluster(unreadable))
    assert ("ResourceClaim", ("default", "c")) in scene.made.feed.broken
    assert await scene.wait_for(pod("p", "c")) == 0
    assert scene.reads() == []
    await scene.made.stop()


@in_virtual_time
async def test_a_server_that_does_not_answer_leaves_the_verdict_to_what_is_known() -> None:
    scene = Scene(await cluster())
    scene.made.server.down = True
    assert await scene.wait_for(pod("p", "c")) < WAIT_SECONDS
    await scene.made.stop()
