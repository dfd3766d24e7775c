"""What leaves together."""

import asyncio
from collections.abc import Callable, Iterable

import pytest

from app.server.coalescing import CoalescingTransport
from tests.server.conftest import FILTER, Listening, run


class Wire(asyncio.Transport):
    """A transport that writes down what it is told to do."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[object] = []

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.told.append(b"".join(list_of_data))

    def close(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")


def head_and_body(out: CoalescingTransport) -> None:
    out.write(b"head ")
    out.writelines([b"body"])


def large(out: CoalescingTransport) -> None:
    out.write(b"head ")
    out.write(bytes(70_000))
    out.write(b"more")


def closed(out: CoalescingTransport) -> None:
    head_and_body(out)
    out.close()


def aborted(out: CoalescingTransport) -> None:
    head_and_body(out)
    out.abort()


def aborted_and_written_to(out: CoalescingTransport) -> None:
    out.write(bytes(60_000))
    out.abort()
    out.write(bytes(10_000))


@pytest.mark.parametrize(
    ("writes", "at_once", "in_the_end"),
    [
        (head_and_body, [], [b"head body"]),
        (large, [b"head " + bytes(70_000)], [b"head " + bytes(70_000), b"more"]),
        (closed, [b"head body", "close"], [b"head body", "close"]),
        (aborted, ["abort"], ["abort"]),
        (aborted_and_written_to, ["abort"], ["abort", bytes(10_000)]),
    ],
    ids=[
        "an answer",
        "a large one",
        "closed after it",
        "aborted after it",
        "what abort dropped counts no more",
    ],
)
def test_what_is_written_in_one_turn_leaves_as_one(
    writes: Callable[[CoalescingTransport], None], at_once: list[object], in_the_end: list[object]
) -> None:
    async def evaluation() -> None:
        wire = Wire()
        writes(CoalescingTransport(wire, asyncio.get_running_loop()))
        assert wire.told == at_once
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert wire.told == in_the_end

    asyncio.run(evaluation())


def test_a_webhook_is_answered_in_one_piece() -> None:
    async def evaluation(server: Listening) -> None:
        client = await server.connect()
        sent: list[bytes] = []
        for connection in server.server.server_state.connections:
            wire = connection.transport._transport
            connection.transport._transport = wrapped = Wire()
            wrapped.get_extra_info = wire.get_extra_info
            wrapped.is_closing = wire.is_closing
            wrapped.writelines = lambda data, wire=wire: (sent.append(b"".join(data)), wire.write(sent[-1]))
        assert (await client.ask("POST", "/scheduler/filter", FILTER)).status == 200
        assert len(sent) == 1

    run(evaluation)
