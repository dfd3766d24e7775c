"""Bodies made to hurt: each is refused, or answered within its bounds while webhooks go on."""

import asyncio
import functools
import itertools
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import Asked, run
from tests.objects import claim_spec, device, device_class, node, pod, slice_of, template

Inventory = Callable[..., Path]
JSON, YAML = "application/json", "application/yaml"
BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    + [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]
)


@pytest.fixture
def served(inventory: Inventory) -> Path:
    return inventory(node("n1"), device_class(), slice_of("n1", device("d0")), template("t"))


HOSTILE: dict[str, tuple[str, bytes, int, str]] = {
    "deep JSON lists": (JSON, b'{"pods":' + b"[" * 900 + b"]" * 900 + b"}", 400, "TooDeep"),
    "deeper than the decoder goes": (JSON, b"[" * 100_000, 400, "InvalidJSON"),
    "deep JSON objects": (JSON, b'{"pods":[' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"]}", 400, "TooDeep"),
    "deep YAML": (YAML, b"pods: " + b"[" * 500 + b"]" * 500, 400, "InvalidYAML"),
    "deep JSON said to be YAML": (YAML, b'{"pods":' + b"[" * 900 + b"]" * 900 + b"}", 400, "TooDeep"),
    "aliases that multiply": (YAML, BOMB.encode(), 400, "InvalidYAML"),
    "more values than bytes allow": (JSON, b'{"pods":[' + b"0," * 200_000 + b"0]}", 413, "TooLarge"),
    "larger than the limit": (JSON, b'{"policy":"' + b"a" * 1_100_000 + b'"}', 413, "TooLarge"),
    "a scalar without end": (YAML, b"policy: " + b"a" * 900_000, 422, "InvalidField"),
    "NaN": (JSON, b'{"pods":[NaN]}', 400, "InvalidJSON"),
    "Infinity": (JSON, b'{"replicas":Infinity}', 400, "InvalidJSON"),
    "NaN in YAML": (YAML, b"replicas: .nan", 422, "InvalidField"),
    "a number of a thousand digits": (JSON, b'{"replicas":' + b"9" * 1000 + b"}", 400, "InvalidJSON"),
    "a number that no machine holds": (JSON, b'{"replicas":99999999999999999999}', 422, "InvalidField"),
    "half a surrogate pair": (JSON, b'{"policy":"\\ud800"}', 400, "InvalidJSON"),
    "no UTF-8": (JSON, b'{"policy":"\xff"}', 400, "InvalidJSON"),
    "no UTF-8 in YAML": (YAML, b"policy: \xff", 400, "InvalidYAML"),
    "a key twice in YAML": (YAML, b"policy: a\npolicy: b", 400, "InvalidYAML"),
    "a key twice, the last of which counts": (JSON, b'{"policy":1,"policy":"none"}', 422, "InvalidField"),
    "an unknown field": (JSON, b'{"__proto__":{}}', 422, "InvalidField"),
    "a tag that makes objects": (YAML, b"policy: !!python/object/apply:os.system [id]", 400, "InvalidYAML"),
    "two documents": (YAML, b"pods: []\n---\npods: []", 400, "InvalidYAML"),
    "nothing": (JSON, b"", 400, "InvalidJSON"),
    "a list": (JSON, b"[]", 400, "InvalidBody"),
    "null": (JSON, b"null", 400, "InvalidBody"),
}


