"""What the chart gives the Prometheus operator and Grafana."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.helm

FILES = Path(__file__).resolve().parents[2] / "charts" / "dra-extender" / "files"
Render = Callable[..., list[dict[str, Any]]]
ALL: dict[str, Any] = {
    "serviceMonitor": {
        "enabled": True,
        "labels": {"release": "p"},
        "tlsConfig": {"insecureSkipVerify": False},
    },
    "prometheusRule": {"enabled": True, "labels": {"release": "p"}},
    "dashboard": {"enabled": True},
}


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (item,) = (item for item in manifests if item["kind"] == kind)
    return item


def test_nothing_of_it_is_there_unless_asked_for(render: Render) -> None:
    kinds = [item["kind"] for item in render({})]
    assert not {"ServiceMonitor", "PrometheusRule"} & set(kinds)
    assert kinds.count("ConfigMap") == 1


def test_the_service_monitor_finds_the_service(render: Render) -> None:
    manifests = render({"monitoring": ALL, "tls": {"secretName": "served"}})
    monitor = of_kind(manifests, "ServiceMonitor")
    (service,) = (item for item in manifests if item["kind"] == "Service" and "selector" in item["spec"])
    (endpoint,) = monitor["spec"]["endpoints"]
    assert monitor["metadata"]["labels"]["release"] == "p"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "dra-extender"
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert (endpoint["scheme"], endpoint["path"]) == ("https", "/metrics")
    assert endpoint["tlsConfig"] == {
        "serverName": "release-dra-extender.dra.svc",
        "ca": {"secret": {"name": "served", "key": "ca.crt"}},
        "insecureSkipVerify": False,
    }
    assert endpoint["relabelings"][0]["regex"] == service["metadata"]["name"]


def test_rules_and_dashboard_are_the_files(render: Render) -> None:
    manifests = render({"monitoring": ALL})
    rule = of_kind(manifests, "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((FILES / "alerts.yaml").read_text())
    (held,) = (
        item["data"]["dra-extender.json"]
        for item in manifests
        if item["kind"] == "ConfigMap" and item["metadata"]["labels"].get("grafana_dashboard") == "1"
    )
    dashboard = json.loads(held)
    assert dashboard == json.loads((FILES / "dashboard.json").read_text())
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
