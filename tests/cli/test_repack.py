"""``repack``: which Pods to move."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.objects import node
from tests.packed import OBJECTS, PAIR, running


def test_which_pods_to_move(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "cluster.json"
    objects = [*OBJECTS, *running("x", "n1", "a"), *running("y", "n2", "b"), PAIR]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), encoding="utf-8")
    wanted = ("repack", "--pending", "--snapshot", str(file))

    ran = cli(*wanted)

    assert ran.code == 0
    assert [line.split() for line in ran.out.splitlines()] == [
        ["STEP", "NAMESPACE", "NAME", "FROM", "TO", "DEVICES", "THEN"],
        ["1", "default", "x", "n1", "n2", "gpu.example.com/n1/a", "gpu.example.com/n2/a"],
    ]
    assert "1 Pod(s) to move: no fewer are enough (inventory revision" in ran.err
    assert cli(*wanted, "-o", "name").out == "pod/x\n"
    wide = cli(*wanted, "-o", "wide").out.splitlines()
    assert wide[-1].split()[-1] == "n1"


def test_a_plan_that_is_not_possible_says_why(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "cluster.json"
    objects = [*OBJECTS, *running("x", "n1", "a"), *running("y", "n2", "b"), PAIR]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), encoding="utf-8")

    ran = cli("repack", "--pending", "--snapshot", str(file), "--node", "n1")

    assert ran.code == 1
    assert "no sequence of up to 50 moves is enough" in ran.err


def test_moves_until_fragmentation_is_below_a_bound(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "cluster.json"
    objects = [*OBJECTS, node("n3"), *running("x", "n1", "a"), *running("y", "n2", "b")]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), encoding="utf-8")
    wanted = ("repack", "--snapshot", str(file), "--fragmentation-below")

    ran = cli(*wanted, "5")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 2
    assert "1 Pod(s) to move: fragmentation falls from " in ran.err

    enough = cli(*wanted, "100")
    assert (enough.code, enough.out) == (0, "")
    assert "no Pod has to move: fragmentation is " in enough.err

    unreachable = cli(*wanted, "5", "--node", "n3")
    assert unreachable.code == 1
    assert "no sequence of up to 50 moves leads to fragmentation below 5.0%" in unreachable.err

    both = cli(*wanted, "5", "--pending")
    assert both.code == 2
    assert (
        "--fragmentation-below is for the cluster as it is; leave out -f, --pending and --drain" in both.err
    )


def test_a_kind_that_is_not_known_is_no_success(cli: Cli, tmp_path: Path) -> None:
    cluster, wanted = tmp_path / "cluster.json", tmp_path / "wanted.json"
    cluster.write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [*OBJECTS]}), encoding="utf-8"
    )
    unknown = {"apiVersion": "example.com/v1", "kind": "Training", "metadata": {"name": "t"}, "spec": {}}
    wanted.write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [PAIR, unknown]}), encoding="utf-8"
    )

    ran = cli("repack", "-f", wanted, "--snapshot", str(cluster))

    assert ran.code == 1
    assert "no Pod has to move" in ran.err
    assert "unknown kind without a Pod template: 1 Training (example.com/v1)" in ran.err


@pytest.mark.parametrize("flag", ["--snapshot=examples/inventory", "--drain=worker-1"])
def test_only_a_plan_for_the_cluster_as_it_is_can_be_carried_out(cli: Cli, flag: str) -> None:
    ran = cli("repack", "--pending", "--apply", flag)
    assert ran.code == 2
    assert "--apply moves Pods of a cluster as it is; leave out --snapshot and simulated changes" in ran.err


def test_repack_needs_pods(cli: Cli) -> None:
    ran = cli("repack", "--snapshot", "examples/inventory")
    assert ran.code == 2
    assert "nothing to make room for; name a file with -f, or use --pending, --drain NODE or" in ran.err