@pytest.mark.parametrize(("kind", "body", "status", "code"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_refused_by_name(
    served: Path, kind: str, body: bytes, status: int, code: str
) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.client.post("/api/v1/placements", content=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)

    run(served, evaluation, api_body_bytes=1_000_000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip"])
def test_compressed_bodies_are_refused_unread(served: Path, encoding: str) -> None:
    async def evaluation(service: Asked) -> None:
        for path in ("/api/v1/placements", "/scheduler/filter"):
            headers = {"Content-Type": JSON, "Content-Encoding": encoding}
            answer = await service.client.post(path, content=b"\x1f\x8b", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UnsupportedEncoding")

    run(served, evaluation)


def test_a_body_of_many_values_takes_memory_in_proportion(served: Path) -> None:
    """The densest that is let through: empty lists, 64 times their text when decoded."""
    body = b'{"pods":[' + b",".join([b"[]"] * 124_000) + b"]}"

    async def evaluation(service: Asked) -> None:
        tracemalloc.start()
        try:
            answer = await service.client.post(
                "/api/v1/placements", content=body, headers={"Content-Type": JSON}
            )
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert answer.status_code == 422
        assert peak < 40 * 1_000_000

    # With its allocations traced, a busy machine takes long.
    run(served, evaluation, api_body_bytes=1_000_000, dry_run_timeout_seconds=300)


def test_bodies_together_have_a_budget(served: Path) -> None:
    async def evaluation(service: Asked) -> None:
        release = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b'{"policy":"' + b"a" * 900_000
            await release.wait()
            yield b'"}'

        headers = {"Content-Type": JSON}
        ask = service.client.post
        held = asyncio.create_task(ask("/api/v1/placements", content=slowly(), headers=headers))
        await asyncio.sleep(0.05)
        turned_away = await ask("/api/v1/placements", content=b" " * 900_000, headers=headers)
        assert (turned_away.status_code, turned_away.json()["error"]["code"]) == (429, "TooManyRequests")
        assert turned_away.headers["retry-after"]
        # The webhooks have nothing to do with it.
        body = {"Pod": pod("p", templates=("t",)), "NodeNames": ["n1"]}
        assert (await ask("/scheduler/filter", json=body)).status_code == 200
        release.set()
        assert (await held).status_code == 422
        again = await ask(
            "/api/v1/placements", content=b'{"policy":"' + b"a" * 900_000 + b'"}', headers=headers
        )
        assert again.status_code == 422, "the budget is given back"

    run(served, evaluation, api_body_bytes=1_000_000, api_bodies_bytes=1_000_000)


BILLIONS: dict[str, dict[str, Any]] = {
    "replicas of the request": {"pods": [], "workloads": [pod("p")], "replicas": 2**62},
    "replicas of the workload": {
        "workloads": [
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "d"},
                "spec": {"replicas": 2_000_000_000, "template": {"spec": {"containers": []}}},
            }
        ]
    },
}


@pytest.mark.parametrize("body", BILLIONS.values(), ids=BILLIONS)
def test_billions_of_pods_are_counted_no_further_than_the_limit(served: Path, body: dict[str, Any]) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.post("/api/v1/placements", body, 422)
        assert answer["error"]["code"] == "TooManyPods"

    run(served, evaluation)


MANY = 300_000  # 2**63 - 1 would end the test's machine before the test
MANY_DEVICES: dict[str, dict[str, Any]] = {
    "in a request": {"exactly": {"deviceClassName": "gpu", "count": MANY}},
    "in one of two alternatives": {
        "firstAvailable": [
            {"name": "a", "deviceClassName": "gpu", "count": MANY},
            {"name": "b", "deviceClassName": "gpu", "selectors": [{"cel": {"expression": "false"}}]},
        ]
    },
}


@pytest.mark.parametrize("wanted", MANY_DEVICES.values(), ids=MANY_DEVICES)
def test_no_near_miss_is_looked_for_among_more_devices_than_a_claim_can_hold(
    served: Path, wanted: dict[str, Any]
) -> None:
    """The API server lets in any number: one claim for 2**63 - 1 devices took all memory there was."""
    raw = template("many")
    raw["spec"]["spec"]["devices"]["requests"] = [{"name": "r", **wanted}]

    async def evaluation(service: Asked) -> None:
        tracemalloc.start()
        try:
            body = {"pods": [pod("p", templates=("many",))], "objects": [raw], "explain": "full"}
            answer = await service.post("/api/v1/placements", body)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert answer["unplaced"] == 1
        assert peak < 20 * 1_000_000

    run(served, evaluation)


def hard_case() -> dict[str, Any]:
    """Nodes whose devices differ each, and claims that want them all alike: each node is a long search."""
    nodes = [f"x{index}" for index in range(40)]
    spec = claim_spec(8)
    spec["devices"]["constraints"] = [{"matchAttribute": "gpu.example.com/a"}]
    slices = [
        slice_of(name, *(device(f"d{index}", a=str(index // 7), b=f"{name}-{index}") for index in range(60)))
        for name in nodes
    ]
    wanted = template("hard")
    wanted["spec"]["spec"] = spec
    return {
        "inventory": "request",
        "objects": [*(node(name) for name in nodes), *slices, device_class(), wanted],
        "pods": [pod(f"p{index}", templates=("hard",)) for index in range(1500)],
    }


def test_a_dry_run_that_takes_long_ends_in_time_and_lets_webhooks_through(served: Path) -> None:
    filter_body = {"Pod": pod("p", templates=("t",)), "NodeNames": ["n1"]}

    async def evaluation(service: Asked) -> None:
        # A little each time somebody looks: how fast the machine is does not matter. Reading the objects
        # looks some ten thousand times, and has to end before the deadline of 25 s.
        clock = functools.partial(next, itertools.count(0.0, 0.0006))
        service.app.state.service = replace(service.app.state.service, clock=clock)
        ask = service.client.post
        long = asyncio.create_task(ask("/api/v1/placements", json=hard_case(), timeout=60))
        answered = 0
        while not long.done():
            assert (await ask("/scheduler/filter", json=filter_body)).status_code == 200
            answered += 1
            for _ in range(20):  # beside filters without a break, other work has a fifth of the loop
                await asyncio.sleep(0)
        answer = long.result()
        assert answer.status_code == 200, answer.text
        assert answer.json()["complete"] is False
        assert answered > 2, "filters were kept waiting to the end"

    run(served, evaluation, dry_run_timeout_seconds=25)


def test_more_dry_runs_than_wanted_are_told_to_come_back(served: Path) -> None:
    async def evaluation(service: Asked) -> None:
        places = service.app.state.service.places
        ask = service.client.post
        async with places.place():
            waiting = asyncio.create_task(ask("/api/v1/placements", json={"pods": [pod("p")]}))
            while places.count < 2:  # noqa: ASYNC110 - the service counts, and tells nobody
                await asyncio.sleep(0)
            answer = await ask("/api/v1/placements", json={"pods": [pod("p")]})
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "TooManyRequests")
            assert int(answer.headers["retry-after"]) >= 1
        assert (await waiting).status_code == 200

    run(served, evaluation, dry_runs=1)


def test_a_stream_ends_so_that_its_caller_is_asked_who_it_is_again(served: Path) -> None:
    async def evaluation(service: Asked) -> None:
        first = await service.client.get("/api/v1/stream")
        ids = [line for line in first.text.splitlines() if line.startswith("id: ")]
        assert len(ids) == 1
        second = await service.client.get("/api/v1/stream", headers={"Last-Event-ID": ids[0][4:]})
        assert '"changed":[]' in second.text

    run(served, evaluation, stream_seconds=0.5)


def test_more_streams_than_wanted_are_told_to_come_back(served: Path) -> None:
    async def evaluation(service: Asked) -> None:
        places = service.app.state.service.streams
        with places.place("come back"), places.place("come back"):
            answer = await service.client.get("/api/v1/stream")
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, "TooManyRequests")
            assert "retry-after" in answer.headers
        assert places.count == 0

    run(served, evaluation, streams=2)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NotFound"),
        ("GET", "/web/../app/main.py", 404, "NotFound"),
        ("GET", "/web/%2e%2e/main.py", 404, "NotFound"),
        ("GET", "/web/nothing.js", 404, "NotFound"),
        ("DELETE", "/api/v1/nodes", 405, "MethodNotAllowed"),
        ("GET", "/scheduler/filter", 405, "MethodNotAllowed"),
        ("TRACE", "/livez", 405, "MethodNotAllowed"),
        ("GET", "/api/v1/nodes?limit=0", 400, "InvalidParameter"),
        ("GET", "/api/v1/nodes?limit=99999999999999999999", 400, "InvalidParameter"),
    ],
)
def test_every_path_refuses_in_the_one_form(
    served: Path, method: str, path: str, status: int, code: str
) -> None:
    async def evaluation(service: Asked) -> None:
        answer: httpx.Response = await service.client.request(method, path)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code)
        assert set(error) == {"code", "message", "path"}

    run(served, evaluation)


def test_an_empty_body_is_called_empty(served: Path) -> None:
    async def evaluation(service: Asked) -> None:
        for path in ("/scheduler/filter", "/api/v1/placements"):
            answer = await service.client.post(path, headers={"content-type": JSON})
            assert answer.json()["error"]["message"] == "the body is empty"

    run(served, evaluation)


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/nowhere", "nothing is served at /nowhere"),
        ("DELETE", "/api/v1/nodes", "DELETE is not served at /api/v1/nodes, only GET"),
        ("GET", "/scheduler/filter", "GET is not served at /scheduler/filter, only POST"),
        ("GET", "/" + "x" * 5_000, f"nothing is served at /{'x' * 1_998}…"),
    ],
)
def test_a_refusal_names_the_path_and_what_is_served(
    served: Path, method: str, path: str, message: str
) -> None:
    async def evaluation(service: Asked) -> None:
        answer: httpx.Response = await service.client.request(method, path)
        assert answer.json()["error"]["message"] == message

    run(served, evaluation)
