"""A long list is sent in pieces, and is the same JSON as in one."""

import asyncio
from typing import Any

import orjson
import pytest

from app.api.responses import ListResponse
from app.event_loop.time_slice import TimeSlice


class Ticks:
    """Each look takes a second."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def sent(items: list[Any], head: dict[str, Any]) -> tuple[list[dict[str, Any]], list[int], int]:
    """The messages, how many items are left after each, and the most turns of others between two of them."""
    encoded = [orjson.dumps(item) for item in items]
    messages: list[dict[str, Any]] = []
    left: list[int] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)
        left.append(len(encoded))

    async def receive() -> dict[str, Any]:
        raise AssertionError("it has no reason to read")

    async def scene() -> int:
        response = ListResponse(head, "items", encoded, TimeSlice(Ticks()), headers={"Vary": "Accept"})
        task, turns = asyncio.create_task(response({"type": "http"}, receive, send)), 0
        while not task.done():
            await asyncio.sleep(0)
            turns += 1
        task.result()
        return turns

    return messages, left, asyncio.run(scene())


@pytest.mark.parametrize("number", [0, 1, 2, 3_000])
@pytest.mark.parametrize("head", [{}, {"revision": "7", "next": None}], ids=["alone", "with fields"])
def test_the_pieces_are_the_whole(number: int, head: dict[str, Any]) -> None:
    items = [{"name": f"item-{index}", "text": "ä" * 50} for index in range(number)]
    (start, *bodies), _, _ = sent(items, head)
    body = b"".join(message["body"] for message in bodies)
    assert orjson.loads(body) == {**head, "items": items}
    headers = dict(start["headers"])
    assert int(headers[b"content-length"]) == len(body)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"vary"] == b"Accept"
    assert [message["more_body"] for message in bodies] == [True] * (len(bodies) - 1) + [False]


def test_pieces_are_short_and_others_run_between_them() -> None:
    items = [{"text": "x" * 1_000} for _ in range(3_000)]
    (_, *bodies), left, turns = sent(items, {})
    assert max(len(message["body"]) for message in bodies) < 70_000
    assert turns >= len(bodies) > 40
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == len(bodies) + 1, "each piece frees its items"
