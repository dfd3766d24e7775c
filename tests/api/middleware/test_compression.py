"""Responses are compressed as the client asks, piece by piece, and decompress to the same."""

import asyncio
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from app.api.middleware.compression import MIN_BYTES, Compression, accepted_coding
from tests.api.conftest import Asked, run
from tests.objects import device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]
OBJECTS = (node("n1"), device_class(), slice_of("n1", *(device(f"d{index}") for index in range(60))))
DECODERS = {
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    "": bytes,
}


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", ""),
        ("identity", ""),
        ("br, deflate", ""),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "gzip"),
        ("*;q=0", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0, *", ""),
        ("gzip; q=0.001", "gzip"),
        ("gzip;q=nonsense", ""),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip;q=0.8", "gzip"),
        ("zstd", "zstd"),
        ("zstd;q=0, gzip", "gzip"),
    ],
)
def test_the_coding_is_what_the_client_prefers(header: str, coding: str) -> None:
    assert accepted_coding([header]) == coding


@pytest.mark.parametrize("coding", DECODERS)
def test_a_list_is_compressed_as_asked(inventory: Inventory, coding: str) -> None:
    async def evaluation(service: Asked) -> None:
        headers = {"Accept-Encoding": coding or "identity"}
        async with service.client.stream("GET", "/api/v1/devices", headers=headers) as answer:
            raw = b"".join([piece async for piece in answer.aiter_raw()])
        assert answer.headers.get("content-encoding", "") == coding
        assert answer.headers["vary"] == "Accept, Accept-Encoding"
        assert ("content-length" in answer.headers) == (not coding)
        assert len(json.loads(DECODERS[coding](raw))["items"]) == 60
        assert len(raw) < 2000 or not coding

    run(inventory(*OBJECTS), evaluation)


def test_webhooks_and_small_answers_are_not_compressed(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        gzip_only = {"Accept-Encoding": "gzip"}
        body = {"Pod": pod("p"), "NodeNames": [f"node-{index}" for index in range(500)]}
        filtered = await service.client.post("/scheduler/filter", json=body, headers=gzip_only)
        assert len(filtered.content) > MIN_BYTES
        small = await service.client.get("/livez", headers=gzip_only)
        for answer in (filtered, small):
            assert answer.status_code == 200
            assert "content-encoding" not in answer.headers

    run(inventory(*OBJECTS), evaluation)


def sent_by(app: Any, coding: str = "gzip") -> list[Message]:
    """The messages of one request through the middleware."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()  # the client stays
        raise AssertionError

    headers = [(b"accept-encoding", coding.encode())]
    scope: Scope = {"type": "http", "method": "GET", "path": "/api/v1/x", "headers": headers}
    scope["app"] = Starlette()
    asyncio.run(Compression(app, lambda: 0.0)(scope, receive, send))
    return messages


def body_of(messages: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in messages)


def test_a_large_answer_leaves_the_loop_to_others_between_pieces() -> None:
    """The clock jumps at each reading, so each piece is the last of its slice."""
    turns = 0
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def answer() -> list[Message]:
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        task = asyncio.create_task(other())
        scope: Scope = {
            "type": "http",
            "method": "GET",
            "path": "/x",
            "headers": [(b"accept-encoding", b"gzip")],
        }
        scope["app"] = Starlette()
        content = json.dumps(list(range(200_000))).encode()
        await Compression(Response(content, media_type="application/json"), clock)(scope, receive, send)
        task.cancel()
        assert json.loads(gzip.decompress(body_of(messages))) == list(range(200_000))
        return messages

    messages = asyncio.run(answer())
    assert turns >= 1_000_000 // (64 * 1024)
    assert messages[-1]["more_body"] is False


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_each_line_of_a_stream_can_be_read_when_it_is_sent(coding: str) -> None:
    async def lines() -> Any:
        yield b'{"n": 1}\n'
        yield b'{"n": 2}\n'

    messages = sent_by(StreamingResponse(lines(), media_type="application/x-ndjson"), coding)
    decoder: Any = (
        zstandard.ZstdDecompressor().decompressobj()
        if coding == "zstd"
        else __import__("zlib").decompressobj(31)
    )
    parts = [decoder.decompress(message["body"]) for message in messages if message.get("body")]
    assert [part for part in parts if part] == [b'{"n": 1}\n', b'{"n": 2}\n']


UNTOUCHED = {
    "events": StreamingResponse(iter([b"data: 1\n\n" * 500]), media_type="text/event-stream"),
    "a picture": Response(b"x" * 5000, media_type="image/png"),
    "what is compressed already": PlainTextResponse("x" * 5000, headers={"Content-Encoding": "br"}),
    "not modified": Response(status_code=304),
}


@pytest.mark.parametrize("what", UNTOUCHED)
def test_some_answers_are_left_as_they_are(what: str) -> None:
    messages = sent_by(UNTOUCHED[what])
    encoding = dict(messages[0]["headers"]).get(b"content-encoding", b"")
    assert encoding in (b"", b"br")
    assert not body_of(messages).startswith(b"\x1f\x8b")


def test_vary_keeps_what_an_answer_says_itself() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("x" * 5000, headers={"Vary": "Origin"})(scope, receive, send)

    assert dict(sent_by(app)[0]["headers"])[b"vary"] == b"Origin, Accept-Encoding"
