"""Asking a service that asks back who calls."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

if TYPE_CHECKING:
    from conftest import Cli

TOKEN = "of-somebody"
NOBODY = {"error": {"code": "Unauthorized", "message": "a bearer token is required", "path": ""}}


class Service(BaseHTTPRequestHandler):
    """Lists no devices to whoever has the token."""

    def do_GET(self) -> None:  # the base class's name
        known = self.headers["Authorization"] == f"Bearer {TOKEN}"
        body = json.dumps({"revision": "1", "items": [], "next": None} if known else NOBODY).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Its URL, and the file of its CA."""
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.cert_pem.write_to_path(tmp_path / "ca.crt")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", tmp_path / "ca.crt"
    server.shutdown()
    thread.join()
    server.server_close()


def test_token_and_ca_come_from_the_environment(
    cli: "Cli", guarded: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, ca = guarded
    monkeypatch.setenv("DRA_EXTENDER_CA", str(ca))
    monkeypatch.setenv("DRA_EXTENDER_TOKEN", f"{TOKEN}\n")
    ran = cli("devices", "--server", url, "-o", "json")
    assert (ran.code, json.loads(ran.out)["items"] if ran.out.startswith("{") else json.loads(ran.out)) == (
        0,
        [],
    )


@pytest.mark.parametrize(
    ("token", "ca", "code", "said"),
    [
        ("", True, 3, "set DRA_EXTENDER_TOKEN to a bearer token"),
        ("guessed", True, 3, "set DRA_EXTENDER_TOKEN to a bearer token"),
        (TOKEN, False, 3, "certificate verify failed"),
    ],
    ids=["no token", "another token", "a CA that is not known"],
)
def test_what_is_missing_is_said(
    cli: "Cli",
    guarded: tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    ca: bool,
    code: int,
    said: str,
) -> None:
    url, file = guarded
    monkeypatch.setenv("DRA_EXTENDER_CA", str(file) if ca else "")
    monkeypatch.setenv("DRA_EXTENDER_TOKEN", token)
    ran = cli("devices", "--server", url)
    assert ran.code == code
    assert said in ran.err


def test_a_ca_that_is_no_file_is_refused(cli: "Cli", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRA_EXTENDER_CA", "/nowhere/ca.crt")
    ran = cli("devices", "--server", "https://127.0.0.1:1")
    assert ran.code == 2
    assert "DRA_EXTENDER_CA=/nowhere/ca.crt: No such file" in ran.err


def test_a_service_that_speaks_no_tls_is_asked_without(cli: "Cli") -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        ran = cli("devices", "--server", f"https://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert ran.code == 3
    assert ran.err.endswith("; try http://\n")


def test_a_service_that_hangs_up_may_speak_tls(cli: "Cli") -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        ran = cli("devices", "--server", f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert ran.code == 3
    assert ran.err.endswith("; if it uses TLS, write https://\n")


def test_a_certificate_of_another_name_is_told(
    cli: "Cli", guarded: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, file = guarded
    monkeypatch.setenv("DRA_EXTENDER_CA", str(file))
    ran = cli("devices", "--server", url.replace("127.0.0.1", "localhost"))
    assert ran.code == 3
    assert "use a host name that its certificate contains" in ran.err
