"""What a process serves by its roles, and what it says of what it cannot know."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.api.middleware.client_certificate import TRUST
from app.main import create_app
from app.settings.settings import Settings, SettingsError, load_settings
from tests import objects
from tests.api.conftest import Asked, run

Write = Callable[..., Path]
BIND = {"PodName": "p", "PodNamespace": "default", "PodUID": "u", "Node": "n"}
PATHS: dict[str, tuple[str, str, Any]] = {
    "filter": ("POST", "/scheduler/filter", {"Pod": objects.pod("p"), "NodeNames": ["n"]}),
    "prioritize": ("POST", "/scheduler/prioritize", {"Pod": objects.pod("p"), "NodeNames": ["n"]}),
    "preempt": ("POST", "/scheduler/preempt", {"Pod": objects.pod("p")}),
    "bind": ("POST", "/scheduler/bind", BIND),
    "nodes": ("GET", "/api/v1/nodes", None),
    "decisions": ("GET", "/api/v1/decisions", None),
    "page": ("GET", "/", None),
    "scripts": ("GET", "/web/js/main.js", None),
    "reference": ("GET", "/docs", None),
    "OpenAPI": ("GET", "/openapi.json", None),
    "live": ("GET", "/livez", None),
    "ready": ("GET", "/readyz", None),
    "health": ("GET", "/healthz", None),
    "metrics": ("GET", "/metrics", None),
}
WEBHOOKS = {"filter", "prioritize", "preempt", "bind"}
ALWAYS = {"live", "ready", "health", "metrics"}
SERVED = {
    ("webhooks",): WEBHOOKS | ALWAYS,
    ("api",): set(PATHS) - WEBHOOKS,
    ("webhooks", "api"): set(PATHS),
}


@pytest.mark.parametrize(("roles", "expected"), SERVED.items(), ids=[",".join(roles) for roles in SERVED])
def test_a_process_serves_the_paths_of_its_roles_only(
    inventory: Write, roles: tuple[str, ...], expected: set[str]
) -> None:
    async def found(service: Asked) -> set[str]:
        served = set()
        for name, (method, path, body) in PATHS.items():
            answer = await service.client.request(method, path, json=body)
            assert answer.status_code in (200, 404, 405), answer.text
            if answer.status_code == 200:
                served.add(name)
        return served

    assert run(inventory(objects.node("n")), found, roles=roles) == expected


def test_the_reference_names_no_path_of_another_role() -> None:
    paths = create_app(Settings(snapshot=("x",), roles=("api",))).openapi()["paths"]
    assert not [path for path in paths if path.startswith("/scheduler/")]
    assert "/api/v1/placements" in paths


def test_a_connection_to_webhooks_that_are_not_served_is_not_trusted(inventory: Write) -> None:
    """Trusted connections are exempt from the limit on connections."""
    trusted = []

    async def posted(service: Asked) -> None:
        app = service.app

        async def call(method: str, path: str) -> None:
            scope = {
                "type": "http",
                "method": method,
                "path": path,
                "raw_path": path.encode(),
                "query_string": b"",
                "headers": [(b"host", b"localhost")],
                "client": ("127.0.0.1", 1),
                "server": ("localhost", 80),
                "scheme": "http",
                "http_version": "1.1",
                "extensions": {TRUST: lambda: trusted.append(path)},
            }

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(_: object) -> None:
                pass

            await app(scope, receive, send)

        await call("POST", "/scheduler/bind")

    run(inventory(objects.node("n")), posted, roles=("api",))
    assert trusted == []
    run(inventory(objects.node("n")), posted)
    assert trusted == ["/scheduler/bind"]


LISTS = ["nodes", "devices", "claims", "pods", "pools", "classes", "usage", "decisions"]


@pytest.mark.parametrize(("roles", "decides"), [(("api",), False), (("webhooks", "api"), True)])
def test_lists_and_dry_runs_say_whether_reservations_are_known(
    inventory: Write, roles: tuple[str, ...], decides: bool
) -> None:
    async def asked(service: Asked) -> tuple[list[bool], list[str], list[str]]:
        lists = [(await service.get(f"/api/v1/{name}"))["decides"] for name in LISTS]
        body = {"pods": [objects.pod("p")]}
        live = await service.post("/api/v1/placements", body)
        given = {"inventory": "request", "objects": [objects.node("m")], **body}
        return lists, live["notes"], (await service.post("/api/v1/placements", given))["notes"]

    lists, live, given = run(inventory(objects.node("n")), asked, roles=roles)
    assert lists == [decides] * len(LISTS)
    assert [note for note in live if "count as free" in note] == ([] if decides else live[:1])
    assert bool(live) is not decides
    assert given == []  # the request holds the whole inventory


def test_metrics_have_no_binds_where_nothing_is_bound(inventory: Write) -> None:
    async def metrics(service: Asked) -> str:
        return (await service.client.get("/metrics")).text

    path = inventory(objects.node("n"))
    assert "dra_extender_reservations " in run(path, metrics)
    without = run(path, metrics, roles=("api",))
    assert "dra_extender_reservations " not in without
    assert "dra_extender_nodes 1.0" in without


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("webhooks", ("webhooks",)),
        ("api", ("api",)),
        (" api , webhooks ", ("api", "webhooks")),
        ("api,api", ("api",)),
    ],
)
def test_roles_come_from_flag_environment_and_file(
    text: str, roles: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_settings({"roles": text}).roles == roles
    file = tmp_path / "config.yaml"
    file.write_text(f"apiVersion: dra-extender/v1alpha1\nkind: ExtenderConfiguration\nroles: [{text}]\n")
    assert load_settings({}, file).roles == roles
    monkeypatch.setenv("DRA_ROLES", text)
    assert load_settings({}).roles == roles
    assert load_settings({"roles": None}).roles == roles


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--roles: must name at least one role: webhooks or api"),
        (" ", "--roles: must name at least one role: webhooks or api"),
        ("api,", "--roles: unknown role '', only webhooks and api"),
        ("web", "--roles: unknown role 'web', only webhooks and api"),
        ("api;webhooks", "--roles: unknown role 'api;webhooks', only webhooks and api"),
        ("API", "--roles: unknown role 'API', only webhooks and api"),
    ],
)
def test_unknown_and_no_roles_are_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"roles": text})
    assert str(raised.value) == message


@pytest.mark.parametrize("given", ["[]", "[1]", "{a: b}", "7"])
def test_roles_of_the_wrong_kind_in_a_file_are_refused_by_name(given: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"apiVersion: dra-extender/v1alpha1\nkind: ExtenderConfiguration\nroles: {given}\n")
    with pytest.raises(SettingsError, match=r"config\.yaml: roles: (must|unknown)"):
        load_settings({}, file)


@pytest.mark.parametrize(("roles", "readable"), [(("api",), "the inventory"), (("webhooks",), "the metrics")])
def test_what_strangers_could_read_is_named(roles: tuple[str, ...], readable: str) -> None:
    with pytest.raises(ValueError, match=f"could read {readable}"):
        Settings(host="0.0.0.0", roles=roles)  # noqa: S104 - refused


def test_who_may_call_webhooks_matters_only_where_they_are(tmp_path: Path) -> None:
    tls = {"tls_cert_file": tmp_path / "c", "tls_key_file": tmp_path / "k", "auth": "token"}
    public: dict[str, Any] = {"host": "192.0.2.1", "webhooks_from": "anyone", **tls}
    Settings(roles=("api",), **public)
    with pytest.raises(ValueError, match="could bind Pods"):
        Settings(**public)
