"""Lists are read as lines of one inventory, and from an older service page by page."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from app.cli.asking import Asker
from app.cli.lists.claims import CLAIMS
from app.cli.lists.devices import DEVICES
from app.cli.lists.listing import ListQuery, print_items
from app.cli.lists.pods import PODS
from app.cli.problems import UnreachableError
from app.cli.waiting import watched
from app.core.json_object import JsonObject
from tests.pausing import Meter

LINES = {"content-type": "application/x-ndjson"}
END = b'{"end":{"next":null}}\n'


def items(respond: Callable[[httpx.Request], httpx.Response]) -> list[Any]:
    async def ask() -> list[Any]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(respond), base_url="http://it") as client:
            return await Asker(client, "it").items("/api/v1/devices")

    return asyncio.run(ask())


class Pieces(httpx.AsyncByteStream):
    """A body that arrives in these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> Any:
        for piece in self._pieces:
            yield piece


def streamed(*pieces: bytes) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(200, headers=LINES, stream=Pieces(*pieces))


@pytest.mark.parametrize(
    "pieces",
    [
        (b'{"n":1}\n{"n":2}\n', END),
        (b'{"n"', b":1", b'}\n{"n":2}', b"\n" + END),
        (b'{"n":1}', b'\n{"n":2}\n' + END[:5], END[5:]),
    ],
)
def test_lines_may_arrive_in_any_pieces(pieces: tuple[bytes, ...]) -> None:
    assert items(streamed(*pieces)) == [{"n": 1}, {"n": 2}]


def test_a_long_line_is_joined_once() -> None:
    text = "x" * 5_000_000
    content = orjson.dumps({"n": text}) + b"\n" + END
    pieces = [content[begin : begin + 1000] for begin in range(0, len(content), 1000)]
    assert items(streamed(*pieces)) == [{"n": text}]


@pytest.mark.parametrize("rest", [b"", b'{"end":{"ne'])
def test_a_list_without_its_end_is_no_list(rest: bytes) -> None:
    with pytest.raises(UnreachableError, match="did not finish"):
        items(streamed(b'{"n":1}\n', rest))


def test_an_error_in_the_last_line_is_the_error() -> None:
    error = orjson.dumps({"error": {"code": "TimeUp", "message": "too slow", "path": ""}}) + b"\n"
    with pytest.raises(UnreachableError, match="too slow"):
        items(streamed(b'{"n":1}\n', error))


def test_an_older_service_is_read_page_by_page() -> None:
    pages: Iterator[dict[str, Any]] = iter(
        [{"items": [{"n": 1}], "next": "a"}, {"items": [{"n": 2}], "next": "b"}, {"items": [], "next": None}]
    )
    cursors: list[str | None] = []

    def respond(request: httpx.Request) -> httpx.Response:
        cursors.append(request.url.params.get("cursor"))
        return httpx.Response(200, json=next(pages))

    assert items(respond) == [{"n": 1}, {"n": 2}]
    assert cursors == [None, "a", "b"]


DEVICE: JsonObject = {
    "driver": "gpu.example.com",
    "pool": "n1",
    "nodes": ["n1"],
    "state": "taken",
    "claims": ["team/c"],
    "note": "",
}
CLAIM: JsonObject = {
    "namespace": "team",
    "allocation": {"devices": {"results": [{"driver": "d", "pool": "n1", "device": "d0", "request": "r"}]}},
    "reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}],
    "assumed": False,
    "note": "",
    "labels": {"app": "train"},
    "created": "2026-01-01T00:00:00Z",
}
POD: JsonObject = {
    "namespace": "team",
    "node": None,
    "claims": ["c"],
    "created": "2026-01-01T00:00:00Z",
    "priority": 0,
    "schedulerName": "",
    "status": "Pending",
    "reason": "0/1 nodes are available",
    "code": "NoDevices",
    "requests": "",
    "labels": {},
}
KINDS = {
    "devices": (DEVICES, DEVICE, "device"),
    "claims": (CLAIMS, CLAIM, "name"),
    "pods": (PODS, POD, "name"),
}


@pytest.mark.parametrize("output", ["table", "csv", "json"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_list_costs_as_much_for_each_item_however_long_it_is(
    kind: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, item, name = KINDS[kind]

    def calls(number: int) -> int:
        lines = [orjson.dumps(item | {name: f"x{index:05}"}) + b"\n" for index in range(number)]
        view = ListQuery(output=output, sort_by=f".{name}")

        def work() -> None:
            found = items(streamed(*lines, END))
            for read in watched(lambda: found, shown.identity, lambda _: True, 0, rounds=1):
                print_items(shown, view, read)

        meter = Meter()
        assert meter.measure(work) is None
        assert capsys.readouterr().out.count("x0") >= number
        return meter.most

    calls(10)  # what is imported on first use
    base, once, twice = calls(100), calls(1100), calls(2100)
    assert twice - once <= 1.05 * (once - base)
