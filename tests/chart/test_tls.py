"""Who gets in, by the values: the extender's own settings read the arguments that the chart gives it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.api.middleware.access import access_of
from app.main import create_app
from app.settings.settings import Settings

pytestmark = pytest.mark.helm

CALLERS = Path(__file__).resolve().parents[2] / "charts" / "dra-extender" / "files" / "callers.yaml"
Render = Callable[..., list[dict[str, Any]]]

SERVED = {"secretName": "served"}
MUTUAL = {**SERVED, "mutual": True, "schedulerSecretName": "shown"}
ALONE = {"scheduler": {"enabled": False}}
HTTP = {"selfSigned": {"enabled": False}}
OPEN = {"allowInsecureListen": True}
# Values, then: who may call the webhooks, who may ask /api/v1, and whether --allow-insecure-listen is given.
DOORS: dict[str, tuple[dict[str, Any], str, str, bool]] = {
    "defaults": ({}, "certificate", "token", False),
    "alone": (ALONE, "certificate", "token", False),
    "plain": ({"tls": HTTP, "auth": {"mode": "off"}, **OPEN}, "loopback", "off", True),
    "alone, plain": ({**ALONE, "tls": HTTP, "auth": {"mode": "off"}, **OPEN}, "anyone", "off", True),
    "tokens": ({"tls": SERVED}, "loopback", "token", False),
    "not mutual": ({"tls": {"mutual": False}}, "loopback", "token", False),
    "mutual": ({"tls": MUTUAL, "auth": {"mode": "mtls"}}, "certificate", "mtls", False),
    "mutual, API open": ({"tls": MUTUAL, "auth": {"mode": "off"}, **OPEN}, "certificate", "off", True),
    "alone, mutual": ({**ALONE, "tls": MUTUAL}, "certificate", "token", False),
    "alone, tokens": ({**ALONE, "tls": SERVED, **OPEN}, "anyone", "token", True),
    "separate": ({"roles": {"separate": True}}, "certificate", "token", False),
}


def settings_of(manifests: list[dict[str, Any]]) -> Settings:
    pod = next(
        item["spec"]["template"]["spec"]
        for item in manifests
        if item["kind"] == "Deployment" and item["metadata"]["name"] == "release-dra-extender"
    )
    containers = [*pod.get("initContainers", []), *pod["containers"]]
    (arguments,) = (item["args"] for item in containers if item["name"] == "extender")
    given = (
        argument.removeprefix("--").partition("=")
        for argument in arguments[1:]
        if not argument.startswith("--feature=")
    )
    return Settings(**{name.replace("-", "_"): value or True for name, _, value in given})


@pytest.mark.parametrize(("values", "webhooks", "api", "insecure"), DOORS.values(), ids=DOORS)
def test_values_decide_who_gets_in(
    render: Render, values: dict[str, Any], webhooks: str, api: str, insecure: bool
) -> None:
    settings = settings_of(render(values))
    assert (settings.webhook_callers, settings.auth) == (webhooks, api)
    assert settings.allow_insecure_listen is insecure


def test_kube_scheduler_shows_its_certificate_and_knows_the_extenders(render: Render) -> None:
    manifests = render({"tls": MUTUAL})
    (held,) = (item["data"]["kube-scheduler.yaml"] for item in manifests if item["kind"] == "ConfigMap")
    (extender,) = yaml.safe_load(held)["extenders"]
    assert extender["urlPrefix"].startswith("https://")
    assert extender["enableHTTPS"] is True
    (pod,) = (item["spec"]["template"]["spec"] for item in manifests if item["kind"] == "Deployment")
    (scheduler,) = (item for item in pod["containers"] if item["name"] == "kube-scheduler")
    volumes = {item["name"]: item.get("secret", {}) for item in pod["volumes"]}
    files = {
        f"{mount['mountPath']}/{item['path']}": (volumes[mount["name"]]["secretName"], item["key"])
        for mount in scheduler["volumeMounts"]
        for item in volumes[mount["name"]].get("items", ())
    }
    assert {
        extender["tlsConfig"][name]: files[extender["tlsConfig"][name]]
        for name in ("caFile", "certFile", "keyFile")
    } == files
    assert set(files.values()) == {("served", "ca.crt"), ("shown", "tls.crt"), ("shown", "tls.key")}


def test_the_roles_for_callers_name_every_endpoint_and_none_besides() -> None:
    roles = yaml.safe_load(CALLERS.read_text())
    allowed = {
        (verb, resource)
        for rule in (*roles["viewer"], *roles["planner"], *roles["view"])
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }
    wanted = set()
    for path, methods in create_app(Settings(snapshot=("x",))).openapi()["paths"].items():
        for method in methods if path.startswith("/api/v1/") else ():
            access = access_of(method.upper(), path)
            resource = "/".join(part for part in (access.resource, access.subresource) if part)
            wanted.add((access.verb, resource))
    assert allowed == wanted
