"""The informer against a server that fails in every way; time is virtual throughout."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import POD, Resource
from app.cluster.informers.informer import (
    Deleted,
    Event,
    Informer,
    InformerSettings,
    ObjectKey,
    Replaced,
    Upserted,
)
from tests.cluster.fake_apiserver import Call, FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time, run

SLICE = Resource("resource.k8s.io", "v1", "resourceslices", "ResourceSlice", namespaced=False)
PAGED = InformerSettings(watch_list=False)
PAUSE = 0.001


class Follower:
    """Consumes an informer, as the state does, and remembers everything."""

    def __init__(self, server: FakeApiServer, resource: Resource, settings: InformerSettings) -> None:
        self.events: list[Event] = []
        self.objects: dict[str, Any] = {}
        client = ApiClient("http://fake", InMemoryTransport(server))
        # Full jitter at its upper end, so that the number of calls is the least there can be.
        self.informer = Informer(client, resource, settings=settings, uniform=lambda _low, high: high)

    async def run(self) -> None:
        async for event in self.informer.events():
            self.events.append(event)
            match event:
                case Replaced(objects):
                    self.objects = {obj["metadata"]["name"]: obj for obj in objects}
                case Upserted(obj):
                    self.objects[obj["metadata"]["name"]] = obj
                case Deleted(obj):
                    del self.objects[obj["metadata"]["name"]]

    @property
    def names(self) -> list[str]:
        return sorted(self.objects)


@asynccontextmanager
async def following(
    server: FakeApiServer, resource: Resource = SLICE, settings: InformerSettings | None = None
) -> AsyncIterator[Follower]:
    follower = Follower(server, resource, settings or InformerSettings())
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert server.open_watches == 0, "a watch outlives its informer"


def put(server: FakeApiServer, name: str, **spec: Any) -> None:
    server.put(
        "resource.k8s.io/v1",
        "resourceslices",
        {"metadata": {"name": name, "managedFields": [{"manager": "driver"}]}, "spec": spec},
    )


def remove(server: FakeApiServer, name: str) -> None:
    server.remove("resource.k8s.io/v1", "resourceslices", name)


def watches(server: FakeApiServer) -> list[Call]:
    return [call for call in server.calls if call.is_watch]


def lists(server: FakeApiServer) -> list[Call]:
    return [call for call in server.calls if not call.is_watch]


@pytest.fixture(params=[True, False], ids=["streamed list", "paged list"])
def settings(request: pytest.FixtureRequest) -> InformerSettings:
    return InformerSettings(watch_list=request.param)


@in_virtual_time
async def test_first_objects_come_in_one_event_and_later_changes_one_by_one(
    settings: InformerSettings,
) -> None:
    server = FakeApiServer()
    put(server, "a", n=1)
    put(server, "b", n=1)
    async with following(server, settings=settings) as follower:
        await asyncio.sleep(PAUSE)
        assert follower.informer.synced
        put(server, "c", n=1)
        put(server, "a", n=2)
        remove(server, "b")
        await asyncio.sleep(PAUSE)
        assert [type(event).__name__ for event in follower.events] == [
            "Replaced",
            "Upserted",
            "Upserted",
            "Deleted",
        ]
        assert follower.names == ["a", "c"]
        assert follower.objects["a"]["spec"] == {"n": 2}
        assert len(watches(server)) == 1


@in_virtual_time
async def test_objects_carry_version_and_kind_and_no_managed_fields(settings: InformerSettings) -> None:
    server = FakeApiServer()
    put(server, "listed")
    async with following(server, settings=settings) as follower:
        await asyncio.sleep(PAUSE)
        put(server, "watched")
        await asyncio.sleep(PAUSE)
        assert follower.names == ["listed", "watched"]
        for obj in follower.objects.values():
            assert (obj["apiVersion"], obj["kind"]) == ("resource.k8s.io/v1", "ResourceSlice")
            assert "managedFields" not in obj["metadata"]


@in_virtual_time
async def test_pages_are_of_one_version_while_objects_change() -> None:
    server = FakeApiServer()
    for number in range(5):
        put(server, f"s{number}")
    slow = Fault(lambda call: "continue" in call.query, times=9, delay=1)
    server.faults.append(slow)
    settings = InformerSettings(watch_list=False, page_size=2)
    async with following(server, settings=settings) as follower:
        await asyncio.sleep(0.5)
        remove(server, "s4")
        put(server, "s5")
        await asyncio.sleep(2)
        first = follower.events[0]
        assert isinstance(first, Replaced)
        assert [obj["metadata"]["name"] for obj in first.objects] == ["s0", "s1", "s2", "s3", "s4"]
        assert [call.query["limit"] for call in lists(server)] == ["2", "2", "2"]
        assert follower.names == ["s0", "s1", "s2", "s3", "s5"], "the watch starts where the list was"


@in_virtual_time
async def test_expired_page_token_starts_the_list_again() -> None:
    server = FakeApiServer()
    for number in range(5):
        put(server, f"s{number}")
    server.faults.append(Fault(lambda call: "continue" in call.query, delay=1))
    async with following(server, settings=InformerSettings(watch_list=False, page_size=2)) as follower:
        await asyncio.sleep(0.5)
        put(server, "s5")
        server.store.compact()
        await asyncio.sleep(10)
        assert follower.names == ["s0", "s1", "s2", "s3", "s4", "s5"]
        assert follower.informer.stats.failures["410"] == 1


@in_virtual_time
async def test_server_without_streamed_lists_is_asked_for_pages_from_then_on() -> None:
    server = FakeApiServer(watch_list=False)
    put(server, "a")
    async with following(server) as follower:
        await asyncio.sleep(5)
        assert follower.names == ["a"]
        server.store.compact()
        put(server, "b")
        server.store.compact()
        server.break_watches()
        await asyncio.sleep(30)
        assert follower.names == ["a", "b"]
        assert sum("sendInitialEvents" in call.query for call in watches(server)) == 1


@in_virtual_time
async def test_streamed_list_that_falls_silent_is_replaced_by_pages() -> None:
    server = FakeApiServer()
    put(server, "a")
    server.faults.append(Fault(lambda call: "sendInitialEvents" in call.query, times=1, delay=60))
    async with following(server) as follower:
        await asyncio.sleep(20)
        assert follower.names == ["a"]
        assert len(lists(server)) == 1


@in_virtual_time
async def test_watch_resumes_at_the_last_version_after_a_cut_mid_object() -> None:
    server = FakeApiServer()
    put(server, "a")
    async with following(server) as follower:
        await asyncio.sleep(PAUSE)
        put(server, "b")
        await asyncio.sleep(PAUSE)
        version = server.store.version
        server.break_watches(partial=b'{"type":"ADDED","object":{"metadata":{"na')
        put(server, "c")
        await asyncio.sleep(5)
        assert follower.names == ["a", "b", "c"]
        assert watches(server)[-1].query["resourceVersion"] == str(version)
        assert follower.informer.stats.relists.total() == 0
        assert sum(isinstance(event, Replaced) for event in follower.events) == 1


@in_virtual_time
async def test_bookmarks_move_the_version_on_so_that_a_quiet_resource_survives_compaction() -> None:
    server = FakeApiServer()
    put(server, "a")
    async with following(server) as follower:
        await asyncio.sleep(PAUSE)
        server.put("v1", "pods", {"metadata": {"name": "p", "namespace": "d"}})
        await asyncio.sleep(61)
        server.store.compact()
        server.break_watches()
        await asyncio.sleep(5)
        assert watches(server)[-1].query["resourceVersion"] == str(server.store.version)
        assert follower.informer.stats.relists.total() == 0


@in_virtual_time
async def test_expired_version_is_listed_again_and_compared(settings: InformerSettings) -> None:
    server = FakeApiServer()
    for name in ("kept", "changed", "lost", "remade"):
        put(server, name)
    async with following(server, settings=settings) as follower:
        await asyncio.sleep(PAUSE)
        uids = {name: obj["metadata"]["uid"] for name, obj in follower.objects.items()}
        server.stop()
        remove(server, "lost")
        remove(server, "remade")
        put(server, "remade")
        put(server, "changed", n=2)
        put(server, "new")
        server.store.compact()
        server.down = False
        await asyncio.sleep(10)
        last = follower.events[-1]
        assert isinstance(last, Replaced)
        names = [obj["metadata"]["name"] for obj in last.objects]
        assert sorted(names) == ["changed", "kept", "new", "remade"]
        assert sorted(obj["metadata"]["name"] for obj in last.changed) == ["changed", "new", "remade"]
        assert set(last.gone) == {ObjectKey("", name, uids[name]) for name in ("lost", "remade")}
        assert follower.informer.stats.relists == {"expired": 1}


@in_virtual_time
async def test_relist_is_compared_with_what_the_watch_has_told_too(settings: InformerSettings) -> None:
    server = FakeApiServer()
    for name in ("deleted", "changed"):
        put(server, name)
    async with following(server, settings=settings) as follower:
        await asyncio.sleep(PAUSE)
        remove(server, "deleted")
        put(server, "changed", n=2)
        put(server, "added")
        put(server, "lost")
        await asyncio.sleep(PAUSE)
        lost = follower.objects["lost"]["metadata"]["uid"]
        server.stop()
        remove(server, "lost")
        server.store.compact()
        server.down = False
        await asyncio.sleep(10)
        last = follower.events[-1]
        assert isinstance(last, Replaced)
        assert sorted(obj["metadata"]["name"] for obj in last.objects) == ["added", "changed"]
        assert last.changed == ()
        assert last.gone == (ObjectKey("", "lost", lost),)


@in_virtual_time
async def test_object_deleted_while_the_first_ones_stream_is_not_told() -> None:
    def line(kind: str, name: str, **metadata: Any) -> bytes:
        obj = {"metadata": {"name": name, "uid": name, "resourceVersion": "5", **metadata}}
        return orjson.dumps({"type": kind, "object": obj}) + b"\n"

    end = line("BOOKMARK", "", annotations={"k8s.io/initial-events-end": "true"})
    stream = line("ADDED", "a") + line("ADDED", "b") + line("DELETED", "a") + end
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=stream))
    informer = Informer(ApiClient("http://fake", transport), SLICE)
    async with aclosing(informer.events()) as events:
        first = await anext(events)
    assert isinstance(first, Replaced)
    assert [obj["metadata"]["name"] for obj in first.objects] == ["b"]


@in_virtual_time
async def test_version_from_before_a_restore_is_given_up() -> None:
    server = FakeApiServer()
    put(server, "a")
    too_large = Fault(
        lambda call: "resourceVersion" in call.query,
        times=99,
        status=504,
        reason="Timeout",
        causes=("ResourceVersionTooLarge",),
    )
    async with following(server) as follower:
        await asyncio.sleep(PAUSE)
        server.faults.append(too_large)
        server.break_watches()
        await asyncio.sleep(10)
        assert follower.informer.stats.relists == {"version_too_large": 1}


@in_virtual_time
async def test_resume_that_is_refused_again_and_again_becomes_a_list() -> None:
    server = FakeApiServer()
    put(server, "a")
    async with following(server) as follower:
        await asyncio.sleep(PAUSE)
        server.faults.append(Fault(lambda call: "resourceVersion" in call.query, times=99, status=500))
        server.break_watches()
        await asyncio.sleep(60)
        assert follower.informer.stats.failures["500"] == 3
        assert follower.informer.stats.relists == {"refused": 1}


@in_virtual_time
async def test_silent_watch_is_renewed_after_the_read_timeout(caplog: pytest.LogCaptureFixture) -> None:
    server = FakeApiServer()
    put(server, "a")
    async with following(server) as follower:
        await asyncio.sleep(1)
        server.frozen = True
        put(server, "b")
        await asyncio.sleep(68)
        assert follower.names == ["a"]
        assert follower.informer.last_event_age_seconds() == pytest.approx(69, abs=0.1)
        server.frozen = False
        await asyncio.sleep(2)
        assert follower.names == ["a", "b"]
        assert len(watches(server)) == 2
        assert follower.informer.stats.renewals == 1
        assert caplog.messages == [], "silence is no failure: some resources get no bookmarks"


@in_virtual_time
async def test_age_of_a_quiet_resource_without_bookmarks_stays_under_the_read_timeout() -> None:
    server = FakeApiServer(bookmark_seconds=float("inf"))
    async with following(server) as follower:
        for _ in range(39):
            await asyncio.sleep(14)
            age = follower.informer.last_event_age_seconds()
            assert age is not None
            assert age <= 70
        assert follower.informer.stats.renewals == 7
        assert follower.informer.stats.relists.total() == 0


@in_virtual_time
async def test_version_from_the_future_that_the_server_takes_in_silence_is_given_up() -> None:
    """A server restored from a backup counts from the backup's version on."""
    server = FakeApiServer()
    put(server, "a")
    async with following(server) as follower:
        await asyncio.sleep(PAUSE)
        server.store.version = 50
        server.break_watches()
        await asyncio.sleep(PAUSE)
        put(server, "b")
        await asyncio.sleep(75)
        assert follower.names == ["a", "b"]
        assert follower.informer.stats.relists == {"version_too_large": 1}


