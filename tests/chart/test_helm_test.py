"""What `helm test` runs in the cluster, against a stand-in for the Service."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "charts" / "dra-extender" / "files" / "helm_test.py"


class Service(BaseHTTPRequestHandler):
    """A follower: answers readiness and dry runs as the server's `ready` and `placed` say."""

    def do_GET(self) -> None:  # the base class's name
        ready = self.server.ready and "exclude=leader" in self.path  # type: ignore[attr-defined]
        self._answer(200 if ready else 503, b"[+]informers ok\n")

    def do_POST(self) -> None:  # the base class's name
        evaluation = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = (self.path, evaluation["inventory"], len(evaluation["pods"]))
        known = asked == ("/api/v1/placements", "request", 1)
        answer = {"placed": self.server.placed}  # type: ignore[attr-defined]
        self._answer(200 if known else 400, json.dumps(answer).encode())

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def service() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("ready", "placed", "passes"),
    [(True, 1, True), (True, 0, False), (False, 1, False)],
    ids=["ready", "places-nothing", "not-ready"],
)
def test_passes_only_if_it_is_ready_and_places_the_pod(
    service: ThreadingHTTPServer, ready: bool, placed: int, passes: bool
) -> None:
    service.ready, service.placed = ready, placed  # type: ignore[attr-defined]
    url = f"http://127.0.0.1:{service.server_port}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.read_text(), url], capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is passes
    assert "informers ok" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not ready or '"placed"' in done.stdout


def test_says_what_cannot_be_reached() -> None:
    url = "http://127.0.0.1:1"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.read_text(), url], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{url} cannot be reached: ")
