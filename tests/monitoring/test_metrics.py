"""Every metric is described in docs/operations.md; alerts and dashboard use only what is there."""

import json
import re
import subprocess
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "charts" / "dra-extender" / "files"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(dra_extender_\w+)` \| ([^|]*) \| ([^|]*) \| (.*) \|$", re.MULTILINE)
NAME = re.compile(r"\b(?:dra_extender|process|python)_\w+")
ALERTS = yaml.safe_load((FILES / "alerts.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((FILES / "dashboard.json").read_text(encoding="utf-8"))
EXPRESSIONS = [
    *(rule["expr"] for rule in ALERTS),
    *(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]),
    *(item["query"] for item in DASHBOARD["templating"]["list"]),
]


def families(exposition: str) -> dict[str, Metric]:
    """By the name that they are asked for; without the moments at which series were made."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in text_string_to_metric_families(exposition)
        if not family.name.endswith("_created")
    }


def own(exposition: str) -> dict[str, Metric]:
    return {name: family for name, family in families(exposition).items() if name.startswith("dra_extender_")}


def names_of(exposition: str) -> set[str]:
    """As they are asked for: with _total, _bucket, _sum and _count."""
    found = set()
    for name, family in families(exposition).items():
        ends = ("_bucket", "_sum", "_count") if family.type == "histogram" else ("",)
        found |= {name + end for end in ends}
    return found


def test_docs_describe_every_metric_in_its_own_words(exposition: str) -> None:
    described = {name: (kind, text) for name, kind, _, text in ROW.findall(OPERATIONS)}
    served = {name: (family.type, family.documentation) for name, family in own(exposition).items()}

    assert described == served


def test_docs_name_the_labels(exposition: str) -> None:
    described = {name: set(re.findall(r"\w+", labels)) for name, _, labels, _ in ROW.findall(OPERATIONS)}
    for name, family in own(exposition).items():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                assert set(sample.labels) - {"le"} == described[name], name


def test_alerts_and_dashboard_ask_for_metrics_that_are_there(exposition: str) -> None:
    there = names_of(exposition)
    for expression in EXPRESSIONS:
        assert set(NAME.findall(expression)) <= there, expression


def test_most_metrics_are_on_the_dashboard_or_in_an_alert(exposition: str) -> None:
    asked = {name for expression in EXPRESSIONS for name in NAME.findall(expression)}
    # Read beside others, or by people who look for one thing.
    ignored_claims = {
        "dra_extender_" + name
        for name in (
            "state_revision",
            "cel_cache_entries",
            "assumed_claims",
            "event_loop_held_seconds",
            "kubernetes_info",
            "feature_enabled",
            "expander_duration_seconds",
            "expander_options_total",
        )
    }
    ends = ("", "_bucket")
    left = {name for name in own(exposition) if not {name + end for end in ends} & asked} - ignored_claims
    assert left == set()


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_docs_say_what_to_do_on_an_alert(rule: dict[str, object]) -> None:
    assert f"### {rule['alert']}\n" in OPERATIONS


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_the_runbook_of_an_alert_is_a_heading_of_the_documentation(rule: dict[str, Any]) -> None:
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    # As GitHub and the documentation site make the addresses of headings.
    slugs = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-"): heading for heading in headings}
    assert slugs[anchor] == rule["alert"]


BY_SCRAPING = {"namespace", "instance", "job", "le"}
LABELS = [
    *(
        (rule["alert"], rule["expr"], re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        for rule in ALERTS
    ),
    *(
        (panel["title"], target["expr"], re.findall(r"{{ *(\w+) *}}", target.get("legendFormat", "")))
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    ),
]


@pytest.mark.parametrize(("_name", "expression", "shown"), LABELS, ids=[item[0] for item in LABELS])
def test_queries_and_their_texts_use_labels_that_are_there(
    _name: str, expression: str, shown: list[str]
) -> None:
    described = {name: set(re.findall(r"\w+", labels)) for name, _, labels, _ in ROW.findall(OPERATIONS)}
    metrics = [re.sub(r"_(bucket|sum|count)$", "", name) for name in NAME.findall(expression)]
    there = BY_SCRAPING.union(
        *(described.get(name, described.get(f"{name}_total", set())) for name in metrics)
    )
    grouped = [re.findall(r"\w+", labels) for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)]
    matched = [re.findall(r"(\w+) *(?:=~|!~|!=|=)", text) for text in re.findall(r"{([^}]*)}", expression)]
    used = {name for names in (*grouped, *matched) for name in names}
    assert used <= there
    # What is summed up has the labels that it is summed up by, and no others.
    left = set(re.findall(r"\w+", grouped_first(expression))) if grouped else there
    assert set(shown) <= left


def grouped_first(expression: str) -> str:
    """The labels of the outermost aggregation that keeps some."""
    found = re.search(r"\b(?:by|on) \(([^)]*)\)", expression)
    return found[1] if found else ""


def test_docs_describe_no_alert_that_is_not_there() -> None:
    described = re.findall(r"^### (DraExtender\w+)$", OPERATIONS, re.MULTILINE)
    assert described == [rule["alert"] for rule in ALERTS]


def promtool(program: Path, *arguments: str | Path, text: str | None = None) -> None:
    done = subprocess.run(
        [program, *arguments], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_no_fault_in_the_metrics(promtool_program: Path, exposition: str) -> None:
    promtool(promtool_program, "check", "metrics", text=exposition)


def test_promtool_finds_no_fault_in_the_alerts(promtool_program: Path) -> None:
    promtool(promtool_program, "check", "rules", FILES / "alerts.yaml")


def test_promtool_finds_no_fault_in_what_the_dashboard_asks(promtool_program: Path, tmp_path: Path) -> None:
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    known = {"__rate_interval": "5m", **{item["name"]: "x" for item in DASHBOARD["templating"]["list"]}}
    rules = [
        {"record": f"panel:{number}", "expr": Template(expression).substitute(known)}
        for number, expression in enumerate(asked)
    ]
    file = tmp_path / "dashboard.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool(promtool_program, "check", "rules", file)


def test_each_alert_fires_when_it_should_and_none_in_quiet_times(
    promtool_program: Path, tmp_path: Path
) -> None:
    tests = Path(__file__).with_name("alerts_test.yaml").read_text(encoding="utf-8")
    fired = re.findall(r"- name: (DraExtender\w+) fires", tests)
    assert fired == [rule["alert"] for rule in ALERTS]
    (tmp_path / "alerts.yaml").write_text((FILES / "alerts.yaml").read_text(encoding="utf-8"))
    (tmp_path / "test.yaml").write_text(tests)
    promtool(promtool_program, "test", "rules", tmp_path / "test.yaml")


def series_of(exposition: str) -> list[dict[str, str]]:
    """What Prometheus would have of a replica in namespace x that is scraped for half an hour."""
    found = []
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            labels = {"namespace": "x", "instance": "a", "job": "dra-extender"} | sample.labels
            text = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
            value = 0.0 if sample.value != sample.value else sample.value
            step = "+60x30" if sample.name.endswith(("_total", "_count", "_bucket", "_sum")) else "+0x30"
            found.append({"series": f"{sample.name}{{{text}}}", "values": f"{value:.6f}{step}"})
    return found


RARE = {
    "dra_extender_deadline_exceeded_total",
    "dra_extender_informer_relists_total",
    "dra_extender_claims_reconciled_total",
    "dra_extender_reservations_ended_total",
    "dra_extender_preemption_attempts_total",
}
"""Counters without any series until something has gone wrong."""


def test_each_query_of_the_dashboard_finds_something_in_real_metrics(
    promtool_program: Path, exposition: str, tmp_path: Path
) -> None:
    known = {"__rate_interval": "5m", **{item["name"]: "x" for item in DASHBOARD["templating"]["list"]}}
    asked = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    tests = [
        {
            "expr": f"(count({Template(expression).substitute(known)}) or vector(0)) > bool 0",
            "eval_time": "20m",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for expression in asked
        if not RARE & set(NAME.findall(expression))
    ]
    assert len(tests) > 40
    file = tmp_path / "test.yaml"
    series = series_of(exposition)
    groups = [{"interval": "1m", "input_series": series, "promql_expr_test": tests}]
    file.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": groups}))
    promtool(promtool_program, "test", "rules", file)
