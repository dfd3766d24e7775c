"""Events on refused Pods: one for each reason, repeats counted, never more than is allowed."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.fence import Fence
from app.cluster.events.event_writer import EventWriter
from app.cluster.events.pod_events import EventSettings, PodEvents, note_of
from app.core.model.parse import parse
from app.core.model.pod import Pod
from tests.cluster.fake_apiserver import FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import pod

USED = "0/3 nodes fit: 3 node(s) had all matching devices in use for request gpu"
NONE = "0/3 nodes fit: 3 node(s) had no devices for request gpu"


def waiting(name: str = "p", **meta: Any) -> Pod:
    raw = pod(name)
    raw["metadata"] |= meta
    item = parse(raw)
    assert isinstance(item, Pod)
    return item


def _now() -> dt.datetime:
    return dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC) + dt.timedelta(
        seconds=asyncio.get_running_loop().time()
    )


class Telling:
    """Events for a fake API server."""

    def __init__(self, caplog: pytest.LogCaptureFixture, **settings: Any) -> None:
        self.server = FakeApiServer()
        self.caplog = caplog
        self.fence = Fence.always_open()
        client = ApiClient("http://fake", InMemoryTransport(self.server))
        self.events = PodEvents(
            EventWriter(client, "replica-1", _now),
            fence=self.fence,
            settings=EventSettings(**settings),
        )

    def written(self) -> list[dict[str, Any]]:
        return self.server.store.select(("events.k8s.io", "events"))


def telling(**settings: Any) -> Callable[[Callable[[Telling], Awaitable[None]]], Callable[..., None]]:
    def decorate(test: Callable[[Telling], Awaitable[None]]) -> Callable[..., None]:
        @in_virtual_time
        async def run(caplog: pytest.LogCaptureFixture) -> None:
            made = Telling(caplog, **settings)
            task = asyncio.create_task(made.events.run())
            await test(made)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        run.__name__ = test.__name__
        return run

    return decorate


@telling()
async def test_a_refusal_is_an_event_as_the_api_wants_it(made: Telling) -> None:
    made.events.refused(waiting(), USED)
    await asyncio.sleep(1)
    (event,) = made.written()
    assert event["note"] == f"{USED}. For details, run: kubectl dra explain p -n default"
    assert (event["type"], event["reason"], event["action"]) == (
        "Warning",
        "DevicesUnavailable",
        "Scheduling",
    )
    assert event["regarding"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "namespace": "default",
        "name": "p",
        "uid": "uid-p",
    }
    assert (event["reportingController"], event["reportingInstance"]) == ("dra-extender", "replica-1")
    assert event["eventTime"].startswith("2026-01-02T03:04:05.")
    assert len(event["eventTime"]) == len("2026-01-02T03:04:05.000000Z")
    assert "series" not in event


@telling(series_seconds=60)
async def test_repeats_are_counted_and_written_once_in_a_while(made: Telling) -> None:
    for _ in range(30):
        made.events.refused(waiting(), USED)
        await asyncio.sleep(10)
    (event,) = made.written()
    assert 20 <= event["series"]["count"] <= 30
    assert len([call for call in made.server.calls if call.method == "PATCH"]) <= 5


@telling()
async def test_another_reason_is_another_event(made: Telling) -> None:
    for summary in (USED, NONE, NONE, USED):
        made.events.refused(waiting(), summary)
        await asyncio.sleep(5)
    assert [event["note"].split(".")[0] for event in made.written()] == [USED, NONE, USED]


@telling()
async def test_other_numbers_of_nodes_are_no_other_reason(made: Telling) -> None:
    """Nodes come and go, and which of them kube-scheduler asks about changes with every Pod that starts."""
    for summary in (
        "0/9 nodes fit: 6 node(s) had all matching devices in use for request gpu, 3 node(s) had no "
        "devices for request gpu",
        "0/8 nodes fit: 4 node(s) had no devices for request gpu, 4 node(s) had all matching devices "
        "in use for request gpu",
        "0/12 nodes fit: 11 node(s) had all matching devices in use for request gpu, 1 node(s) had "
        "no devices for request gpu",
        "0/1 nodes fit: 1 node(s) had all matching devices in use for request gpu",
    ):
        made.events.refused(waiting(), summary)
        await asyncio.sleep(200)
    first, second = made.written()
    assert first["note"].startswith("0/9 nodes fit: 6 node(s) had all")
    assert first["series"]["count"] == 3
    assert second["note"].startswith("0/1 nodes fit: 1 node(s) had all")


@telling()
async def test_an_event_that_is_not_written_yet_says_the_newest_numbers(made: Telling) -> None:
    for nodes in (1, 2, 3):
        made.events.refused(waiting(), f"0/{nodes} nodes fit: {nodes} node(s) had no devices for request gpu")
    await asyncio.sleep(5)
    (event,) = made.written()
    assert event["note"].startswith("0/3 nodes fit: 3 no")


@telling()
async def test_a_pod_that_fits_meanwhile_is_told_nothing(made: Telling) -> None:
    made.events.refused(waiting(), USED)
    made.events.passed(waiting())
    await asyncio.sleep(5)
    assert made.written() == []


@telling()
async def test_only_the_leader_writes(made: Telling) -> None:
    made.fence.end()
    made.events.refused(waiting(), USED)
    await asyncio.sleep(5)
    assert made.written() == []
    made.fence.start_term(float("inf"))
    made.fence.admit()
    made.events.refused(waiting(), USED)
    await asyncio.sleep(5)
    assert len(made.written()) == 1


@telling(writes_per_second=10)
async def test_many_pods_are_told_one_after_the_other(made: Telling) -> None:
    for index in range(100):
        made.events.refused(waiting(f"p{index}"), USED)
    await asyncio.sleep(5)
    assert 40 <= len(made.written()) <= 51
    await asyncio.sleep(6)
    assert len(made.written()) == 100


@telling(most_pods=10)
async def test_no_more_is_remembered_than_is_allowed(made: Telling) -> None:
    for index in range(100):
        made.events.refused(waiting(f"p{index}"), USED)
    await asyncio.sleep(30)
    assert len(made.written()) == 10
    assert made.events.dropped == 90


@telling()
async def test_a_failure_is_reported_once_and_the_next_event_is_written(made: Telling) -> None:
    made.server.faults.append(Fault(lambda call: call.method == "POST", times=1, status=403))
    made.events.refused(waiting("a"), USED)
    await asyncio.sleep(5)
    assert len(made.caplog.messages) == 1
    assert "cannot write an Event for Pod default/a" in made.caplog.messages[0]
    made.events.refused(waiting("b"), USED)
    await asyncio.sleep(5)
    assert [event["regarding"]["name"] for event in made.written()] == ["b"]


@pytest.mark.parametrize("text", ["x" * 3000, "ü" * 900, "0/3 nodes fit"])
def test_a_note_fits_into_the_api(text: str) -> None:
    note = note_of(waiting(), text)
    assert len(note.encode()) <= 1024
    assert note.endswith(". For details, run: kubectl dra explain p -n default")
