"""The election against the fake API server, in virtual time."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.cluster.client.backoff import LoopClock
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import NotLeaderError
from app.cluster.client.fence import Fence
from app.cluster.informers.informer import Informer
from app.cluster.leadership.catch_up import catch_up
from app.cluster.leadership.election import Election
from app.cluster.leadership.endpoint import LeaderEndpoint
from app.cluster.leadership.lease import LEASE, WANTED_BY, Leases
from tests.cluster.fake_apiserver import API, FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import claim

START = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
CLAIM = Resource("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim", namespaced=True)
FOREVER = float("inf")


async def nothing() -> None:
    """Caught up at once."""


class Candidate:
    """One replica, with its own connection that can be cut off."""

    def __init__(
        self, server: FakeApiServer, name: str, catching_up: Callable[[], Awaitable[None]] = nothing
    ) -> None:
        self.name = name
        self.server = server
        self.client = ApiClient("http://fake", InMemoryTransport(server), user_agent=name)
        self.election = Election(
            Leases(self.client, "kube-system", "dra-extender"),
            Fence(LoopClock()),
            name,
            clock=LoopClock(),
            now=lambda: START + dt.timedelta(seconds=asyncio.get_running_loop().time()),
            catch_up=catching_up,
            uniform=lambda low, _: low,
        )
        self.task: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        return self.election.fence.open

    def start(self) -> "Candidate":
        self.task = asyncio.create_task(self.election.run())
        return self

    async def kill(self) -> None:
        """As kill -9: it does not say good-bye."""
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait([self.task])

    def cut_off(self) -> Fault:
        fault = Fault(lambda call: call.headers.get("user-agent") == self.name, times=FOREVER, cut="before")
        self.server.faults.append(fault)
        return fault


async def until_leads(candidate: Candidate, seconds: float) -> float:
    """How long it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(seconds):
        while not candidate.leads:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)
    return loop.time() - began


def lease(server: FakeApiServer) -> dict[str, Any]:
    return server.store.select(("coordination.k8s.io", "leases"))[0]


async def pair(server: FakeApiServer) -> tuple[Candidate, Candidate]:
    first = Candidate(server, "a").start()
    await until_leads(first, 1)
    second = Candidate(server, "b").start()
    await asyncio.sleep(1)
    assert not second.leads
    return first, second


@in_virtual_time
async def test_one_of_two_leads_and_the_lease_reads_as_client_go_writes_it() -> None:
    server = FakeApiServer()
    first, second = await pair(server)
    assert lease(server)["spec"] == {  # a second after it was taken
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-11-24T00:00:00.000000Z",
        "renewTime": "2026-11-24T00:00:00.000000Z",
        "leaseTransitions": 0,
    }
    assert second.election.not_ready_reason() == "standing by: the leader is a"
    await first.kill()
    await second.kill()


@in_virtual_time
async def test_after_a_crash_the_lease_is_taken_when_it_has_run_out_and_not_before() -> None:
    first, second = await pair(FakeApiServer())
    await first.kill()
    assert 12 < await until_leads(second, 16) <= 15.1
    assert second.election.transitions == 1
    assert lease(second.server)["spec"]["leaseTransitions"] == 1
    await second.kill()


@in_virtual_time
async def test_a_leader_that_resigns_is_followed_at_once() -> None:
    first, second = await pair(FakeApiServer())
    loop = asyncio.get_running_loop()
    began = loop.time()
    await first.election.resign(5)
    assert not first.leads
    await until_leads(second, 0.1)
    assert loop.time() - began < 0.1
    await second.kill()


@in_virtual_time
async def test_a_leader_resigns_when_its_last_webhook_is_answered() -> None:
    first, second = await pair(FakeApiServer())
    await first.election.lead(0)
    with first.election.answering():
        resigning = asyncio.create_task(first.election.resign(20))
        await asyncio.sleep(12)
        assert first.leads, "renewed, so that the bind under way can be finished"
        with pytest.raises(NotLeaderError):
            await first.election.lead(0)
    await resigning
    await until_leads(second, 0.1)
    await second.kill()


@in_virtual_time
async def test_a_leader_cut_off_stops_writing_before_another_begins(caplog: pytest.LogCaptureFixture) -> None:
    server = FakeApiServer()
    first, second = await pair(server)
    first.cut_off()
    loop, stopped = asyncio.get_running_loop(), 0.0
    while not second.leads:
        assert not (first.leads and second.leads)
        if not first.leads and not stopped:
            stopped = loop.time()
        await asyncio.sleep(0.05)
    assert 4 <= loop.time() - stopped <= 7.1, "the time for what was sent by then"
    assert first.election.renew_failures > 0
    assert any("could not be renewed" in text for text in caplog.messages)
    await first.kill()
    await second.kill()


@in_virtual_time
async def test_a_short_interruption_costs_no_leader_its_lease() -> None:
    server = FakeApiServer()
    first, second = await pair(server)
    fault = first.cut_off()
    await asyncio.sleep(6)
    fault.times = 0
    for _ in range(200):
        await asyncio.sleep(0.1)
        assert first.leads
    assert first.election.transitions == 1
    await first.kill()
    await second.kill()


@in_virtual_time
async def test_a_lost_answer_to_taking_the_lease_is_made_good_at_the_next_look() -> None:
    server = FakeApiServer()
    server.faults.append(Fault(lambda call: call.method == "POST", cut="after"))
    first = Candidate(server, "a").start()
    await until_leads(first, 2.1)
    assert lease(server)["spec"]["leaseTransitions"] == 0
    await first.kill()


