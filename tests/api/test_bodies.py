"""Bodies are decoded in one step if that takes little time, and in pieces otherwise, to the same value."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.requests import Request

from app.api import bodies
from app.api.expensive import Expensive
from app.core.pauses import PACE, on_pause
from app.event_loop.time_slice import TimeSlice
from tests.api.conftest import Asked, run
from tests.objects import node

LIMIT_BYTES = 16 * 1024 * 1024
NAMES = [f"ip-10-{number // 255}-{number % 255}-45.example.internal" for number in range(50_000)]
BODIES: dict[str, tuple[dict[str, Any], bool]] = {
    "a small body": ({"NodeNames": NAMES[:100]}, False),
    "the names of 50,000 nodes": ({"NodeNames": NAMES}, False),
    "many values": ({"NodeNames": [{} for _ in range(100_000)]}, True),
    "many escapes": ({"NodeNames": ['"' * 300_000]}, True),
    "more bytes than take little time in any case": ({"NodeNames": ["x" * 1_000_000] * 5}, True),
}


@pytest.mark.parametrize(("value", "in_pieces"), BODIES.values(), ids=BODIES)
def test_what_takes_little_time_is_decoded_in_one_step(
    value: dict[str, Any], *, in_pieces: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []
    documents_in_pieces = bodies.documents_in_pieces

    def counted(body: bytes, most: int) -> Iterator[Any]:
        pieces.append(len(body))
        return iter(documents_in_pieces(body, most))

    monkeypatch.setattr(bodies, "documents_in_pieces", counted)

    async def decoded() -> object:
        loop = asyncio.get_running_loop()
        request = Request({"type": "http", "headers": [(b"content-type", b"application/json")]})
        return await bodies.decode_json(
            orjson.dumps(value), request, LIMIT_BYTES, TimeSlice(loop.time), lambda: False
        )

    assert asyncio.run(decoded()) == value
    assert bool(pieces) == in_pieces


@pytest.mark.parametrize("path", ["/api/v1/placements", "/api/v1/documents"])
def test_what_a_large_body_has_left_is_freed_with_pauses(
    path: str, inventory: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[int] = []
    clear = Expensive.clear

    async def noted(self: Expensive) -> None:
        with on_pause(lambda _cost: left.append(0)):
            for free in self.leftovers:
                free()
        self.leftovers.clear()
        await clear(self)

    monkeypatch.setattr(Expensive, "clear", noted)
    body = b"{" + b",".join(b'"k%d":1' % index for index in range(20_000)) + b"}"

    async def evaluation(service: Asked) -> None:
        answer = await service.client.post(path, content=body, headers={"Content-Type": "application/yaml"})
        assert answer.status_code == 422

    run(inventory(node("n")), evaluation)
    assert len(left) >= 20_000 // PACE


@pytest.mark.parametrize(
    "value", [dict.fromkeys(map(str, range(50_000))), [None] * 50_000], ids=["map", "list"]
)
def test_the_depth_of_a_wide_value_is_found_with_pauses(value: Any) -> None:
    pauses: list[int] = []
    with on_pause(pauses.append):
        assert bodies.shallow(value) is value
    assert len(pauses) >= 50_000 // 5_000


def test_a_declared_length_that_is_no_number_is_not_read_as_one() -> None:
    async def read() -> bytes:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"{}"}

        headers = [(b"content-length", "²".encode("latin-1"))]
        return await bodies.read_body(Request({"type": "http", "headers": headers}, receive), LIMIT_BYTES, 1)

    assert asyncio.run(read()) == b"{}"
