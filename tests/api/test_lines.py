"""Lists and dry runs as lines: the same as the document, sent as it comes, with an error as the last line."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from app.api.errors import HttpError
from app.api.line_stream import Lines, LineStream, line, wants_lines
from app.api.service import Service, made_service
from app.core.json_object import JsonObject
from tests.api.conftest import Asked, run
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of, template

Inventory = Callable[..., Path]
LINES = {"Accept": "application/x-ndjson"}
OBJECTS = (
    node("n1", zone="a"),
    node("n2", zone="b"),
    device_class(),
    slice_of("n1", device("d0"), device("d1"), device("d2")),
    slice_of("n2", device("d0")),
    template("t"),
    claim("held") | {"status": {"allocation": allocation("n1", "d0")}},
    claim("free"),
    pod("first", "held"),
    pod("second", "free"),
)
MANY = (
    node("n"),
    device_class(),
    *(slice_of(f"n{index:03}", *(device(f"d{number}") for number in range(100))) for index in range(200)),
)
LISTS = ("nodes", "devices", "pools", "claims", "pods")
TWO_PODS = {"workloads": [pod("p", templates=("t",))], "replicas": 2}


def parsed(answer: httpx.Response) -> list[Any]:
    assert answer.headers["content-type"] == "application/x-ndjson", answer.text
    assert answer.text.endswith("\n")
    return [json.loads(text) for text in answer.text.splitlines()]


async def lines_of(service: Asked, path: str, **params: Any) -> list[Any]:
    return parsed(await service.client.get(f"/api/v1/{path}", params=params, headers=LINES))


async def placed_lines(service: Asked, body: JsonObject) -> list[Any]:
    return parsed(await service.client.post("/api/v1/placements", json=body, headers=LINES))


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/x-ndjson", True),
        ("application/x-ndjson, */*;q=0.1", True),
        ("application/json;q=0.5, application/x-ndjson", True),
        # As a generated client does, which reads the first type that it knows.
        ("application/json, application/x-ndjson", False),
        ("application/x-ndjson;q=0", False),
        ("application/x-ndjson;q=0.1, */*", False),
        ("application/x-ndjson;q=much", False),
    ],
)
def test_only_a_client_that_prefers_lines_gets_them(accept: str, wanted: bool) -> None:
    assert wants_lines({"type": "http", "headers": [(b"accept", accept.encode())]}) == wanted


@pytest.mark.parametrize("path", LISTS)
def test_a_list_as_lines_is_the_document(inventory: Inventory, path: str) -> None:
    async def evaluation(service: Asked) -> None:
        page = await service.get(f"/api/v1/{path}")
        *items, last = await lines_of(service, path)
        assert len(items) > 1
        assert items == page.pop("items")
        assert last == {"end": page}

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize("path", LISTS)
def test_lines_with_a_limit_are_a_page(inventory: Inventory, path: str) -> None:
    async def evaluation(service: Asked) -> None:
        whole = (await service.get(f"/api/v1/{path}"))["items"]
        found, cursor = [], ""
        while cursor is not None:
            *items, last = await lines_of(service, path, limit=1, cursor=cursor)
            assert len(items) == 1
            found += items
            cursor = last["end"]["next"]
        assert found == whole

    run(inventory(*OBJECTS), evaluation)


def test_lines_are_narrowed_as_documents_are(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        *items, _ = await lines_of(service, "devices", labelSelector="zone=b")
        assert [item["pool"] for item in items] == ["n2"]
        refused = await service.client.get("/api/v1/devices", params={"stat": "free"}, headers=LINES)
        assert (refused.status_code, refused.json()["error"]["path"]) == (400, "query.stat")

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize(
    "more", [{}, {"explain": "none"}, {"explain": "full"}, {"preemption": True}], ids=str
)
@pytest.mark.parametrize("replicas", [2, 7])
def test_a_dry_run_as_lines_is_the_document(inventory: Inventory, replicas: int, more: JsonObject) -> None:
    async def evaluation(service: Asked) -> None:
        body = TWO_PODS | {"replicas": replicas} | more
        answer = await service.post("/api/v1/placements", body)
        *pods, last = await placed_lines(service, body)
        assert len(pods) == replicas
        assert pods == answer.pop("pods")
        assert last == {"end": answer}

    run(inventory(*OBJECTS), evaluation)


def test_a_gang_as_lines_is_the_document(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        body = TWO_PODS | {"allOrNothing": True}
        answer = await service.post("/api/v1/placements", body)
        *pods, last = await placed_lines(service, body)
        assert pods == answer.pop("pods")
        assert last["end"]["gang"]["outcome"] == "fits"
        assert last == {"end": answer}

    run(inventory(*OBJECTS), evaluation)


def test_a_dry_run_that_is_wrong_has_a_status(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        refused = await service.client.post("/api/v1/placements", json={"pods": []}, headers=LINES)
        assert (refused.status_code, refused.json()["error"]["path"]) == (422, "pods")

    run(inventory(*OBJECTS), evaluation)


def test_a_dry_run_that_is_late_says_so_in_its_last_line(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        *pods, last = await placed_lines(service, TWO_PODS | {"replicas": 2000})
        assert len(pods) < 2000
        assert last["end"]["complete"] is False
        assert last["end"]["placed"] + last["end"]["unplaced"] == len(pods)

    many = [slice_of(f"n{index}", *(device(f"d{number}") for number in range(8))) for index in range(300)]
    nodes = [node(f"n{index}") for index in range(300)]
    run(
        inventory(*nodes, device_class(), template("t"), *many),
        evaluation,
        dry_run_timeout_seconds=0.3,
    )


def test_a_list_that_is_late_ends_with_an_error(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        first, *_, last = await slowly(service, "/api/v1/devices")
        assert first["device"] == "d0"
        assert last["error"]["code"] == "TimeUp"

    run(inventory(*MANY), evaluation, dry_run_timeout_seconds=0.2)


async def slowly(service: Asked, path: str) -> list[Any]:
    """The lines for a client that reads one message in a tenth of a second."""
    received: list[bytes] = []

    async def send(message: Message) -> None:
        received.append(message.get("body", b""))
        if message["type"] == "http.response.body":
            await asyncio.sleep(0.1)

    await asgi(service.app, path, send)
    return [json.loads(text) for text in b"".join(received).splitlines()]


async def asgi(app: FastAPI, path: str, send: Any, gone: asyncio.Event | None = None) -> None:
    gone = gone or asyncio.Event()

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"accept", b"application/x-ndjson")],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
        "root_path": "",
        "app": app,
    }
    await app(scope, receive, send)


def service_in(asked: Asked) -> Service:
    return cast("Service", made_service(asked.app))


def test_lines_are_made_as_they_are_read(inventory: Inventory) -> None:
    """Nothing piles up for a slow client, and the first lines do not wait for the last ones."""
    sizes: list[int] = []

    async def evaluation(service: Asked) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.body" and message["body"]:
                sizes.append(message["body"].count(b"\n"))

        await asgi(service.app, "/api/v1/devices", send)

    run(inventory(*MANY), evaluation)
    assert sum(sizes) == 20_001
    # A slice is 2 ms of work, and here a device takes more than 2 us.
    assert max(sizes) < 1500


def test_a_client_that_leaves_ends_the_work_and_frees_its_place(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        gone, bodies = asyncio.Event(), 0

        async def send(message: Message) -> None:
            nonlocal bodies
            bodies += message["type"] == "http.response.body"
            if bodies == 2:
                assert service_in(service).streams.count == 1
                gone.set()
                await asyncio.sleep(0)

        await asgi(service.app, "/api/v1/devices", send, gone)
        assert bodies < 10
        assert service_in(service).streams.count == 0

    run(inventory(*MANY), evaluation)


def test_lists_as_lines_are_counted_as_streams(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        with service_in(service).streams.place(""):
            refused = await service.client.get("/api/v1/devices", headers=LINES)
        assert refused.status_code == 429
        assert refused.json()["error"]["message"].endswith("read page by page instead")
        assert (await service.client.get("/api/v1/devices", headers=LINES)).status_code == 200

    run(inventory(*OBJECTS), evaluation, streams=1)


def test_dry_runs_as_lines_take_a_place(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        places = service_in(service).places
        async with places.place():
            queued = asyncio.create_task(placed_lines(service, TWO_PODS))
            while places.count < 2:  # noqa: ASYNC110 - a count, which no event announces
                await asyncio.sleep(0)
            refused = await service.client.post("/api/v1/placements", json=TWO_PODS, headers=LINES)
        assert refused.status_code == 429
        assert len(await queued) == 3
        assert places.count == 0

    run(inventory(*OBJECTS), evaluation, dry_runs=1)


def test_lines_are_not_kept_by_caches(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        tag = (await service.client.get("/api/v1/devices")).headers["etag"]
        answer = await service.client.get("/api/v1/devices", headers=LINES | {"If-None-Match": tag})
        assert (answer.status_code, "etag" in answer.headers) == (200, False)
        assert answer.headers["cache-control"] == "no-store"
        assert "Accept" in answer.headers["vary"].split(", ")

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_lines_are_compressed_as_asked(inventory: Inventory, coding: str) -> None:
    async def evaluation(service: Asked) -> None:
        plain = await service.client.get("/api/v1/devices", headers=LINES)
        packed = await service.client.get("/api/v1/devices", headers=LINES | {"Accept-Encoding": coding})
        assert packed.headers["content-encoding"] == coding
        assert packed.text == plain.text

    run(inventory(*OBJECTS), evaluation)


async def failing(error: Exception, after: int) -> Lines:
    for number in range(after):
        yield line({"number": number})
    raise error


async def sent(lines: Lines) -> list[Any]:
    received: list[Message] = []

    async def send(message: Message) -> None:
        received.append(message)

    await LineStream(lines)({"type": "http"}, cast("Any", None), send)
    assert received[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    return [json.loads(item["body"]) for item in received[1:-1]]


def test_an_error_in_the_middle_is_the_last_line(caplog: pytest.LogCaptureFixture) -> None:
    *items, last = asyncio.run(sent(failing(HttpError(503, "TimeUp", "late", "pods"), after=2)))
    assert len(items) == 2
    assert last == {"error": {"code": "TimeUp", "message": "late", "path": "pods"}}
    assert not caplog.records
    *_, last = asyncio.run(sent(failing(ValueError("secret"), after=1)))
    assert last["error"]["code"] == "Internal"
    assert "secret" not in last["error"]["message"]
    assert "secret" in caplog.text


def test_an_error_before_the_first_line_is_raised() -> None:
    with pytest.raises(HttpError, match="late"):
        asyncio.run(sent(failing(HttpError(503, "TimeUp", "late"), after=0)))


def test_lines_are_closed_when_sending_fails() -> None:
    closed = False

    async def endless() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            while True:
                yield line({})
        finally:
            closed = True

    async def send(message: Message) -> None:
        if message.get("body"):
            raise OSError("the client has left")

    lines = cast("Lines", endless())
    with pytest.raises(OSError, match="left"):
        asyncio.run(LineStream(lines)({"type": "http"}, cast("Any", None), send))
    assert closed
