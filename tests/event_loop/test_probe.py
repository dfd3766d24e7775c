"""/livez while the event loop is held, and when it has been held for too long."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from app.event_loop.probe import Probe
from app.event_loop.second_loop import SecondLoop
from app.event_loop.watchdog import Watchdog

PATIENCE_SECONDS = 30.0


def ask(port: int, request: bytes = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") -> str:
    """The whole response; empty if there is none."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        return rest_of(connection)


def rest_of(connection: socket.socket) -> str:
    """What comes until the server closes. Raises: TimeoutError if it does not."""
    response = b""
    with suppress(ConnectionError):  # reset: something sent was not read
        while piece := connection.recv(4096):
            response += piece
    return response.decode()


def test_it_answers_while_the_loop_is_held_and_fails_when_that_takes_too_long() -> None:
    """The loop is held until the probe has been seen alive, and then dead."""
    answered: list[str] = []
    held, dead = threading.Event(), threading.Event()

    async def scene() -> None:
        async with Watchdog(lambda _: None) as watchdog, SecondLoop() as second:
            probe = Probe(watchdog.silence, 1.0)
            port = await second.run(probe.listen("127.0.0.1", 0))

            def kubelet() -> None:
                held.wait()
                while not dead.is_set():
                    answered.append(ask(port).splitlines()[0])
                    if "503" in answered[-1]:
                        dead.set()

            thread = threading.Thread(target=kubelet)
            thread.start()
            held.set()
            assert dead.wait(PATIENCE_SECONDS), "this holds the loop"
            await asyncio.sleep(0.2)  # some turns
            assert "200 OK" in await asyncio.to_thread(ask, port)
            await second.run(probe.close())
            thread.join()

    asyncio.run(scene())
    assert answered[0] == "HTTP/1.1 200 OK"
    assert answered[-1] == "HTTP/1.1 503 Service Unavailable"
    assert len(set(answered)) == 2


def with_probe(scene: Callable[[int], None]) -> None:
    async def run() -> None:
        async with SecondLoop() as second:
            probe = Probe(lambda: 0.0, 1.0)
            port = await second.run(probe.listen("127.0.0.1", 0))
            await asyncio.to_thread(scene, port)
            await second.run(probe.close())

    asyncio.run(run())


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /livez HTTP/1.1", "200"),
        ("HEAD /livez?verbose HTTP/1.0", "200"),
        ("POST /livez HTTP/1.1", "405"),
        ("GET /metrics HTTP/1.1", "404"),
        ("GET / HTTP/1.1", "404"),
        ("GET", "404"),
    ],
)
def test_it_serves_livez_only(request_line: str, status: str) -> None:
    def scene(port: int) -> None:
        assert ask(port, request_line.encode() + b"\r\n\r\n").split()[1] == status

    with_probe(scene)


def test_a_large_head_and_a_client_that_leaves_are_dropped() -> None:
    def scene(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /livez")
        assert ask(port, b"GET /livez HTTP/1.1\r\nX: " + b"a" * 20_000) == ""
        assert "200" in ask(port)

    with_probe(scene)


def test_silent_clients_leave_room_for_the_kubelet() -> None:
    def scene(port: int) -> None:
        silent = [socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) for _ in range(40)]
        try:
            assert "200" in ask(port)
            assert rest_of(silent[0]) == "", "closed before its time is up, or this takes too long"
        finally:
            for connection in silent:
                connection.close()

    with_probe(scene)
