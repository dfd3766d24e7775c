"""Clients that are slow, many, or speak no HTTP: what they get, and that the webhooks go on."""

import asyncio
import contextlib
import resource

import pytest

from app.server.connection import MAX_WAITING
from tests.attack.loop_meter import LoopMeter
from tests.server.conftest import FILTER, Client, Listening, run

QUICK = {"header_timeout_seconds": 0.5, "body_timeout_seconds": 0.5, "write_timeout_seconds": 0.5}


async def asks_filter(client: Client) -> None:
    answer = await client.ask("POST", "/scheduler/filter", FILTER)
    assert answer.status == 200
    assert b'"NodeNames":["worker-6"]' in answer.body


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), 400, "InvalidHTTP"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", 400, "InvalidHTTP"),
        (b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"a" * 9000), 414, "URLTooLong"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n" % (b"a" * 40_000), 431, "HeadersTooLarge"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %s" % (b"a" * 40_000), 431, "HeadersTooLarge"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: 1\r\n" * 101 + b"\r\n", 431, "HeadersTooLarge"),
        (
            b"POST /scheduler/filter HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "InvalidHTTP",
        ),
        (
            b"POST /scheduler/filter HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 5_000,
            400,
            "PiecesTooSmall",
        ),
        (
            b"POST /scheduler/filter HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: 1\r\n" * 20_000,
            431,
            "HeadersTooLarge",
        ),
        (b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "InvalidHTTP"),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "InvalidHTTP"),
    ],
    ids=[
        "TLS without TLS",
        "broken header",
        "long URL",
        "long header",
        "endless header",
        "many headers",
        "two lengths",
        "chunks of one byte",
        "many fields behind a body",
        "proxy request",
        "URL that is no text",
    ],
)
def test_what_is_no_request_is_refused_in_the_form_of_all_errors(sent: bytes, status: int, code: str) -> None:
    async def evaluation(server: Listening) -> None:
        client = await server.connect()
        await client.send(sent)
        answer = await client.answer()
        assert (answer.status, answer.error) == (status, code)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert await client.ended() == b""

    run(evaluation)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /livez HTTP/1.1\r\n\r\n" * 11_000,
        b"GET /livez HTTP/1.1\r\n" + b"a:\r\n" * 60_000,
        b"POST /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a:\r\n" * 60_000,
    ],
    ids=["requests", "fields", "fields behind a body"],
)
def test_what_comes_in_one_piece_is_parsed_only_up_to_a_bound(sent: bytes) -> None:
    meter = LoopMeter()

    async def evaluation(server: Listening) -> None:
        client = await server.connect()
        with meter.measuring():
            # The client's own turns count too: it sends, and reads in one call.
            await client.send(sent)
            await client.ended()

    run(evaluation)
    assert meter.most_calls < 16_000, meter.where


def test_of_many_requests_at_once_the_first_ones_are_answered_in_order() -> None:
    async def evaluation(server: Listening) -> None:
        client = await server.connect()
        await client.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500)
        statuses = [(await client.answer()).status for _ in range(MAX_WAITING + 1)]
        assert statuses == [200] * (MAX_WAITING + 1)
        refused = await client.answer()
        assert (refused.status, refused.error) == (429, "TooManyRequests")
        assert await client.ended() == b""

    run(evaluation)


def test_a_large_body_that_comes_in_one_piece_with_its_head_is_no_large_head() -> None:
    """kube-scheduler's filter at 5,000 nodes: 70 kB, written at once."""

    async def evaluation(server: Listening) -> None:
        client = await server.connect()
        names = b",".join(b'"node-%05d"' % number for number in range(5000))
        body = b'{"Pod":{"metadata":{"name":"plain"},"spec":{}},"NodeNames":[%b]}' % names
        for _ in range(20):
            assert (await client.ask("POST", "/scheduler/filter", body)).status == 200

    run(evaluation)