@in_virtual_time
async def test_watch_that_gets_bookmarks_is_left_alone() -> None:
    server = FakeApiServer()
    async with following(server):
        await asyncio.sleep(590)
        assert len(watches(server)) == 1, "600 s is what uniform() above asks for"


REFUSALS: list[tuple[str, Callable[[FakeApiServer], None]]] = [
    ("watch and list refused with 500", lambda server: _always(server, status=500)),
    ("version always expired", lambda server: _always(server, status=410, reason="Expired")),
    ("connection refused", lambda server: setattr(server, "down", True)),
    ("connection lost", lambda server: _always(server, cut="before")),
    ("watches end at once", lambda server: setattr(server, "watch_limit_seconds", 0)),
    ("answers are no watch events", lambda server: _always(server, status=200)),
    ("forbidden", lambda server: _always(server, status=403, reason="Forbidden")),
]


def _always(server: FakeApiServer, **fault: Any) -> None:
    server.faults.append(Fault(lambda _call: True, times=float("inf"), **fault))


@pytest.mark.parametrize("fail", [row[1] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_failing_server_is_asked_a_handful_of_times_a_minute(
    fail: Callable[[FakeApiServer], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        async with following(server) as follower:
            await asyncio.sleep(PAUSE)
            fail(server)
            server.break_watches()
            before = len(server.calls)
            await asyncio.sleep(60)
            # 0.8 + 1.6 + ... + 25.6 s is 50 s: six waits, and at most two calls (list, watch) for each.
            assert len(server.calls) - before <= 14
            assert len(caplog.messages) >= 6
            assert follower.informer.synced, "stale, and known to be, but not empty"

    run(scenario())


@in_virtual_time
async def test_informer_comes_back_by_itself_when_the_server_does() -> None:
    server = FakeApiServer()
    server.down = True
    put(server, "a")
    async with following(server) as follower:
        await asyncio.sleep(300)
        assert not follower.informer.synced
        assert follower.informer.last_event_age_seconds() is None
        server.down = False
        await asyncio.sleep(31)
        assert follower.names == ["a"]
        server.stop()
        await asyncio.sleep(300)
        put(server, "b")
        server.down = False
        await asyncio.sleep(31)
        assert follower.names == ["a", "b"]


@in_virtual_time
async def test_too_many_requests_waits_as_long_as_the_server_asks() -> None:
    server = FakeApiServer()
    server.faults.append(Fault(lambda _call: True, status=429, retry_after=20))
    async with following(server) as follower:
        await asyncio.sleep(19)
        assert len(server.calls) == 1
        await asyncio.sleep(3)
        assert follower.informer.synced


@pytest.mark.parametrize(
    ("resource", "group"), [(SLICE, "resource.k8s.io"), (POD, "")], ids=["named group", "core group"]
)
def test_forbidden_names_the_missing_rule(
    resource: Resource, group: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        server = FakeApiServer()
        _always(server, status=403, reason="Forbidden")
        async with following(server, resource):
            await asyncio.sleep(PAUSE)
            text = caplog.messages[0]
            assert f'apiGroups: ["{group}"], resources: ["{resource.plural}"]' in text
            assert 'verbs: ["get", "list", "watch"]' in text

    run(scenario())


@in_virtual_time
async def test_object_without_a_name_is_left_out_and_reported(
    settings: InformerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    server = FakeApiServer()
    put(server, "good")
    put(server, "bad")
    bad = server.store.select(("resource.k8s.io", "resourceslices"))[0]
    del bad["metadata"]["name"]
    async with following(server, settings=settings) as follower:
        await asyncio.sleep(PAUSE)
        put(server, "later")
        await asyncio.sleep(PAUSE)
        assert follower.names == ["good", "later"]
        assert follower.informer.stats.bad_objects == 1
        assert "without name" in caplog.messages[0]


@in_virtual_time
async def test_counters_tell_events_by_type() -> None:
    server = FakeApiServer()
    put(server, "a")
    async with following(server, settings=PAGED) as follower:
        await asyncio.sleep(PAUSE)
        put(server, "b")
        put(server, "a", n=2)
        remove(server, "a")
        await asyncio.sleep(61)
        assert follower.informer.stats.events == {
            "listed": 1,
            "added": 1,
            "modified": 1,
            "deleted": 1,
            "bookmark": 1,
        }


@pytest.mark.parametrize("seed", range(40))
def test_any_mix_of_changes_and_faults_ends_in_the_server_s_state(seed: int) -> None:
    """Whatever happens in between, at the end the follower knows what the server has."""
    draw = random.Random(seed)  # noqa: S311 - a seed that replays

    async def scenario() -> None:
        server = FakeApiServer(watch_list=draw.random() < 0.7)
        settings = InformerSettings(page_size=2, watch_list=draw.random() < 0.7)
        async with following(server, settings=settings) as follower:
            for _ in range(60):
                name = f"s{draw.randrange(6)}"
                act = draw.randrange(10)
                exists = any(
                    obj["metadata"]["name"] == name
                    for obj in server.store.select(("resource.k8s.io", "resourceslices"))
                )
                if act < 4:
                    put(server, name, n=draw.random())
                elif act < 6 and exists:
                    remove(server, name)
                elif act == 6:
                    server.break_watches(b'{"type":"AD' if draw.random() < 0.5 else b"")
                elif act == 7:
                    server.store.compact()
                elif act == 8:
                    status = draw.choice([429, 500, 410, 503])
                    server.faults.append(Fault(lambda _call: True, status=status, times=draw.randrange(4)))
                else:
                    server.down = not server.down
                    server.break_watches()
                await asyncio.sleep(draw.choice([0, 0.01, 1, 20]))
            server.down = False
            server.faults.clear()
            await asyncio.sleep(200)
            truth = {
                obj["metadata"]["name"]: obj["spec"]
                for obj in server.store.select(("resource.k8s.io", "resourceslices"))
            }
            assert {name: obj["spec"] for name, obj in follower.objects.items()} == truth

    run(scenario(), seed=seed)