@in_virtual_time
async def test_writes_leave_only_while_leading_and_in_the_term_they_were_decided_in() -> None:
    server = FakeApiServer()
    first, second = await pair(server)
    fence = first.election.fence
    writes = first.client.guarded(fence)
    path = "/api/v1/namespaces/default/pods"

    async def decided(wait: asyncio.Event) -> str:
        fence.begin()
        await wait.wait()
        try:
            await writes.post(path, {"metadata": {"generateName": "p-"}})
        except NotLeaderError as error:
            return str(error)
        return "written"

    now, later, much_later = asyncio.Event(), asyncio.Event(), asyncio.Event()
    pending = [asyncio.create_task(decided(wait)) for wait in (now, later, much_later)]
    await asyncio.sleep(0)
    now.set()
    assert await pending[0] == "written"
    sent = [call for call in server.calls if call.path == path]
    assert [call.query for call in sent] == [{"timeout": "4s"}]
    fault = first.cut_off()
    await until_leads(second, 20)
    fault.times = 0
    later.set()
    assert "no longer the leader" in await pending[1]
    await second.election.resign(1)
    await until_leads(first, 1)
    much_later.set()
    assert "earlier term" in await pending[2]
    assert len([call for call in server.calls if call.path == path]) == 1
    await first.kill()


@in_virtual_time
async def test_a_follower_that_is_asked_gets_the_lease_of_a_leader_that_is_not() -> None:
    """kube-scheduler in the same Pod has become the leader of its kind."""
    first, second = await pair(FakeApiServer())
    loop = asyncio.get_running_loop()
    began = loop.time()
    await second.election.lead(3)
    assert loop.time() - began < 0.1
    assert (first.leads, second.leads) == (False, True)
    assert WANTED_BY not in lease(first.server)["metadata"].get("annotations", {})
    await first.kill()
    await second.kill()


@in_virtual_time
async def test_a_leader_that_is_asked_keeps_the_lease() -> None:
    first, second = await pair(FakeApiServer())
    with first.election.answering(), pytest.raises(NotLeaderError, match="the leader is a"):
        await second.election.lead(3)
    with pytest.raises(NotLeaderError):
        await second.election.lead(1)
    assert first.leads
    assert WANTED_BY not in lease(first.server)["metadata"].get("annotations", {})
    await first.kill()
    await second.kill()


@in_virtual_time
async def test_nothing_is_written_before_the_new_leader_has_caught_up() -> None:
    server, caught_up = FakeApiServer(), asyncio.Event()

    async def slowly() -> None:
        await caught_up.wait()

    first = Candidate(server, "a", slowly).start()
    await asyncio.sleep(30)
    assert lease(server)["spec"]["holderIdentity"] == "a"
    assert not first.leads
    assert "not yet caught up" in first.election.not_ready_reason()
    with pytest.raises(NotLeaderError):
        first.election.fence.begin()
    caught_up.set()
    await until_leads(first, 0.1)
    await first.kill()


@in_virtual_time
async def test_catching_up_waits_for_what_was_written_before() -> None:
    server = FakeApiServer()
    for number in range(5):
        server.put("resource.k8s.io/v1", "resourceclaims", claim(f"c{number}"))
    client = ApiClient("http://fake", InMemoryTransport(server))
    informer = Informer(client, CLAIM)

    async def consume() -> None:
        async for _ in informer.events():
            pass

    consuming = asyncio.create_task(consume())
    await informer.wait_synced()
    server.frozen = True
    server.put("resource.k8s.io/v1", "resourceclaims", claim("late"))
    behind = asyncio.create_task(catch_up(client, informer, LoopClock(), page_size=2))
    await asyncio.sleep(5)
    assert not behind.done()
    server.frozen = False
    server.put("v1", "pods", {"metadata": {"name": "p", "namespace": "default"}})
    await asyncio.wait_for(behind, 1)
    pages = [call for call in server.calls if call.path.endswith("/resourceclaims") and not call.is_watch]
    assert len(pages) == 3
    assert "PartialObjectMetadataList" in pages[0].headers["accept"]
    consuming.cancel()
    await asyncio.wait([consuming])


@in_virtual_time
async def test_without_a_watch_the_looks_in_between_suffice() -> None:
    server = FakeApiServer()
    server.faults.append(Fault(lambda call: call.is_watch, times=FOREVER, status=403))
    first, second = await pair(server)
    await first.election.resign(5)
    await until_leads(second, 2.1)
    await second.kill()


@in_virtual_time
async def test_the_leader_makes_itself_the_endpoint_of_its_service() -> None:
    server = FakeApiServer(api={**API, "discovery.k8s.io/v1": {"endpointslices": "EndpointSlice"}})
    client = ApiClient("http://fake", InMemoryTransport(server))
    for address in ("10.0.0.1", "10.0.0.2"):
        await LeaderEndpoint(client, "dra", "leader", address, 8888).publish()
        (made,) = server.store.select(("discovery.k8s.io", "endpointslices"))
        assert made["endpoints"] == [{"addresses": [address], "conditions": {"ready": True}}]
        assert made["metadata"]["labels"]["kubernetes.io/service-name"] == "leader"
        assert made["addressType"] == "IPv4"


@in_virtual_time
async def test_a_lease_in_another_form_is_no_obstacle() -> None:
    server = FakeApiServer()
    server.put(
        LEASE.api_version, "leases", {"metadata": {"name": "dra-extender", "namespace": "kube-system"}}
    )
    first = Candidate(server, "a").start()
    await until_leads(first, 1)
    await first.kill()
