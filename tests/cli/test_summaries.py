"""Reports about many nodes come from the groups of a summary, not from a verdict of each node."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.placements import pod_report
from tests.cli.conftest import Cli
from tests.objects import device, device_class, node, pod, slice_of, template

NODES = 300


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """300 nodes, one with two devices, a hundred with a device of another model."""
    items = [device_class(), template("t"), *(node(f"n{index:03}") for index in range(NODES))]
    items += [slice_of(f"n{index:03}", device("d0")) for index in range(100)]
    items.append(slice_of("n299", device("d0"), device("d1")))
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    return path


def workload(folder: Path, replicas: int) -> Path:
    path = folder / "pods.json"
    pods = [pod(f"p{index:03}", templates=("two",)) for index in range(replicas)]
    two = template("two", count=2)
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [*pods, two]}))
    return path


def test_plan_shows_groups_of_many_nodes(cli: Cli, cluster: Path, tmp_path: Path) -> None:
    ran = cli("plan", "-f", workload(tmp_path, 12), "--snapshot", cluster)
    assert ran.code == 1
    [report] = ran.out.split("\n\n")[1:]
    assert "default/p001 and 10 more Pods are not placed" in report
    rows = {line.split("  ")[1]: line.split("  ")[-1] for line in report.splitlines() if "misfit" in line}
    # What the first Pod, which is placed, has for an explanation.
    assert rows.keys() == {"100 nodes", "n299", "199 nodes"}
    assert all("request r" in reason for reason in rows.values())
    assert "more node" not in report


def test_plan_names_nodes_of_groups(cli: Cli, cluster: Path, tmp_path: Path) -> None:
    ran = cli("plan", "-f", workload(tmp_path, 12), "--snapshot", cluster, "--remove", "node/n299")
    assert "n000, n001, n002 and 97 more" in ran.out
    assert "n100, n101, n102 and 196 more" in ran.out


def test_plan_shows_each_node_on_request(cli: Cli, cluster: Path, tmp_path: Path) -> None:
    ran = cli("plan", "-f", workload(tmp_path, 12), "--snapshot", cluster, "-o", "wide")
    assert "n150 " in ran.out


def test_groups_have_rows() -> None:
    group: dict[str, Any] = {
        "verdict": "misfit",
        "headline": "no device is free",
        "count": 7,
        "nodes": [],
        "reasons": [],
        "explainedBy": "default/first",
    }
    answer = {
        "namespace": "default",
        "name": "p",
        "summary": "no",
        "nodes": [],
        "nodesOmitted": 9,
        "fitting": 2,
        "fittingNodes": ["a", "b"],
        "groups": [group],
    }
    lines = pod_report(answer, "", most=20).splitlines()
    assert lines[2].split() == ["a,", "b", "fits"]
    assert lines[3].split(None, 3) == ["7", "nodes", "misfit", "no device is free"]
    assert pod_report(answer, "", most=1).endswith("and 7 more nodes: use -o wide to show them")


@pytest.mark.parametrize("kind", ["go-template", "template", "go-template-file"])
def test_a_template_of_go_names_jsonpath(cli: Cli, kind: str) -> None:
    ran = cli("nodes", "--snapshot", "examples/inventory", "-o", f"{kind}={{{{.}}}}")
    assert (ran.code, ran.out) == (2, "")
    assert f"{kind} is a template of the programming language Go; use jsonpath=..." in ran.err
