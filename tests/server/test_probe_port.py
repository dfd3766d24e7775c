"""The port of the liveness probe, as the service opens it."""

import socket
import threading
import urllib.request

import pytest

from app.settings.settings import SettingsError
from tests.server.conftest import Listening, run

PATIENCE_SECONDS = 30.0


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


def test_it_answers_while_the_loop_of_the_service_is_held() -> None:
    port = free_port()
    answers: list[bytes] = []
    answered = threading.Event()

    def kubelet() -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{port}/livez", timeout=PATIENCE_SECONDS) as response:
            answers.append(response.read())
        answered.set()

    async def scene(server: Listening) -> None:
        threading.Thread(target=kubelet).start()
        assert answered.wait(PATIENCE_SECONDS), "this holds the loop"
        client = await server.connect()
        assert (await client.ask("GET", "/livez")).status == 200
        client.close()

    run(scene, probe_port=port)
    assert answers == [b"ok"]


def test_a_port_in_use_ends_the_start() -> None:
    async def scene(_: Listening) -> None:
        raise AssertionError("it serves")

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"probe_port {port}: cannot listen"):
            run(scene, probe_port=port)
