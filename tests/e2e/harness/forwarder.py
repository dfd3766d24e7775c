"""A Service in front of replicas: connections go to the one that is ready."""

import contextlib
import http.client
import selectors
import socket
import threading
import time
from collections.abc import Sequence

import httpx

from harness.controlplane import HOST

PAUSE_SECONDS = 0.05


class Forwarder:
    """Forwards TCP connections, as kube-proxy does: one that is made stays with its replica.

    Args:
        urls: of the replicas; the first that says it is ready gets the next connection.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._listener = socket.create_server((HOST, 0), backlog=256)
        self.url = f"http://{HOST}:{self._listener.getsockname()[1]}"
        self._ready: str | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._probe, name="probe", daemon=True).start()
        threading.Thread(target=self._accept, name="forwarder", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        self._listener.close()

    def _probe(self) -> None:
        while not self._stopped.wait(PAUSE_SECONDS):
            self._ready = next((url for url in self._urls if _is_ready(url)), None)

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client:
            deadline = time.monotonic() + 1
            while self._ready is None and time.monotonic() < deadline:
                time.sleep(PAUSE_SECONDS)
            ready = self._ready
            if ready is None:
                return  # as a Service without endpoints: the connection is refused
            url = httpx.URL(ready)
            with contextlib.suppress(OSError), socket.create_connection((url.host, url.port or 80)) as server:
                _pump(client, server)


def _is_ready(url: str) -> bool:
    """On a connection of its own: one that is kept may end at any moment, in any state."""
    where = httpx.URL(url)
    connection = http.client.HTTPConnection(where.host, where.port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == httpx.codes.OK
    except (OSError, http.client.HTTPException):
        return False  # it is being killed, or started
    finally:
        connection.close()


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Copies both ways until one end closes."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)
                data = source.recv(64 * 1024)
                if not data:
                    return
                key.data.sendall(data)
