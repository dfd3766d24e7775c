"""What is secret stays out of the log, whatever is asked and however much is logged."""

import asyncio
import io
import json
import logging
from pathlib import Path

import yaml

from app.main import create_app
from app.observability.logs import set_up_logs
from app.server.process import Server
from app.settings.settings import Settings
from tests.server.conftest import FILTER, Certificates, Listening, listening

SECRETS = ("kubeconfig-token-4711", "bearer-token-4712", "password-4713", "body-secret-4714", "BEGIN PRIVATE")


def write_kubeconfig(path: Path) -> None:
    """To an API server that is not there: what goes wrong is logged too."""
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                "clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {"token": SECRETS[0]}}],
            }
        )
    )


async def ask_everything(certificates: Certificates, settings: Settings) -> None:
    server = Server(create_app(settings), settings)
    task = asyncio.create_task(server.run_to_the_end())
    while not server.started:  # noqa: ASYNC110 - uvicorn's flag
        await asyncio.sleep(0.01)
    running = Listening(server)
    bearer = {"Authorization": f"Bearer {SECRETS[1]}"}
    basic = {"Authorization": f"Basic {SECRETS[2]}", "Cookie": SECRETS[2]}
    body = json.dumps({"pods": [{"metadata": {"annotations": {"x": SECRETS[3]}}}]}).encode()
    for headers in (bearer, basic):
        client = await running.connect(certificates.client("kube-scheduler"))
        for method, path, content in (
            ("GET", "/api/v1/nodes", b""),
            ("POST", "/api/v1/placements", body),
            ("POST", "/api/v1/placements", body[:-5]),
            ("POST", "/scheduler/filter", FILTER),
            ("POST", "/scheduler/bind", body),
            ("GET", "/metrics", b""),
            ("GET", "/nowhere", b""),
        ):
            await client.ask(method, path, content, **headers)
        await client.send(b"GET / HTTP/1.1\r\nAuthorization: " + SECRETS[1].encode() + b"\r\nbroken\r\n\r\n")
        await client.answer()
    certificates.key.write_text("-----BEGIN PRIVATE KEY-----\nnone\n")
    assert server._tls is not None
    server._tls.reload()
    running.close()
    server.should_exit = True
    await task


def test_no_secret_is_logged(certificates: Certificates, tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "kubeconfig")
    settings = Settings(
        kubeconfig=tmp_path / "kubeconfig",
        port=0,
        auth="token",
        verbosity=10,
        shutdown_seconds=1,
        **certificates.mutual,
    )
    log = io.StringIO()
    handler = set_up_logs("json", settings.verbosity, log)
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)  # the libraries' as well
    try:
        asyncio.run(ask_everything(certificates, settings))
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    said = " ".join(line["msg"] for line in lines)
    assert "reading the cluster" in said, "what is logged at the start is looked at"
    assert "TLS files not reloaded" in said, "and to the end"
    found = [line for line in lines for secret in SECRETS if secret in json.dumps(line)]
    assert found == []


def test_lines_name_request_verb_pod_and_claims() -> None:

    async def evaluation() -> None:
        async with listening(verbosity=1) as server:
            client = await server.connect()
            answer = await client.ask("POST", "/scheduler/filter", FILTER, X_Request_Id="r-1")
            assert answer.status == 200
            bind = {"PodName": "visitor", "PodNamespace": "default", "PodUID": "1", "Node": "worker-6"}
            await client.ask("POST", "/scheduler/bind", json.dumps(bind).encode(), X_Request_Id="r-2")

    log = io.StringIO()
    handler = set_up_logs("json", 1, log)
    try:
        asyncio.run(evaluation())
    finally:
        logging.getLogger().removeHandler(handler)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    by_request = {line["request"]: line for line in lines if "request" in line}
    assert by_request["r-1"]["verb"] == "filter"
    assert by_request["r-2"]["verb"] == "bind"
    for line in by_request.values():
        assert line["pod"] == "default/visitor"
        assert line["claims"] == ["petting-zoo"]
    assert by_request["r-2"]["node"] == "worker-6"
