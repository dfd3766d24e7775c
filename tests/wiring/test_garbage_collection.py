"""No collection goes through more than a few thousand objects, and what it excludes is no cycle."""

import asyncio
import gc
import sys
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from app.core.cel.common.errors import CelCompileError, CelError
from app.core.model.device import intern_shape
from app.core.selectors.selector import Selector, compile_selector
from app.wiring import garbage_collection
from app.wiring.garbage_collection import COLLECTIONS, collect_all, keep_inventory
from tests.api.conftest import serving
from tests.attack.dear_selectors import SELECTORS
from tests.objects import claim, device, device_class, node, pod, slice_of

NODES = [f"n{number:02}" for number in range(10)]
MAX_OBJECTS = 20_000
"""Of one collection: 20 ms where it takes a microsecond for each."""


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Restores what concerns the whole process."""
    thresholds, callbacks = gc.get_threshold(), gc.callbacks[:]
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks[:] = callbacks
    gc.unfreeze()


def test_no_collection_goes_through_more_objects_however_many_are_kept() -> None:
    keep_inventory()
    visited: list[int] = []

    def note(phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            young = range(info["generation"] + 1)
            visited.append(sum(len(gc.get_objects(generation)) for generation in young))

    gc.callbacks.append(note)
    kept = [[number] for number in range(300_000)]
    assert len(visited) > 10
    assert max(visited) < MAX_OBJECTS
    assert len(kept) == 300_000


def test_a_cycle_that_dies_young_is_freed() -> None:
    keep_inventory()
    freed: list[int] = []

    class Knot:
        def __init__(self) -> None:
            self.self = self

        def __del__(self) -> None:
            freed.append(1)

    for _ in range(100):
        Knot()
    kept = [[number] for number in range(4 * COLLECTIONS[0])]
    assert len(freed) == 100
    assert kept


class Blocks:
    """What the interpreter has allocated, as the test says."""

    def __init__(self) -> None:
        self.count = 4_000_000
        self.looks = 0

    def __call__(self) -> int:
        self.looks += 1
        return self.count


def test_all_objects_are_gone_through_once_when_there_are_much_more_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks, rounds = Blocks(), []
    monkeypatch.setattr(garbage_collection, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(garbage_collection, "_LOOKS", 5)
    monkeypatch.setattr(sys, "getallocatedblocks", blocks)
    monkeypatch.setattr(garbage_collection, "collect_all", lambda: rounds.append(blocks.count))

    async def looked(times: int) -> None:
        until = blocks.looks + times
        while blocks.looks < until:  # noqa: ASYNC110 - the task looks as often as it runs
            await asyncio.sleep(0)

    async def scene() -> None:
        task = asyncio.create_task(garbage_collection.collect_after_growth())
        await looked(4)
        for count in (11_000_000, 13_000_000, 10_000_000):  # a dry run
            blocks.count = count
            await looked(3)
        assert not rounds
        blocks.count = 13_000_000
        await looked(20)
        assert rounds == [13_000_000], "once: that is its size now"
        blocks.count = 40_000_000
        await looked(20)
        assert rounds == [13_000_000, 40_000_000]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        blocks.count = 100_000
        task = asyncio.create_task(garbage_collection.collect_after_growth())
        await looked(4)
        blocks.count = 7_000_000
        await looked(20)
        assert len(rounds) == 2, "a small process has time until it is a large one"
        blocks.count = 9_000_000
        await looked(20)
        assert len(rounds) == 3
        task.cancel()

    asyncio.run(scene())


WANTED = [pod("wanted", "cheap")]
MANY = [f"feature-{number}" for number in range(100)]
POSTS: dict[str, tuple[str, Any, int]] = {
    "filter": ("/scheduler/filter", {"Pod": pod("p", "cheap"), "NodeNames": NODES}, 200),
    "filter of what is not a Pod": ("/scheduler/filter", {"Pod": {"x": 1}, "NodeNames": NODES}, 200),
    "filter without its claim": ("/scheduler/filter", {"Pod": pod("p", "none"), "NodeNames": NODES}, 200),
    "prioritize": ("/scheduler/prioritize", {"Pod": pod("p", "cheap"), "NodeNames": NODES}, 200),
    "placements": ("/api/v1/placements", {"pods": WANTED}, 200),
    "placements that are refused": ("/api/v1/placements", {"pods": [{}]}, 422),
    "placements out of time": (
        "/api/v1/placements",
        {"pods": WANTED, "addNodes": [{"like": NODES[0], "count": 5_000}]},
        503,
    ),
    "what-if": (
        "/api/v1/placements",
        {
            "pods": WANTED,
            "explain": "full",
            "preemption": True,
            "remove": [{"kind": "Node", "name": NODES[1]}],
            "addNodes": [{"like": NODES[0], "count": 3}],
            "taints": [{"driver": "gpu.example.com", "key": "k", "effect": "NoSchedule"}],
        },
        200,
    ),
    "capacity": ("/api/v1/capacity", {"pod": pod("p", "cheap")}, 200),
    "broken JSON": ("/api/v1/placements", b"{{{", 400),
    "placements in a list": ("/api/v1/placements", [], 400),
    "removal of what is no object": ("/api/v1/placements", {"pods": WANTED, "remove": [1]}, 422),
    "too many features": ("/api/v1/placements", {"pods": WANTED, "features": dict.fromkeys(MANY, True)}, 422),
}
GETS = {
    "matches": (f"/api/v1/matches?selector={quote('device.allowMultipleAllocations')}", 200),
    "matches out of time": (f"/api/v1/matches?selector={quote(SELECTORS['beyond the limit'])}", 503),
    "nodes": ("/api/v1/nodes", 200),
    "devices": ("/api/v1/devices", 200),
    "claims": ("/api/v1/claims", 200),
    "overview": ("/api/v1/overview", 200),
    "explanation": ("/api/v1/pods/default/known/explain", 200),
    "explanation of no Pod": ("/api/v1/pods/default/unknown/explain", 404),
    "no such path": ("/api/v1/unknown", 404),
    "a damaged cursor": ("/api/v1/devices?next=zz", 400),
    "a damaged cursor of nodes": ("/api/v1/nodes?next=zz", 400),
    "a damaged cursor, and a limit that is no number": ("/api/v1/claims?next=zz&limit=x", 400),
    "a state that does not exist": ("/api/v1/devices?state=zz", 400),
    "matches of what is no expression": ("/api/v1/matches?selector=((", 422),
}
REQUESTS = {name: ("POST", *given) for name, given in POSTS.items()} | {
    name: ("GET", path, None, status) for name, (path, status) in GETS.items()
}


@pytest.fixture
def served(tmp_path: Path) -> Path:
    cheap = claim("cheap", expression="device.driver == 'gpu.example.com'")
    objects: list[Any] = [device_class(), cheap, pod("known", "cheap")]
    for name in NODES:
        objects += [node(name), slice_of(name, *(device(f"d{number}") for number in range(8)))]
    path = tmp_path / "inventory.json"
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return path


async def ask(app: Any, method: str, path: str, body: Any) -> int:
    """Status of the response. httpx, whose requests and responses refer to each other, is not used."""
    content = body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else b""
    messages = [{"type": "http.request", "body": content, "more_body": False}]
    status: list[int] = []
    never = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await never.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    target, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": target,
        "raw_path": target.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "extensions": {},
    }
    await app(scope, receive, send)
    return status[0]


@contextmanager
def cycles() -> Iterator[Counter[str]]:
    """Afterwards it has the types of the objects that only the collector frees."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(type(item).__qualname__ for item in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_of_any_kind_leaves_no_cycle(served: Path, name: str) -> None:
    method, path, body, status = REQUESTS[name]

    async def scene() -> Counter[str]:
        seconds = 0.05 if status == 503 else 30
        async with serving(served, dry_run_timeout_seconds=seconds) as service:
            for _ in range(3):  # what is made once is no leak
                assert await ask(service.app, method, path, body) == status
                await asyncio.sleep(0)
            with cycles() as found:
                for _ in range(5):
                    await ask(service.app, method, path, body)
                    await asyncio.sleep(0)
            return found

    assert not asyncio.run(scene())


