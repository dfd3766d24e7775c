"""The connection to a Prometheus that requires credentials, or has a certificate of its own CA."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from pydantic import ValidationError

from app.settings.settings import Settings
from app.wiring.prometheus_client import prometheus_client
from app.wiring.prometheus_day import PrometheusError

URL = "https://prometheus:9090"


@pytest.fixture
def secret(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "secret"
        file.write_text(text)
        return file

    return write


def sent(settings: Settings) -> str | None:
    """The credentials that a request has."""
    requests: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200)

    async def ask() -> None:
        async with prometheus_client(settings, httpx.MockTransport(respond)) as client:
            await client.post(settings.overview_prometheus_url)

    asyncio.run(ask())
    return requests[0].headers.get("authorization")


def test_a_token_is_sent(secret: Callable[[str], Path]) -> None:
    settings = Settings(overview_prometheus_url=URL, overview_prometheus_token_file=secret("s3cret\n"))
    assert sent(settings) == "Bearer s3cret"


def test_a_user_and_password_are_sent(secret: Callable[[str], Path]) -> None:
    settings = Settings(
        overview_prometheus_url=URL,
        overview_prometheus_username="jane",
        overview_prometheus_password_file=secret("open: sesame\n"),
    )
    assert sent(settings) == httpx.BasicAuth("jane", "open: sesame")._auth_header


def test_without_credentials_none_are_sent() -> None:
    assert sent(Settings(overview_prometheus_url=URL)) is None


FILES = {"empty": "\n", "two lines": "a\nb\n"}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_file_that_is_no_secret_is_named_without_its_content(
    secret: Callable[[str], Path], text: str
) -> None:
    file = secret(text)
    with pytest.raises(PrometheusError, match=f"{file} must contain one line$"):
        prometheus_client(Settings(overview_prometheus_url=URL, overview_prometheus_token_file=file))


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(PrometheusError, match=f"{missing} cannot be read"):
        prometheus_client(Settings(overview_prometheus_url=URL, overview_prometheus_token_file=missing))
    with pytest.raises(PrometheusError, match=f"{missing} does not contain certificates"):
        prometheus_client(Settings(overview_prometheus_url=URL, overview_prometheus_ca_file=missing))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a token over plain HTTP": (
        {"overview_prometheus_url": "http://prometheus:9090", "overview_prometheus_token_file": Path("t")},
        "credentials for Prometheus require https",
    ),
    "a user without password": (
        {"overview_prometheus_url": URL, "overview_prometheus_username": "jane"},
        "require each other",
    ),
    "a password without user": (
        {"overview_prometheus_url": URL, "overview_prometheus_password_file": Path("p")},
        "require each other",
    ),
    "both": (
        {
            "overview_prometheus_url": URL,
            "overview_prometheus_username": "jane",
            "overview_prometheus_password_file": Path("p"),
            "overview_prometheus_token_file": Path("t"),
        },
        "excludes overview_prometheus_username",
    ),
    "a password in the address": (
        {"overview_prometheus_url": "https://jane:s3cret@prometheus"},
        "must not have a user or password",
    ),
}


@pytest.mark.parametrize(("settings", "text"), REFUSED.values(), ids=REFUSED)
def test_settings_that_give_credentials_away_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Settings(**settings)


def test_a_proxy_on_loopback_may_speak_plain_http(secret: Callable[[str], Path]) -> None:
    url, file = "http://127.0.0.1:9090", secret("s3cret")
    assert sent(Settings(overview_prometheus_url=url, overview_prometheus_token_file=file)) == "Bearer s3cret"


def test_the_ca_of_the_settings_is_trusted_and_no_other(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.crt")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.crt")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)

    class Prometheus(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Prometheus)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    async def ask(file: Path | None) -> int:
        url = f"https://127.0.0.1:{server.server_port}"
        settings = Settings(overview_prometheus_url=url, overview_prometheus_ca_file=file)
        async with prometheus_client(settings) as client:
            return (await client.get(url)).status_code

    try:
        assert asyncio.run(ask(tmp_path / "ca.crt")) == 204
        for file in (tmp_path / "other.crt", None):
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                asyncio.run(ask(file))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
