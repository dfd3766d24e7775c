"""``plan``: what fits is shown with its devices, what does not with its reasons, and exit codes say which."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Cli, Ran

PAGE = "examples/dra-task-page.yaml"
INVENTORY = ("--snapshot", "examples/inventory")
WORKLOADS = Path("examples/workloads")


def answer_of(ran: "Ran") -> Any:
    return json.loads(ran.out)


def test_the_task_page_fits_as_it_is(cli: "Cli") -> None:
    ran = cli("plan", "-f", PAGE, *INVENTORY, "-o", "json")

    answer = answer_of(ran)
    assert (ran.code, answer["placed"], answer["unplaced"]) == (0, 2, 0)
    cats = [pod["claims"][0]["allocation"]["devices"]["results"] for pod in answer["pods"]]
    blue = [pod["claims"][1] for pod in answer["pods"]]
    assert [pod["node"] for pod in answer["pods"]] == ["worker-1", "worker-1"]
    assert {result["device"] for results in cats for result in results} == {"cat-0", "cat-1"}
    assert [claim["claim"] for claim in blue] == ["big-blue-claim", "big-blue-claim"]
    assert [claim["shared"] for claim in blue] == [True, True]


def test_the_table_has_a_line_for_each_pod(cli: "Cli") -> None:
    ran = cli("plan", "-f", PAGE, *INVENTORY)

    head, *rows = ran.out.splitlines()
    assert head.split() == ["POD", "NODE", "DEVICES"]
    assert [row.split()[:2] for row in rows] == [
        ["default/job-with-cats-0", "worker-1"],
        ["default/job-with-cats-1", "worker-1"],
    ]
    assert "cat-0: worker-1/cat-0; cat-1: worker-1/blue-0" in rows[0]
    assert "2 of 2 Pods placed" in ran.err


def test_the_wide_table_names_claims_and_drivers(cli: "Cli") -> None:
    ran = cli("plan", "-f", PAGE, *INVENTORY, "-o", "wide")

    assert "cat-1 = big-blue-claim: resource-driver.example.com/worker-1/blue-0" in ran.out


def test_yaml_and_json_say_the_same(cli: "Cli") -> None:
    asked = ("plan", "-f", PAGE, *INVENTORY)

    as_json, as_yaml = (cli(*asked, "-o", form) for form in ("json", "yaml"))

    assert yaml.safe_load(as_yaml.out) == answer_of(as_json)


def test_names_alone(cli: "Cli") -> None:
    ran = cli("plan", "-f", PAGE, *INVENTORY, "-o", "name")

    assert ran.out.split() == ["pod/job-with-cats-0", "pod/job-with-cats-1"]


@pytest.mark.parametrize("name", ["large-white-cat", "four-gpus"])
def test_what_does_not_fit_is_told_node_by_node(cli: "Cli", name: str) -> None:
    ran = cli("plan", "-f", WORKLOADS / f"{name}.yaml", *INVENTORY)

    assert ran.code == 1
    assert "is not placed: 0/8 nodes fit" in ran.out
    rows = [line for line in ran.out.splitlines() if line.startswith("  worker-")]
    named = sorted(name for row in rows for name in re.findall(r"worker-\d", row.partition("misfit")[0]))
    assert named == [f"worker-{number}" for number in range(1, 9)]
    assert all(re.search(r"  misfit    \w", row) for row in rows)
    assert "0 of 1 Pod placed" in ran.err


def test_replicas_that_hear_the_same_share_one_report(cli: "Cli") -> None:
    ran = cli("plan", "-f", WORKLOADS / "four-gpus.yaml", *INVENTORY, "--replicas", "3")

    titles = [line for line in ran.out.splitlines() if "not placed" in line]
    assert len(titles) == 1
    assert titles[0].startswith("default/wants-four-gpus-0 and 2 more Pods are not placed: 0/8 nodes fit")


def many_nodes(folder: Path, number: int) -> Path:
    node = "apiVersion: v1\nkind: Node\nmetadata: {{name: node-{:03}}}\n---\n"
    (folder / "nodes.yaml").write_text("".join(node.format(index) for index in range(number)))
    return folder


def test_nodes_that_say_the_same_share_a_row_and_the_wide_table_has_all(cli: "Cli", tmp_path: Path) -> None:
    inventory = ("--snapshot", many_nodes(tmp_path, 30), "examples/inventory/classes.yaml")
    asked = ("plan", "-f", WORKLOADS / "four-gpus.yaml", *inventory)

    few, all_ = cli(*asked), cli(*asked, "-o", "wide")

    assert (few.out.count("  node-"), all_.out.count("  node-")) == (1, 30)
    assert "and 27 more   misfit" in few.out


def test_the_only_large_white_cat_is_named_as_tainted(cli: "Cli") -> None:
    ran = cli("plan", "-f", WORKLOADS / "large-white-cat.yaml", *INVENTORY, "-o", "json")

    nodes = {node["name"]: node for node in answer_of(ran)["pods"][0]["nodes"]}
    assert "DeviceTainted" in [reason["code"] for reason in nodes["worker-4"]["reasons"]]


def test_the_first_pod_leaves_worker_3_alone_where_the_second_has_no_room(cli: "Cli") -> None:
    ran = cli("plan", "-f", PAGE, *INVENTORY, "--policy", "spread", "-o", "json")

    assert ran.code == 0
    assert [pod["node"] for pod in answer_of(ran)["pods"]] == ["worker-1", "worker-1"]


FLAGS = {
    "more replicas than cats": (("--replicas", "4"), ["worker-2", "worker-2", "worker-2", None]),
    "one node only": (("--node", "worker-2"), ["worker-2", "worker-2"]),
    "without a node": (("--remove", "Node/worker-1"), ["worker-2", "worker-2"]),
    "cordoned nodes too": (("--node", "worker-8", "--no-node-checks"), ["worker-8", "worker-8"]),
    "cordoned": (("--node", "worker-8"), [None, None]),
}


@pytest.mark.parametrize(("flags", "nodes"), FLAGS.values(), ids=FLAGS.keys())
def test_flags_change_the_question(cli: "Cli", flags: tuple[str, ...], nodes: list[str | None]) -> None:
    ran = cli("plan", "-f", PAGE, *INVENTORY, *flags, "-o", "json")

    assert [pod["node"] for pod in answer_of(ran)["pods"]] == nodes


def test_all_files_are_placed_together(cli: "Cli") -> None:
    ran = cli("plan", "-f", PAGE, WORKLOADS / "gpu-pair.yaml", WORKLOADS / "four-gpus.yaml", *INVENTORY)

    assert ran.code == 1
    assert "3 of 4 Pods placed" in ran.err


def test_other_kinds_are_skipped_with_a_note(cli: "Cli", tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n---\n" + Path(PAGE).read_text())

    ran = cli("plan", "-f", file, *INVENTORY)

    assert ran.code == 0
    assert "creates no Pods: 1 ConfigMap" in ran.err


JOB_SET = "apiVersion: jobset.x-k8s.io/v1alpha2\nkind: JobSet\nmetadata: {name: j}\nspec: {}\n"


@pytest.mark.parametrize("command", [("plan", *INVENTORY, "-f"), ("check", "-f")], ids=["plan", "check"])
def test_a_known_kind_without_a_template_is_not_called_unknown(
    cli: "Cli", tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "more.yaml"
    thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\n"
    file.write_text(f"{JOB_SET}---\n{thing}---\n{Path(PAGE).read_text()}")

    ran = cli(*command, file)

    assert "ignored, without a Pod template: JobSet j (spec.replicatedJobs is missing)" in ran.err
    assert "unknown kind without a Pod template" in ran.err
    unknown = next(line for line in ran.err.splitlines() if "unknown kind" in line)
    assert "JobSet" not in unknown
    assert command[0] == "check" or ran.code != 0


def test_the_namespace_flag_is_for_what_names_none(cli: "Cli") -> None:
    ran = cli("plan", "-f", PAGE, *INVENTORY, "-n", "cats", "-o", "json")

    assert {pod["namespace"] for pod in answer_of(ran)["pods"]} == {"cats"}
    assert ran.code == 0


def test_stdin_is_a_file_too(program: "Cli") -> None:
    ran = program("plan", "-f", "-", *INVENTORY, stdin=Path(PAGE).read_text())

    assert ran.code == 0
    assert "2 of 2 Pods placed" in ran.err


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
BAD = {
    "no file": ((), "nothing to place"),
    "no such file": (("-f", "nowhere.yaml"), "nowhere.yaml: No such file"),
    "nothing to place": (("-f", "examples/inventory/classes.yaml"), "nothing to place"),
    "unknown policy": (("-f", PAGE, "--policy", "best"), "no policy 'best'"),
    "unknown feature": (("-f", PAGE, "--feature", "Nonsense=true"), "Nonsense"),
    "removes nothing": (("-f", PAGE, "--remove", "Node/worker-99"), "Node worker-99 not found"),
    "removes no name": (("-f", PAGE, "--remove", "worker-1"), "KIND/NAME"),
    "bad number": (("-f", PAGE, "--replicas", "-1"), "--replicas"),
    "server and snapshot": (("-f", PAGE, "--server", "http://127.0.0.1:1"), "are mutually exclusive"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_ends_with_2_and_one_clear_line(
    cli: "Cli", arguments: tuple[str, ...], message: str
) -> None:
    ran = cli("plan", *arguments, *INVENTORY)

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (POD, ":1: Pod default/p: spec: is missing"),
        (POD + "spec:\n  resourceClaims:\n  - {name: 5, resourceClaimName: c}\n", ":6: Pod default/p: spec"),
        ("a: [", ": not valid YAML"),
    ],
    ids=["no spec", "wrong type", "no YAML"],
)
def test_a_bad_object_is_named_with_its_line(cli: "Cli", tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)

    ran = cli("plan", "-f", file, *INVENTORY)

    assert ran.code == 2
    assert place in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--server", "http://127.0.0.1:1"), "cannot connect to"),
        (("--kubeconfig", "nowhere.conf"), "nowhere.conf"),
        ((), ".kube/config"),
    ],
    ids=["no service", "no kubeconfig", "nothing at all"],
)
def test_who_cannot_be_asked_ends_with_3(cli: "Cli", arguments: tuple[str, ...], message: str) -> None:
    ran = cli("plan", "-f", PAGE, *arguments)

    assert (ran.code, ran.out) == (3, "")
    assert message in ran.err


def test_a_service_gives_the_same_table(cli: "Cli", served: str) -> None:
    here = cli("plan", "-f", PAGE, *INVENTORY)
    there = cli("plan", "-f", PAGE, "--server", served)

    assert (there.code, there.out) == (here.code, here.out)


def test_a_node_that_does_not_exist_is_told_of(cli: "Cli") -> None:
    ran = cli("plan", "-f", PAGE, *INVENTORY, "--node", "worker-1", "--node", "nope")
    assert (ran.code, ran.err) == (2, "dra-extender: --node: Node nope not found\n")


def test_pods_of_one_name_are_refused_with_both_places(cli: "Cli", tmp_path: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}]}\n"
    file = tmp_path / "pods.yaml"
    file.write_text(f"{pod}---\n{pod}")
    ran = cli("plan", "-f", file, *INVENTORY)
    assert ran.code == 2
    assert f"{file}:8: Pod default/a is also at {file}:3" in ran.err


def test_an_object_without_a_name_is_left_out_with_its_file(
    cli: "Cli", tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "more.yaml"
    file.write_text("apiVersion: v1\nkind: List\nitems: {a: b}\n---\n5\n")
    assert cli("plan", "-f", PAGE, *INVENTORY, file).code == 0
    assert f"left out of the inventory: {file}: object (no name): is not a Kubernetes object" in caplog.text
    assert f"left out of the inventory: {file}: List (no name): items: must be a list" in caplog.text