EXPRESSIONS = SELECTORS | {
    "compiled to Python": "device.driver == 'x' && device.attributes['gpu.example.com'].cores > 4",
    "lists and maps": "[1, 2].all(x, {'a': [x]}['a'].exists(y, y > 0)) && optional.of([1]).hasValue()",
    "no expression": "((",
    "an unknown function": "device.missing()",
    "a wrong type": "1 + 'a' == 2",
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_compilation_of_a_selector_leaves_no_cycle(name: str) -> None:
    def compiled() -> None:
        with suppress(CelCompileError):
            compile_selector(EXPRESSIONS[name])

    compiled()  # what is made once is no leak
    with cycles() as found:
        compiled()
    assert not found


NONE = "device.attributes['x'].y"
FAILING = {
    "an attribute that a device has not": f"{NONE} == 'a'",
    "beside what decides": f"{NONE} == 'a' || device.driver == 'gpu.example.com'",
    "beside what does not decide": f"{NONE} == 'a' || device.driver == 'x'",
    "twice": f"{NONE} == 'a' && {NONE} == 'b'",
    "in both operands": f"{NONE} + {NONE} == 'ab'",
    "in a condition": f"{NONE} == 'a' ? true : false",
    "in all()": f"[1, 2].all(x, {NONE} == string(x))",
    "in some steps of exists()": f"[1, 2].exists(x, x == 2 || {NONE} == string(x))",
    "in exists() with two variables": f"{{'a': 1}}.exists(k, v, {NONE} == k)",
    "in map()": f"[1, 2].map(x, {NONE}).size() == 2",
    "in a variable": f"cel.bind(v, {NONE}, v == 'a' || v == 'b' || device.driver == 'x')",
    "in a variable that is read twice": f"cel.bind(v, {NONE}, [1, 2].all(x, v == string(x)))",
    "in a list": f"dyn(device.driver) in [{NONE}, dyn('a')]",
    "in equal lists": "[dyn([1] + [2]), dyn(1)] == [dyn(['a'] + [device.driver]), dyn('a')]",
    "in a key": f"{{{NONE}: 1}}.size() == 1",
    "in a conversion": "int(device.driver) == 1 || duration(device.driver) == duration('1s')",
    "in a timestamp": "timestamp(device.driver) < timestamp('2026-01-01T00:00:00Z')",
    "in a quantity": "quantity(device.driver).isGreaterThan(quantity('1'))",
    "in a version": "semver(device.driver).major() == 1",
    "in a pattern": "device.driver.matches(device.driver + '(')",
    "in an optional value": f"optional.of({NONE}).orValue('a') == 'a'",
    "division by zero": "1 / (device.driver.size() - device.driver.size()) == 1 || true",
    "what is no bool": "dyn(device.driver) || dyn(device.driver)",
}
ABSORBED = {"beside what decides", "in some steps of exists()", "in equal lists", "division by zero"}
"""These give a verdict all the same."""


@pytest.mark.parametrize("name", FAILING)
def test_an_evaluation_that_fails_leaves_no_cycle(name: str) -> None:
    """The frames of a failure refer to all that called them, and to their variables."""
    selector = compile_selector(FAILING[name])
    assert selector.error is None, selector.error
    raised: list[str] = []

    def evaluated() -> None:
        shape = intern_shape("gpu.example.com", {}, {})
        try:
            selector.matches(shape)
        except CelError as error:
            raised.append(str(error))

    evaluated()  # what is made once is no leak
    with cycles() as found:
        evaluated()
    assert not found
    assert bool(raised) is (name not in ABSORBED)


def test_a_broken_selector_refers_to_none_of_its_callers() -> None:
    class Held:
        pass

    def compiled() -> tuple[Selector, "weakref.ref[Held]"]:
        held = Held()
        return compile_selector("((("), weakref.ref(held)

    selector, held = compiled()
    assert selector.error is not None
    assert held() is None


def test_cycles_are_found() -> None:
    with cycles() as found:
        knot: list[Any] = []
        knot.append(knot)
        del knot
    assert found == Counter(list=1)


def test_all_objects_are_gone_through_on_demand() -> None:
    keep_inventory()
    knot: list[Any] = [0]
    knot.append(knot)
    gc.freeze()
    del knot
    assert gc.collect() == 0
    assert collect_all() >= 1
