"""Requests that cost much end in time, and when their client leaves; one caller leaves room for others."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.api.errors import HttpError
from app.api.expensive import Places
from tests.api.conftest import Asked, run
from tests.attack.dear_selectors import MAX_CALLS, NODES, SELECTORS
from tests.attack.held import held
from tests.objects import claim, device, device_class, node, pod, slice_of

BODIES = {
    "JSON said to be YAML, of maps": ("application/yaml", b"[" + b"{}," * 400_000 + b"{}]"),
    "JSON said to be YAML, of numbers": ("application/yaml", b"[" + b"0," * 400_000 + b"0]"),
    "documents of nothing": ("application/yaml", b"{}" * 600_000),
    "many keys": ("application/yaml", b"\n".join(b"k%d: v" % index for index in range(60_000))),
    "many documents": ("application/yaml", b"---\n" * 400_000),
    "one comment": ("application/yaml", b"#" * 4_000_000),
    "one scalar": ("application/yaml", b"a: " + b"x" * 4_000_000),
    "JSON of maps": ("application/json", b'{"pods":[' + b"{}," * 200_000 + b"{}]}"),
    "JSON of escapes": ("application/json", b'{"pods":["' + b"\\n" * 2_000_000 + b'"]}'),
    "JSON of unknown fields": (
        "application/json",
        b"{" + b",".join(b'"k%d":1' % index for index in range(60_000)) + b"}",
    ),
}
WHAT_IFS: dict[str, dict[str, Any]] = {
    "many nodes like one": {"addNodes": [{"like": NODES[0], "count": 2_000}]},
    "many taints": {
        "taints": [
            {
                "driver": "gpu.example.com",
                "device": f"d{index % 8}",
                "key": f"k{index}",
                "effect": "NoSchedule",
            }
            for index in range(100)
        ]
    },
    "selectors of 10 kB": {
        "objects": [
            claim("dear", expression=" || ".join(f"device.driver == 'x{index}'" for index in range(380))),
        ]
    },
}


@pytest.fixture
def served(tmp_path: Path) -> Path:
    objects: list[Any] = [device_class(), claim("cheap", expression="device.driver == 'gpu.example.com'")]
    for name in NODES:
        devices = [device(f"d{number}", uuid=f"{name}-{number}") for number in range(8)]
        objects += [node(name), slice_of(name, *devices)]
    path = tmp_path / "inventory.json"
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return path


@pytest.mark.parametrize(("kind", "body"), BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["/api/v1/placements", "/api/v1/documents"])
def test_a_body_of_any_kind_holds_nobody_up(served: Path, path: str, kind: str, body: bytes) -> None:
    async def attack(service: Asked) -> None:
        answer = await service.client.post(path, content=body, headers={"Content-Type": kind}, timeout=60)
        assert answer.status_code in (200, 400, 413, 422, 503), answer.text
        assert answer.json()

    meter = held(served, attack, dry_run_timeout_seconds=5)
    assert meter.most_calls < MAX_CALLS, meter.where


@pytest.mark.parametrize("name", WHAT_IFS)
def test_a_what_if_holds_nobody_up(served: Path, name: str) -> None:
    async def attack(service: Asked) -> None:
        body = {"pods": [pod("p", "cheap")]} | WHAT_IFS[name]
        answer = await service.client.post("/api/v1/placements", json=body, timeout=60)
        assert answer.status_code in (200, 422, 503), answer.text

    meter = held(served, attack, dry_run_timeout_seconds=5)
    assert meter.most_calls < MAX_CALLS, meter.where


@pytest.mark.parametrize("name", SELECTORS)
def test_a_search_for_devices_ends_in_time(served: Path, name: str) -> None:
    async def attack(service: Asked) -> None:
        path = f"/api/v1/matches?selector={quote(SELECTORS[name])}"
        answer = await service.client.get(path, timeout=60)
        assert answer.status_code in (200, 503), answer.text

    meter = held(served, attack, dry_run_timeout_seconds=0.5)
    assert meter.most_calls < MAX_CALLS, meter.where


def test_work_ends_when_its_client_leaves(served: Path) -> None:
    path = f"/api/v1/matches?selector={quote(SELECTORS['equal lists of equal lists'])}"

    async def scene(service: Asked) -> None:
        gone = asyncio.Event()
        begun = False

        async def receive() -> dict[str, Any]:
            nonlocal begun
            if not begun:
                begun = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(_message: dict[str, Any]) -> None:
            pass

        target, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": "GET",
            "path": target,
            "raw_path": target.encode(),
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost")],
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "extensions": {},
        }
        task = asyncio.create_task(service.app(scope, receive, send))  # type: ignore[arg-type] # as servers call it
        places = service.app.state.service.places
        while not places.count:  # noqa: ASYNC110 - the service counts, and tells nobody
            await asyncio.sleep(0)
        gone.set()
        await task
        assert places.count == 0

    run(served, scene, dry_run_timeout_seconds=600)


def test_one_caller_leaves_places_for_others() -> None:
    turned_away: list[None] = []

    async def scene() -> None:
        places = Places(2, lambda: turned_away.append(None))
        async with places.place("a"):
            waiting = asyncio.create_task(places.place("a").__aenter__())
            await asyncio.sleep(0)
            with pytest.raises(HttpError):
                await places.place("a").__aenter__()
            assert places.count == 2
            other = places.place("b")
            task = asyncio.create_task(other.__aenter__())
            await asyncio.sleep(0)
            assert places.count == 3
            for item in (waiting, task):
                item.cancel()

    asyncio.run(scene())
    assert len(turned_away) == 1


def test_a_request_waits_for_those_before_it_for_a_short_time_only() -> None:
    turned_away: list[None] = []

    async def scene() -> None:
        places = Places(1, lambda: turned_away.append(None), wait_seconds=0.01)
        async with places.place("a"):
            with pytest.raises(HttpError) as error:
                await places.place("b").__aenter__()
            assert (error.value.status, places.count) == (429, 1)
        async with places.place("b"):
            assert places.count == 1

    asyncio.run(scene())
    assert len(turned_away) == 1


NUMBERS = st.integers(0, 200)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "addNodes": st.lists(
            st.builds(
                lambda like, count: {"like": like, "count": count},
                st.sampled_from(NODES),
                st.integers(1, 900),
            ),
            max_size=10,
        ),
        "taints": NUMBERS.map(
            lambda number: [
                {
                    "driver": "gpu.example.com",
                    "device": f"d{index % 8}",
                    "key": f"k{index}",
                    "effect": "NoSchedule",
                }
                for index in range(number)
            ]
        ),
        "remove": st.integers(0, len(NODES)).map(
            lambda number: [{"kind": "Node", "name": name} for name in NODES[:number]]
        ),
        "drain": st.lists(st.sampled_from(NODES), unique=True),
        "nodeChecks": st.booleans(),
        "policy": st.sampled_from(["spread", "binpack", "least-fragmentation"]),
        "objects": NUMBERS.map(
            lambda number: [
                claim(f"own-{index}", expression=f"device.driver == 'x{index}'") for index in range(number)
            ]
        ),
        "nodes": st.lists(st.sampled_from(NODES), min_size=1, unique=True),
        "allOrNothing": st.booleans(),
        "preemption": st.booleans(),
        "explain": st.sampled_from(["summary", "full"]),
    },
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(changes=CHANGES, pods=st.integers(1, 60))
def test_any_change_of_a_what_if_holds_nobody_up(served: Path, changes: dict[str, Any], pods: int) -> None:
    async def attack(service: Asked) -> None:
        body = {"pods": [pod(f"p{index}", "cheap") for index in range(pods)]} | changes
        answer = await service.client.post("/api/v1/placements", json=body, timeout=60)
        assert answer.status_code in (200, 422, 503), answer.text

    meter = held(served, attack, dry_run_timeout_seconds=5)
    assert meter.most_calls < MAX_CALLS, meter.where
