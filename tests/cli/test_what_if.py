"""``plan`` with the flags that change the cluster, and its other questions."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

SNAPSHOT = ("--snapshot", "examples/inventory")
FOUR = ("-f", "examples/workloads/four-gpus.yaml")
PAIR = ("-f", "examples/workloads/gpu-pair.yaml")


def test_how_many(cli: Cli) -> None:
    ran = cli("plan", *PAIR, "--how-many", *SNAPSHOT)
    assert ran.code == 0
    assert ran.out.startswith("NODE")
    assert "The next Pod: 0/8 nodes fit" in ran.out
    assert "1 fit (inventory revision" in ran.err


def test_changes_of_the_cluster(cli: Cli) -> None:
    assert cli("plan", *FOUR, *SNAPSHOT).code == 1
    assert cli("plan", *FOUR, *SNAPSHOT, "--remove-claim", "ml-team/llm-training").code == 0
    assert cli("plan", *FOUR, *SNAPSHOT, "--remove", "resourceclaim/ml-team/llm-training").code == 0
    more = ("--add-nodes", "1", "--like", "worker-5")
    assert "worker-5-more-1" in cli("plan", *FOUR, *SNAPSHOT, *more).out
    taint = ("--taint", "gpu.example.com/worker-5-more-1/gpu-0=ecc=bad:NoSchedule")
    ran = cli("plan", *FOUR, *SNAPSHOT, *more, *taint)
    assert ran.code == 1
    assert "ecc=bad:NoSchedule" in ran.out


def test_where_the_pods_of_a_drained_node_go(cli: Cli) -> None:
    ran = cli("plan", "--drain", "worker-5", *SNAPSHOT, "-o", "json")
    assert ran.code == 1
    (moved,) = json.loads(ran.out)["pods"]
    assert (moved["name"], moved["evictedFrom"], moved["node"]) == ("llm-training-0", "worker-5", None)


def test_all_or_nothing(cli: Cli) -> None:
    ran = cli("plan", "-f", "examples/dra-task-page.yaml", "--all-or-nothing", "--replicas", "9", *SNAPSHOT)
    assert ran.code == 1
    assert "all or nothing: no assignment of all 9 Pods exists" in ran.err
    assert "0 of 9 Pods placed" in ran.err
    said = ran.out.partition("All or nothing: ")[2].splitlines()
    assert said[0].startswith("no assignment of all 9 Pods exists")
    assert said[1] == "One by one, the reasons are:"
    assert "is not placed" not in ran.out, "some nodes fit the first ones"


def test_wait_ends_when_time_is_up(cli: Cli) -> None:
    ran = cli("plan", *FOUR, *SNAPSHOT, "--wait", "--timeout", "0s")
    assert ran.code == 1
    assert "timed out after 0 s" in ran.err


def test_wait_ends_at_once_if_all_fits(cli: Cli) -> None:
    ran = cli("plan", *PAIR, *SNAPSHOT, "--wait", "--timeout", "1h")
    assert ran.code == 0
    assert "not within" not in ran.err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ((*PAIR, "--add-nodes", "1"), "--add-nodes and --like require each other"),
        ((*PAIR, "--like", "worker-1"), "--add-nodes and --like require each other"),
        ((*PAIR, "--taint", "gpu.example.com"), "is not DRIVER[/POOL[/DEVICE]]=KEY[=VALUE]:EFFECT"),
        ((*PAIR, "--how-many", "--wait"), "--how-many excludes --wait"),
        ((*PAIR, "--how-many", "--explain"), "--how-many excludes --explain"),
        ((*PAIR, "--wait", "--timeout", "soon"), "is not a duration"),
        ((*PAIR, "--drain", "nowhere"), "--drain: Node nowhere not found"),
        ((*PAIR, "--taint", "nobody=k:NoSchedule"), "--taint: device nobody/*/* not found"),
        ((*PAIR, "--taint", "gpu.example.com=k:Never"), "--taint, effect: Input should be 'NoSchedule'"),
        ((*PAIR, "--add-nodes", "2", "--like", "nowhere"), "--add-nodes: Node nowhere not found"),
        ((*PAIR, "--remove", "node/nowhere"), "--remove, name: Node nowhere not found"),
        ((*PAIR, "--remove", "ConfigMap/x"), "--remove, kind: ConfigMap is not part of the inventory"),
        ((*PAIR, "--policy", "best"), "--policy: there is no policy 'best'"),
        ((*PAIR, "--feature", "Magic"), "--feature: unknown feature 'Magic'"),
        ((), "nothing to place; name a file with -f"),
    ],
)
def test_flags_that_make_no_sense(cli: Cli, flags: tuple[str, ...], says: str) -> None:
    ran = cli("plan", *flags, *SNAPSHOT)
    assert ran.code == 2
    assert says in ran.err


def test_how_many_nodes_to_add(cli: Cli) -> None:
    wanted = ("plan", *FOUR, "--replicas", "3", *SNAPSHOT, "--nodes-needed")
    ran = cli(*wanted, "--like", "worker-5", "-o", "wide")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["LIKE", "PRICE", "NODES", "NEEDED"]
    assert ran.out.count("worker-5-more-1\n") == 3, "they share a claim"
    assert "1 like worker-5: nothing cheaper is enough (inventory revision" in ran.err
    priced = json.loads(cli(*wanted, "--like", "worker-5=2.5", "--like", "worker-7", "-o", "json").out)
    assert (priced["price"], priced["minimal"], priced["nodesNeeded"]) == (2.5, True, 1)
    assert cli(*wanted, "--like", "worker-7").code == 1


def trace_of(tmp_path: Path, *jobs: tuple[str, float, float]) -> str:
    """A file with jobs of one GPU, or of a pair: kind, arrival, seconds."""

    def kind(name: str, count: int) -> dict[str, Any]:
        request = {"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com", "count": count}}
        return {"name": name, "size": count, "spec": {"devices": {"requests": [request]}}}

    listed = [{"name": f"j{number}", "kind": kind, "at": at, "seconds": seconds}
              for number, (kind, at, seconds) in enumerate(jobs)]  # fmt: skip
    file = tmp_path / "trace.json"
    text = json.dumps({"name": "days", "kinds": [kind("1 GPU", 1), kind("2 GPUs", 2)], "jobs": listed})
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_nodes_for_what_a_trace_runs_together(cli: Cli, tmp_path: Path) -> None:
    """Worker-5 has four GPUs: five are in use for most of the time, and nine for a tenth of it."""
    jobs = [("1 GPU", 0, 200), ("2 GPUs", 0, 200), ("2 GPUs", 0, 200), *[("2 GPUs", 90, 10)] * 2]
    trace = trace_of(tmp_path, *jobs, ("1 GPU", 100, 1))
    wanted = ("plan", "--nodes-needed", "--like", "worker-5", "--trace", trace, *SNAPSHOT)

    usual = cli(*wanted, "--quantile", "0.5")
    assert usual.code == 0
    assert (
        "days: at the 0.5 quantile of its demand, 0 s after its start, 3 Pods with 5 devices; at most 9"
        in (usual.err)
    )
    assert "2 like worker-5: nothing cheaper is enough" in usual.err
    assert "3 like worker-5: nothing cheaper is enough" in cli(*wanted).err
    # Of its four GPUs some are in use.
    there = json.loads(cli(*wanted, "--node", "worker-7", "-o", "json").out)
    assert there["nodesNeeded"] == 3
    assert len(there["pods"]) == 5


def test_a_trace_without_demand_or_that_is_none(cli: Cli, tmp_path: Path) -> None:
    wanted = ("plan", "--nodes-needed", "--like", "worker-5", *SNAPSHOT, "--trace")
    idle = cli(*wanted, trace_of(tmp_path, ("1 GPU", 0, 1), ("1 GPU", 100, 1)), "--quantile", "0.5")
    assert (idle.code, "no Pod runs at the 0.5 quantile; use a larger --quantile" in idle.err) == (2, True)
    missing = cli(*wanted, str(tmp_path / "none.json"))
    assert (missing.code, "--trace: " in missing.err) == (2, True)
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    assert cli(*wanted, str(tmp_path / "other.json")).code == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--like", "worker-5", "--trace", "x"),
            "--trace requires --nodes-needed, and excludes -f, --replicas and --drain",
        ),
        ((), "--nodes-needed requires --like"),
        (
            ("--like", "worker-5", "--add-nodes", "2"),
            "--nodes-needed requires --like, and excludes --add-nodes",
        ),
        (("--like", "worker-5=cheap"), "'cheap' is not a price"),
        (("--like", "worker-5", "--how-many"), "--nodes-needed excludes --how-many"),
        (("--like", "worker-5", "--explain"), "--nodes-needed excludes --explain"),
        (("--like", "worker-5=-1"), "greater than"),
    ],
)
def test_flags_that_do_not_go_with_nodes_needed(cli: Cli, flags: tuple[str, ...], message: str) -> None:
    ran = cli("plan", *FOUR, *SNAPSHOT, "--nodes-needed", *flags)
    assert ran.code == 2
    assert message in ran.err