def test_many_heads_on_one_connection_each_have_the_whole_bound() -> None:
    async def evaluation(server: Listening) -> None:
        client = await server.connect()
        for _ in range(5):
            assert (await client.ask("GET", "/livez", X="a" * 20_000)).status == 200

    run(evaluation)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 408),
        (b"GET / HTTP/1.1\r\nHost: loc", 408),
        (b"\r\n", 408),
        (
            b"POST /scheduler/filter HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99\r\n\r\n{",
            408,
        ),
    ],
    ids=["nothing", "half a head", "empty lines", "half a body"],
)
def test_who_is_slow_is_told_so_and_cut(sent: bytes, status: int) -> None:
    async def evaluation(server: Listening) -> None:
        client = await server.connect()
        await client.send(sent)
        answer = await client.answer()
        assert (answer.status, answer.error) == (status, "TooSlow")

    run(evaluation, **QUICK)


def test_the_end_cuts_what_was_never_a_whole_request() -> None:
    async def evaluation(server: Listening) -> None:
        begun = b"POST /scheduler/bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"
        halves = (b"", b"GET / HT", begun)
        clients = [await server.connect() for _ in halves]
        for client, half in zip(clients, halves, strict=True):
            await client.send(half)
        idle = await server.connect()
        assert (await idle.ask("GET", "/livez")).status == 200
        for connection in list(server.server.server_state.connections):
            connection.shutdown()
        for client in (*clients, idle):
            assert await client.ended() == b""

    run(evaluation)


def test_a_drip_does_not_keep_a_connection() -> None:
    """A byte now and then, in head, body, or the body that nobody has asked for."""

    async def drip(client: Client, head: bytes) -> None:
        await client.send(head)
        while not client.reader.at_eof() and not client.writer.is_closing():
            client.writer.write(b"a")
            await asyncio.sleep(0.05)
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(0.01):
                    await client.reader.read(1000)

    async def evaluation(server: Listening) -> None:
        clients = [await server.connect() for _ in range(3)]
        await asyncio.gather(
            drip(clients[0], b"GET / HTTP/1.1\r\nX: "),
            drip(clients[1], b"POST /scheduler/filter HTTP/1.1\r\nContent-Length: 99999\r\n\r\n"),
            drip(clients[2], b"POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n"),
        )

    run(evaluation, **QUICK)


def test_an_answer_that_nobody_reads_is_cut() -> None:
    async def evaluation(server: Listening) -> None:
        client = await server.connect()
        client.writer.transport.pause_reading()
        request = b"GET /api/v1/devices HTTP/1.1\r\nHost: localhost\r\n\r\n"
        while len(server.server._connections):
            client.writer.write(request * 100)
            await asyncio.sleep(0.05)

    run(evaluation, **QUICK)


@pytest.fixture
def many_files() -> None:
    """Both ends of the connections are this process's."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))
    if most < 6_000:
        pytest.skip(f"the system allows {most} open files, both ends of 2,000 connections need 6,000")


@pytest.mark.usefixtures("many_files")
def test_two_thousand_slow_and_half_open_connections_leave_filter_answering() -> None:
    kinds = (
        b"",
        b"GET /api/v1/devices HTTP/1.1\r\nX: ",
        b"POST /api/v1/placements HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 10000000\r\n\r\n{",
        b"POST /scheduler/filter HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999\r\n\r\n{",
    )

    async def evaluation(server: Listening) -> None:
        scheduler = await server.connect()
        await asks_filter(scheduler)
        for index in range(2_000):
            client = await server.connect()
            client.writer.write(kinds[index % len(kinds)])
            if index % 100 == 0:
                # A connection that was there before, and one that comes in the middle of it.
                await asks_filter(scheduler)
                newcomer = await server.connect()
                await asks_filter(newcomer)
        await asks_filter(scheduler)
        assert len(server.server._connections) <= 1_000
        assert server.server._connections.given_up >= 900

    run(evaluation)
