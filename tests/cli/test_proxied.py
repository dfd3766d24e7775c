"""``--server proxy``: the service is found in the cluster and reached through the API server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from conftest import Cli

PROXY = "/api/v1/namespaces/dra/services/dra-extender:http/proxy"
NODE = {"name": "n1", "status": "Ready", "devices": {}, "labels": {}, "created": None, "unschedulable": False}


def service(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "dra"},
        "spec": {"ports": [{"name": "http", "port": 8888}]},
    }


class ApiServer(BaseHTTPRequestHandler):
    """Lists Services, and answers as the service behind its proxy."""

    services: ClassVar[list[dict[str, Any]]] = []
    seen: ClassVar[list[tuple[str, str | None, str | None]]] = []

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.seen.append((path, self.headers["Authorization"], self.headers["Impersonate-User"]))
        status, body = 404, {"kind": "Status", "message": "no such thing"}
        if path == "/api/v1/services":
            status, body = 200, {"kind": "ServiceList", "metadata": {}, "items": self.services}
        elif path == f"{PROXY}/api/v1/nodes":
            status, body = 200, {"revision": "1", "items": [NODE], "next": None}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
        pass


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[str]:
    ApiServer.services, ApiServer.seen = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), ApiServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = tmp_path / "kubeconfig"
        file.write_text(
            "{current-context: c, contexts: [{name: c, context: {cluster: c}}], "
            f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{server.server_port}'}}}}]}}"
        )
        yield str(file)
        server.shutdown()


def test_the_service_of_the_chart_is_asked_with_the_users_credentials(cli: "Cli", kubeconfig: str) -> None:
    ApiServer.services = [service("dra-extender"), service("dra-extender-leader")]
    flags = ("--token", "secret", "--as", "jane")
    ran = cli("nodes", "-o", "name", "--server", "proxy", "--kubeconfig", kubeconfig, *flags)
    assert (ran.code, ran.out) == (0, "node/n1\n")
    assert ApiServer.seen[-1] == (f"{PROXY}/api/v1/nodes", "Bearer secret", "jane")


@pytest.mark.parametrize(
    ("names", "server", "code", "message"),
    [
        ([], "proxy", 3, "has no Service"),
        (["a", "b"], "proxy", 2, "several dra-extenders: dra/a, dra/b"),
        (["dra-extender"], "proxy:dra/other", 3, "no such thing"),
    ],
    ids=["none", "several", "another name"],
)
def test_a_service_that_is_not_found_is_an_error(
    cli: "Cli", kubeconfig: str, names: list[str], server: str, code: int, message: str
) -> None:
    ApiServer.services = [service(name) for name in names]
    ran = cli("nodes", "--server", server, "--kubeconfig", kubeconfig)
    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err
