"""Who is let in, and who is told to stay out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.middleware.access import access_of
from app.api.middleware.client_certificate import PEER, TRUST, ClientCertificate, peer_of
from app.api.query import namespace_in
from app.cluster.client.errors import ConnectionFailedError
from app.cluster.client.reviews import AccessAttributes, BusyError, ReviewResult
from app.main import create_app
from app.settings.settings import Settings
from tests.api.conftest import Asked, run
from tests.objects import claim, device_class, node, pod

Inventory = Callable[..., Path]


@pytest.fixture
def served(inventory: Inventory) -> Path:
    return inventory(node("n1"))


class Reviews:
    """Knows tokens by name; ``may`` says what each may do."""

    def __init__(self, **may: str) -> None:
        self.may = may
        self.asked: list[AccessAttributes] = []

    async def decide(self, token: str, access: AccessAttributes) -> ReviewResult:
        self.asked.append(access)
        if token == "down":
            raise ConnectionFailedError("POST", "refused", sent=False)
        if token == "busy":
            raise BusyError
        return (
            ReviewResult(token, str(access) == self.may[token]) if token in self.may else ReviewResult(None)
        )


# What is asked, and the RBAC rule that allows it.
ACCESS = {
    "GET /api/v1/nodes": AccessAttributes("get", "dra-extender", "nodes"),
    "HEAD /api/v1/nodes": AccessAttributes("get", "dra-extender", "nodes"),
    "POST /api/v1/placements": AccessAttributes("create", "dra-extender", "placements"),
    "GET /api/v1/claims?namespace=a": AccessAttributes("get", "dra-extender", "claims", namespace="a"),
    "GET /api/v1/claims?name%73pace=%61": AccessAttributes("get", "dra-extender", "claims", namespace="a"),
    "GET /api/v1/claims?namespace=": AccessAttributes("get", "dra-extender", "claims"),
    "GET /api/v1/claims?Namespace=a": AccessAttributes("get", "dra-extender", "claims"),
    "GET /api/v1/nodes?namespace=a": AccessAttributes("get", "dra-extender", "nodes"),
    "GET /api/v1/pods/a/b/explain": AccessAttributes("get", "dra-extender", "pods", "explain", "a", "b"),
    "GET /api/v1/devices/d/p/x": AccessAttributes("get", "dra-extender", "devices", name="d/p/x"),
    "GET /metrics": AccessAttributes("get", path="/metrics"),
    "DELETE /api/v1/nodes": AccessAttributes("delete", "dra-extender", "nodes"),
}


@pytest.mark.parametrize(("asked", "wanted"), ACCESS.items(), ids=ACCESS)
def test_a_request_is_put_in_the_words_of_a_rule(asked: str, wanted: AccessAttributes) -> None:
    method, _, target = asked.partition(" ")
    path, _, query = target.partition("?")
    assert access_of(method, path, namespace_in({"query_string": query.encode()})) == wanted


TOKENS = {
    "allowed": ("Bearer reader", 200, ""),
    "scheme in small letters": ("bearer reader", 200, ""),
    "of somebody who may not": ("Bearer other", 403, "Forbidden"),
    "unknown": ("Bearer guessed", 401, "Unauthorized"),
    "none": (None, 401, "Unauthorized"),
    "of another kind": ("Basic cmVhZGVyOg==", 401, "Unauthorized"),
    "empty": ("Bearer ", 401, "Unauthorized"),
    "while the API server is away": ("Bearer down", 503, "AuthUnavailable"),
    "while many are checked": ("Bearer busy", 429, "TooManyRequests"),
}


def run_with_tokens(path: Path, reviews: Reviews, evaluation: Callable[[Asked], Awaitable[None]]) -> None:
    """Serves a snapshot with auth token, which only a cluster can have: the reviews stand for that."""
    settings = Settings(snapshot=(str(path),)).model_copy(update={"auth": "token"})

    async def asked() -> None:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            app.state.service = replace(app.state.service, reviewer=reviews)
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                await evaluation(Asked(app, client))

    asyncio.run(asked())


@pytest.mark.parametrize(("header", "status", "code"), TOKENS.values(), ids=TOKENS)
def test_a_token_is_what_the_api_server_says_of_it(
    served: Path, header: str | None, status: int, code: str
) -> None:
    reviews = Reviews(reader="get nodes in group dra-extender", other="get claims in group dra-extender")

    async def evaluation(service: Asked) -> None:
        headers = {"Authorization": header} if header is not None else {}
        answer = await service.client.get("/api/v1/nodes", headers=headers)
        assert answer.status_code == status
        if code:
            assert answer.json()["error"]["code"] == code
        assert ("www-authenticate" in answer.headers) == (status == 401)
        assert ("retry-after" in answer.headers) == (status in (429, 503))

    run_with_tokens(served, reviews, evaluation)


OPEN = ("/", "/docs", "/openapi.json", "/livez", "/readyz", "/healthz", "/web/icon.svg")
CLOSED = (
    "/api/v1/nodes",
    "/api/v1/stream",
    "/api/v1/",
    "/metrics",
    "/nowhere",
    "/api/v1/nodes/",
    "//api/v1/nodes",
)


def test_everything_but_the_page_and_the_probes_wants_a_token(served: Path) -> None:
    async def evaluation(service: Asked) -> None:
        for path in OPEN:
            assert (await service.client.get(path)).status_code == 200, path
        for path in CLOSED:
            assert (await service.client.get(path)).status_code == 401, path
        documented = (await service.get("/openapi.json"))["paths"]
        for path, methods in documented.items():
            for method in methods:
                answer = await service.client.request(method, path)
                assert answer.status_code == 401 or path in OPEN or path.startswith("/scheduler/"), path

    run_with_tokens(served, Reviews(), evaluation)


class From:
    """The application as the server hands requests to it: from this address, with this certificate."""

    def __init__(self, app: ASGIApp, address: str, peer: ClientCertificate | None) -> None:
        self._app = app
        self._given = {"client": (address, 1), "extensions": {PEER: peer, TRUST: self._trust}}
        self.trusted = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, **self._given}, receive, send)

    def _trust(self) -> None:
        self.trusted = True


EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is refused
SCHEDULER = ClientCertificate(("kube-scheduler",), 4e9)
EXPIRED = ClientCertificate(("kube-scheduler",), 1e9)
KUBELET = ClientCertificate(("system:node:n1",), 4e9)
MUTUAL = {"tls_cert_file": "c", "tls_key_file": "k", "client_ca_file": "ca"}
NAMED = {**MUTUAL, "webhook_client_names": "kube-scheduler"}
CALLERS = {
    "this machine": ({}, "127.0.0.1", None, 200),
    "this machine, IPv6": ({}, "::1", None, 200),
    "this machine, IPv4 in IPv6": ({}, "::ffff:127.0.0.1", None, 200),
    "another machine": ({}, "10.1.2.3", None, 403),
    "another machine, allowed by hand": ({"allow_insecure_listen": True}, "10.1.2.3", None, 200),
    "another machine, told apart": (
        {"allow_insecure_listen": True, "webhooks_from": "loopback"},
        "10.1.2.3",
        None,
        403,
    ),
    "this machine without the certificate asked for": (MUTUAL, "127.0.0.1", None, 401),
    "another machine with a certificate": (MUTUAL, "10.1.2.3", KUBELET, 200),
    "certificate of that name": (NAMED, "10.1.2.3", SCHEDULER, 200),
    "certificate of another name": (NAMED, "10.1.2.3", KUBELET, 403),
    "certificate that has expired since": (MUTUAL, "10.1.2.3", EXPIRED, 401),
}


@pytest.mark.parametrize(("given", "address", "peer", "status"), CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize("verb", ["filter", "prioritize", "bind"])
def test_the_webhooks_answer_whom_they_should(
    served: Path, given: dict[str, Any], address: str, peer: ClientCertificate | None, status: int, verb: str
) -> None:
    async def asked() -> None:
        app = create_app(Settings(snapshot=(str(served),), **given))
        caller = From(app, address, peer)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=caller)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                answer = await client.post(f"/scheduler/{verb}", json={})
        # An empty body is no webhook's, so whoever is let in hears of that.
        assert answer.status_code == (400 if status == 200 else status)
        assert caller.trusted == (status == 200)

    asyncio.run(asked())


def test_a_certificate_gives_its_names() -> None:
    certificate = {
        "subject": ((("organizationName", "o"),), (("commonName", "kube-scheduler"),)),
        "subjectAltName": (("DNS", "scheduler.local"), ("IP Address", "10.0.0.1"), ("URI", "spiffe://x/y")),
        "notAfter": "Jan  1 00:00:00 2030 GMT",
    }
    assert peer_of(certificate) == ClientCertificate(
        ("kube-scheduler", "scheduler.local", "spiffe://x/y"), 1893456000.0
    )
    assert peer_of({}) is None


HOSTS = {
    "localhost:8888": 200,
    "LOCALHOST": 200,
    "127.0.0.1:8888": 200,
    "[::1]:8888": 200,
    "extender.internal": 200,
    "attacker.example:8888": 421,
    "127.0.0.1.attacker.example": 421,
    "localhost.attacker.example": 421,
    "10.0.0.1": 421,
    "": 421,
    "[::1]evil.com": 421,
    "[::1]:80@evil.com": 421,
    "localhost:80@evil.com": 421,
    "localhost:evil.com": 421,
    "localhost/evil.com": 421,
    "localhost:": 421,
    "[::1": 421,
    "127.0.0.1:123456": 421,
}


@pytest.mark.parametrize(("host", "status"), HOSTS.items(), ids=[name or "empty" for name in HOSTS])
def test_a_loopback_service_answers_to_loopback_names(served: Path, host: str, status: int) -> None:
    async def evaluation(service: Asked) -> None:
        for path in ("/", "/api/v1/nodes"):
            answer = await service.client.get(path, headers={"Host": host})
            assert answer.status_code == status

    run(served, evaluation, allowed_hosts=("extender.internal",))


BROWSERS = {
    "own page": ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 200),
    "address typed in": ({"Sec-Fetch-Site": "none"}, 200),
    "other site": ({"Origin": "http://attacker.example"}, 403),
    "other port": ({"Origin": "http://localhost:3000"}, 403),
    "sandboxed page": ({"Origin": "null"}, 403),
    "script or picture in another site": ({"Sec-Fetch-Site": "cross-site"}, 403),
}


@pytest.mark.parametrize(("headers", "status"), BROWSERS.values(), ids=BROWSERS)
def test_pages_of_other_sites_may_not_ask(served: Path, headers: dict[str, str], status: int) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.client.get("/api/v1/nodes", headers=headers)
        assert answer.status_code == status
        assert "access-control-allow-origin" not in answer.headers
        body = {"Pod": {}, "NodeNames": []}
        asked = await service.client.post("/scheduler/filter", json=body, headers=headers)
        assert asked.status_code == status
        preflight = {"Access-Control-Request-Method": "POST", **headers}
        assert (await service.client.options("/scheduler/bind", headers=preflight)).status_code in (403, 405)

    run(served, evaluation)


def test_what_a_form_of_another_site_can_send_is_no_request(served: Path) -> None:
    """Without a preflight a browser sends these three types only."""

    async def evaluation(service: Asked) -> None:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            for path in ("/scheduler/bind", "/api/v1/placements"):
                answer = await service.client.post(path, content=b"{}", headers={"Content-Type": kind})
                assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UnsupportedMediaType")

    run(served, evaluation)


ANSWERS = ("/", "/docs", "/web/icon.svg", "/livez", "/api/v1/nodes", "/metrics", "/nowhere", "/openapi.json")


def test_every_answer_says_what_a_browser_may_do_with_it(served: Path) -> None:
    async def evaluation(service: Asked) -> None:
        for path in ANSWERS:
            headers = (await service.client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            policy = headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            kept = headers.get("cache-control", "")
            assert (kept == "no-store") == (path in ("/api/v1/nodes", "/metrics", "/nowhere"))

    run(served, evaluation)


def test_a_request_keeps_its_id_if_it_has_one(served: Path) -> None:
    async def evaluation(service: Asked) -> None:
        given = {"X-Request-Id": "portal-17"}
        assert (await service.client.get("/livez", headers=given)).headers["x-request-id"] == "portal-17"
        for odd in ("a b", "x" * 65, 'a"b'):
            made = (await service.client.get("/livez", headers={"X-Request-Id": odd})).headers["x-request-id"]
            assert made != odd
            assert len(made) == 16

    run(served, evaluation)


def test_an_answer_to_kube_scheduler_has_no_headers_for_documents(served: Path) -> None:
    async def evaluation(service: Asked) -> None:
        for verb in ("filter", "prioritize", "bind"):
            headers = (await service.client.post(f"/scheduler/{verb}", json={})).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert "content-security-policy" not in headers

    run(served, evaluation)


def test_a_defect_is_told_in_the_log_alone(
    served: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_service: object) -> None:
        raise RuntimeError("the secret of the house")

    async def evaluation(service: Asked) -> None:
        monkeypatch.setattr("app.api.service.Service.require_synced", broken)
        answer = await service.client.get("/api/v1/nodes")
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "Internal"
        assert "secret" not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        (record,) = [item for item in caplog.records if item.levelno == logging.ERROR]
        assert record.exc_info is not None

    run(served, evaluation)


REFUSED_SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "nobody is asked": ({"host": EVERYWHERE}, "without authentication"),
    "a name that others may reach": ({"host": "extender.internal"}, "without authentication"),
    "tokens in the clear": ({"host": EVERYWHERE, "auth": "token"}, "without TLS"),
    "binds for anyone": (
        {**MUTUAL, "host": EVERYWHERE, "auth": "mtls", "webhooks_from": "anyone"},
        "could bind Pods",
    ),
    "certificate without key": ({"tls_cert_file": "c"}, "require each other"),
    "CA without TLS": ({"client_ca_file": "ca"}, "requires tls_cert_file"),
    "mtls without CA": ({"auth": "mtls"}, "auth mtls requires client_ca_file"),
    "webhooks without CA": ({"webhooks_from": "certificate"}, "requires client_ca_file"),
    "tokens without cluster": ({"auth": "token", "snapshot": ("x",)}, "snapshot excludes auth token"),
}


@pytest.mark.parametrize(("given", "text"), REFUSED_SETTINGS.values(), ids=REFUSED_SETTINGS)
def test_settings_that_leave_a_door_open_are_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Settings(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"host": "127.0.0.1"},
        {"host": "[::1]"},
        {"host": EVERYWHERE, "allow_insecure_listen": True},
        {**MUTUAL, "host": EVERYWHERE, "auth": "mtls"},
        {"tls_cert_file": "c", "tls_key_file": "k", "host": EVERYWHERE, "auth": "token"},
    ],
    ids=["loopback", "IPv6 loopback", "by hand", "mtls", "token"],
)
def test_settings_that_ask_callers_are_taken(given: dict[str, Any]) -> None:
    Settings(**given)


QUERIES = [
    "namespace=team-a",
    "namespace=team-a&namespace=",
    "namespace=&namespace=team-a",
    "namespace=team-a&namespace=team-b",
    "namespace=team-a&name%73pace=",
    "namespace=team-a;namespace=",
    "namespace=team-a&Namespace=team-b",
    "NAMESPACE=team-a",
    "namespace",
    "namespace=team-a&namespace",
    "namespace=%74eam-a",
    "namespace=team-a%26namespace=",
    "&namespace=team-a&&namespace=",
    "namespace[]=team-a",
    "+namespace=team-a",
]


@pytest.mark.parametrize("path", ["claims", "pods", "decisions"])
@pytest.mark.parametrize("query", QUERIES)
def test_what_was_checked_is_what_is_answered(inventory: Inventory, path: str, query: str) -> None:
    """A user with a Role in team-a gets items of team-a or none, however the namespace is written."""
    objects = [device_class(), node("n1")]
    for namespace in ("team-a", "team-b"):
        asking = pod(f"pod-{namespace}", f"claim-{namespace}")
        asking["metadata"]["namespace"] = namespace
        objects += [claim(f"claim-{namespace}", namespace=namespace), asking]

    class OfTeamA(Reviews):
        async def decide(self, token: str, access: AccessAttributes) -> ReviewResult:
            self.asked.append(access)
            return ReviewResult(token, access.namespace == "team-a")

    async def evaluation(service: Asked) -> None:
        answer = await service.client.get(f"/api/v1/{path}?{query}", headers={"Authorization": "Bearer x"})
        assert answer.status_code in (200, 400, 403)
        if answer.status_code == 200:
            assert {item["namespace"] for item in answer.json()["items"]} <= {"team-a"}

    run_with_tokens(inventory(*objects), OfTeamA(), evaluation)
