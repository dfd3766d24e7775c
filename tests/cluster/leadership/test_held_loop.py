"""The Lease while the event loop that writes is held: renewed, but not for a loop that is dead."""

import asyncio
import datetime as dt
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.errors import ConflictError, NotLeaderError
from app.cluster.client.fence import BootClock, Fence
from app.cluster.leadership.election import Election, ElectionSettings
from app.cluster.leadership.lease import Leases, Record, Seen
from app.event_loop.second_loop import Loops, OneLoop, SecondLoop
from tests.cluster.fake_apiserver import Call, FakeApiServer, InMemoryTransport

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
FAST = ElectionSettings(lease_seconds=3.0, renew_deadline_seconds=2.0, retry_seconds=0.1, idle_seconds=0.1)


class Server(FakeApiServer):
    """Notes who writes the Lease, from whatever thread; ``renewed`` is set at each third write in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.renewed = threading.Event()

    async def respond(self, call: Call) -> Any:
        if call.method == "PUT" and "leases" in call.path:
            self.writes += 1
            if self.writes >= 3:
                self.renewed.set()
        return await super().respond(call)

    def count_again(self) -> None:
        self.writes = 0
        self.renewed.clear()


class CallBacks(SecondLoop):
    """``due`` is set when something is to run on the first loop."""

    due = threading.Event()

    async def on_first(self, work: Coroutine[Any, Any, T]) -> T:
        self.due.set()
        return await super().on_first(work)


async def nothing() -> None:
    """Caught up at once."""


def candidate(
    server: FakeApiServer, name: str, loops: Loops, alive: Callable[[], bool] = lambda: True
) -> Election:
    return Election(
        Leases(ApiClient("http://fake", InMemoryTransport(server)), "kube-system", "dra-extender"),
        Fence(BootClock()),
        name,
        clock=BootClock(),
        now=lambda: dt.datetime.now(dt.UTC),
        catch_up=nothing,
        settings=FAST,
        loops=loops,
        alive=alive,
    )


@asynccontextmanager
async def leading(server: FakeApiServer, alive: Callable[[], bool]) -> AsyncIterator[Election]:
    async with CallBacks() as second:
        election = candidate(server, "a", second, alive)
        task = asyncio.create_task(election.run())
        await election.lead(PATIENCE_SECONDS)
        yield election
        task.cancel()


def test_the_lease_is_renewed_while_the_loop_is_held() -> None:
    async def scene() -> None:
        server = Server()
        async with leading(server, lambda: True) as election:
            server.count_again()
            assert server.renewed.wait(PATIENCE_SECONDS), "this holds the loop"
            election.fence.begin()
            election.fence.check()
            assert election.transitions == 1

    asyncio.run(scene())


def test_a_dead_loop_loses_the_lease_and_what_it_decided_is_not_written() -> None:
    async def scene() -> None:
        server = Server()
        dead = threading.Event()
        async with leading(server, lambda: not dead.is_set()) as election:
            election.fence.begin()  # a bind is decided in this term
            dead.set()
            taken = threading.Event()

            def other() -> None:
                async def stand() -> None:
                    rival = candidate(server, "b", OneLoop())
                    task = asyncio.create_task(rival.run())
                    await rival.lead(PATIENCE_SECONDS)
                    assert not election.fence.open, "two leaders"
                    taken.set()
                    await rival.resign(PATIENCE_SECONDS)
                    await task

                asyncio.run(stand())

            thread = threading.Thread(target=other)
            thread.start()
            assert taken.wait(PATIENCE_SECONDS), "this holds the loop"
            with pytest.raises(NotLeaderError):
                election.fence.check()
            await asyncio.to_thread(thread.join)
            dead.clear()
            await election.lead(PATIENCE_SECONDS)
            assert election.transitions == 2
            with pytest.raises(NotLeaderError, match="earlier term"):
                election.fence.check()

    asyncio.run(scene())


async def request(leases: Leases) -> None:
    """As a follower that receives webhooks."""
    while True:
        seen = await leases.get()
        with suppress(ConflictError):  # renewed meanwhile
            await leases.put(seen, (seen or Seen(Record(), "", {})).record, wanted_by="b")
            return


def test_a_held_loop_hands_nothing_over_between_a_check_and_its_write() -> None:
    """A term ends early in a step of the loop that writes, not beside it."""

    async def scene() -> None:
        server = Server()
        async with leading(server, lambda: True) as election:
            leases = Leases(
                ApiClient("http://fake", InMemoryTransport(server)), "kube-system", "dra-extender"
            )
            CallBacks.due.clear()
            await request(leases)
            election.fence.check()
            assert CallBacks.due.wait(PATIENCE_SECONDS), "this holds the loop"
            election.fence.check()
            async with asyncio.timeout(PATIENCE_SECONDS):
                while election.fence.open:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.01)

    asyncio.run(scene())


def test_a_resigned_leader_releases_the_lease() -> None:
    async def scene() -> None:
        server = Server()
        async with leading(server, lambda: True) as election:
            with election.answering():
                resigning = asyncio.create_task(election.resign(PATIENCE_SECONDS))
                await asyncio.sleep(0.2)
                election.fence.check()
            await resigning
            assert not election.fence.open
            assert server.store.select(("coordination.k8s.io", "leases"))[0]["spec"]["holderIdentity"] == ""

    asyncio.run(scene())
