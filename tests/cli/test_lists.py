"""What all lists have in common with ``kubectl get``: names, labels, order, formats; and ``top``."""

import json
from typing import TYPE_CHECKING

import pytest

from app.cli.lists.listing import csv_text
from app.cli.talk import table
from app.cli.waiting import watched

if TYPE_CHECKING:
    from conftest import Cli

SOURCE = ("--snapshot", "tests/cli/golden/inventory.yaml")
OUTPUTS = {
    "a name": ("claims training -o name", "resourceclaim/training\n"),
    "a name with its namespace": ("claims team-b/too-large-for-any-node-of-this-cluster -o name", None),
    "a name with its kind": ("pods pod/waiting-0 -o name", "pod/waiting-0\n"),
    "a short name of the kind": ("nodes no/gpu-node-a -o name", "node/gpu-node-a\n"),
    "several names": (
        "devices gpu-1 gpu-2 -o name",
        "gpu.example.com/gpu-node-a/gpu-1\ngpu.example.com/gpu-node-a/gpu-2\n",
    ),
    "a pool and a name": ("devices gpu-node-a/gpu-1 -o jsonpath={.device}", "gpu-1"),
    "a named Pod may have a node": ("pods training-0 -o jsonpath={.node}", "gpu-node-a"),
    "a label": (
        "nodes -l topology.kubernetes.io/zone=zone-2 -o jsonpath={.items[*].status}",
        "NotReady,SchedulingDisabled",
    ),
    "a label that is not there": ("nodes -l !rack -o jsonpath={.items[*].labels.rack}", ""),
    "a label of nodes": ("devices -l rack=r7 -o jsonpath={.items[*].device}", "gpu-0 gpu-1 gpu-2"),
    "one namespace": ("claims -n team-a -o jsonpath={.items[*].name}", "training"),
    "all namespaces": ("claims -A -o jsonpath={.items[*].namespace}", "team-a team-b"),
    "order": ("devices --sort-by .state -o jsonpath={.items[*].state}", "free tainted taken unusable"),
    "order by quantities": (
        "devices --show memory --sort-by {.values.memory} -o jsonpath={.items[*].device}",
        "gpu-2 gpu-0 gpu-0 gpu-1",
    ),
    "no heads": ("classes gpu --no-headers", "gpu   Ready   4   1   example.com/gpu   <unknown>\n"),
    "columns of one's own": (
        "claims training -o custom-columns=N:.name,D:.allocation.devices.results[*].device",
        "N          D\ntraining   gpu-0\n",
    ),
    "columns without heads": (
        "claims training --no-headers -o custom-columns=N:.name,M:.missing",
        "training   <none>\n",
    ),
    "a template over a list": ("nodes -o jsonpath={range.items[*]}{.name};{end}", None),
    "values as JSON": ("devices -o jsonpath-as-json={.items[0].state}", '[\n  "taken"\n]\n'),
    "csv": (
        "top --by product -o csv",
        "PRODUCT,DEVICES,TAKEN,FREE,UNAVAILABLE,LARGEST FREE,PERCENT\nA100,2,1,1,0,1,50\nL4,2,0,0,2,0,0\n",
    ),
    "top of a label": (
        "top --by label:rack -o jsonpath={.items[*].group}",
        '{"label:rack":""} {"label:rack":"r7"}',
    ),
    "top of a namespace": ("top --by namespace -n team-a -o jsonpath={.total.devices}", "1"),
    "Pods of a reason": ("pods --reason toofewdevices -o jsonpath={.items[*].code}", "TooFewDevices"),
    "a reason that no Pod has": ("pods --reason Fits -o name", ""),
    "top with a total": ("top --by node -o jsonpath={.total.percent}", "25"),
    "a label as a column": (
        "nodes gpu-node-a -L rack --no-headers",
        "gpu-node-a   Ready   3   1   1   1   <unknown>   r7\n",
    ),
    "all labels": ("claims training --show-labels --no-headers -o custom-columns=L:.labels.app", "train\n"),
    "dots in a key": (r"nodes gpu-node-a -o jsonpath={.labels.topology\.kubernetes\.io/zone}", "zone-1"),
    "explain through a template": (
        "explain waiting-0 -n team-b -o jsonpath={.nodes[*].verdict}",
        "misfit misfit",
    ),
}


@pytest.mark.parametrize(("command", "expected"), OUTPUTS.values(), ids=OUTPUTS)
def test_a_list_prints(cli: "Cli", command: str, expected: str | None) -> None:
    ran = cli(*command.split(" "), *SOURCE)
    assert ran.code == (1 if command.startswith("explain") else 0)
    assert ran.out == expected or (expected is None and ran.out)


REFUSED = {
    "a name that does not exist": ("claims nobody", "no claim nobody"),
    "one of two": ("nodes gpu-node-a nobody", "no node nobody"),
    "a name that is none": ("pods a/", "is not the name of a Pod"),
    "another kind": ("pods node/gpu-node-a", "no Pod node/gpu-node-a"),
    "a format": ("nodes -o jsn", "is not one of table, wide"),
    "a format without its template": ("nodes -o jsonpath", "jsonpath needs a value"),
    "a template": ("nodes -o jsonpath={.items", "no closing brace"),
    "columns": ("nodes -o custom-columns=NAME", "is not HEAD:PATH"),
    "a file of columns": ("nodes -o custom-columns-file=nowhere", "nowhere: No such file"),
    "a path that no item has": ("nodes --sort-by .nothing", "no item has a value"),
    "an index out of bounds": ("nodes -o jsonpath={.items[9].name}", "out of bounds"),
    "labels": ("nodes -l a=b=c", "-l: 'a=b=c' is not a label selector"),
    "a group": ("top --by label:", "is not a group"),
    "a group that is repeated": ("top --by node,node", "--by"),
}


@pytest.mark.parametrize(("command", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_list_refuses_is_named(cli: "Cli", command: str, message: str) -> None:
    ran = cli(*command.split(" "), *SOURCE)
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_one_name_gives_the_object_and_several_give_a_list(cli: "Cli") -> None:
    one, two = (
        cli("nodes", *names, "-o", "json", *SOURCE)
        for names in (
            ["gpu-node-a"],
            ["gpu-node-a", "node/gpu-node-b-with-a-rather-long-name.example.internal"],
        )
    )
    assert json.loads(one.out)["name"] == "gpu-node-a"
    assert [item["name"][:10] for item in json.loads(two.out)] == ["gpu-node-a", "gpu-node-b"]


class Counted(dict[str, object]):
    """An item that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        type(self).compared += 1
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment] # as dict


@pytest.mark.parametrize("number", [1_000, 4_000])
def test_watching_compares_each_item_once_a_round(number: int) -> None:
    Counted.compared = 0
    hashed = 0

    class Name(str):
        def __hash__(self) -> int:
            nonlocal hashed
            hashed += 1
            return super().__hash__()

    rounds = iter([[Counted(id=Name(index)) for index in range(number)] for _ in range(3)])
    list(watched(lambda: next(rounds), lambda item: item["id"], lambda _: True, 0, 3))
    assert Counted.compared <= 3 * number
    assert hashed <= 60 * number  # sets and dictionaries of names, for each round


def test_a_table_reads_each_cell_a_few_times() -> None:
    class Cell:
        read = 0

        def __str__(self) -> str:
            type(self).read += 1
            return "x"

    rows = [[Cell(), Cell()] for _ in range(2_000)]
    table(("A", "B"), rows, width=10)  # type: ignore[arg-type] # what is counted
    assert Cell.read == 4_000


WIDTHS = {
    "fits": (30, ["NAME   REASON", "pod    a long reason for this"]),
    "cuts the longest": (24, ["NAME   REASON", "pod    a long reason fo…"]),
    "cuts no short cell": (10, ["NAME   REASON", "pod    a long reas…"]),
}


@pytest.mark.parametrize(("width", "lines"), WIDTHS.values(), ids=WIDTHS)
def test_a_table_fits_a_width(width: int, lines: list[str]) -> None:
    assert table(("NAME", "REASON"), [("pod", "a long reason for this")], width=width).splitlines() == lines


def test_csv_quotes_what_needs_it() -> None:
    assert csv_text(("A", "B"), [('say "x"', "a,b")]) == 'A,B\n"say ""x""","a,b"\n'


def test_the_service_of_the_environment_is_asked_unless_a_flag_names_another_source(
    cli: "Cli", served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRA_EXTENDER_SERVER", served)
    assert cli("nodes", "worker-1", "-o", "name").out == "node/worker-1\n"
    assert cli("nodes", "gpu-node-a", "-o", "name", *SOURCE).out == "node/gpu-node-a\n"
    assert cli("check", "-f", "examples/job-with-cats.yaml").code == 0
    monkeypatch.setenv("DRA_EXTENDER_SERVER", "http://127.0.0.1:1")
    assert cli("nodes").code == 3


def test_the_lists_of_a_service_and_of_its_files_are_the_same(cli: "Cli", served: str) -> None:
    for command in ("nodes", "pools", "classes"):
        here = cli(command, "-o", "json", "--snapshot", "examples/inventory")
        assert json.loads(here.out) == json.loads(cli(command, "--server", served, "-o", "json").out)


def test_flags_of_all_commands_are_listed_once(cli: "Cli") -> None:
    listed = cli("options").out
    for flag in ("--as ", "--as-group", "--cluster", "--user", "--token", "--request-timeout"):
        assert flag in listed
        assert flag not in cli("nodes", "--help").out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--as-group", "g"), "--as-group requires --as"),
        (("--as", "jane", "--snapshot", "x"), "mutually exclusive"),
        (("--cluster", "c", "--server", "http://127.0.0.1:1"), "mutually exclusive"),
        (("--server", "proxy:x"), "proxy:NAMESPACE/NAME"),
        (("--server", "proxy", "--snapshot", "x"), "mutually exclusive"),
        (("--request-timeout", "soon"), "is not a duration"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_flags_that_contradict_each_other_are_refused(
    cli: "Cli", tmp_path_factory: pytest.TempPathFactory, flags: tuple[str, ...], message: str
) -> None:
    kubeconfig = tmp_path_factory.mktemp("k") / "config"
    kubeconfig.write_text(
        "{current-context: c, contexts: [{name: c, context: {cluster: c}}], "
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]}"
    )
    extra = (
        () if "--snapshot" in flags or "http://127.0.0.1:1" in flags else ("--kubeconfig", str(kubeconfig))
    )
    ran = cli("nodes", *flags, *extra)
    assert ran.code == 2
    assert message in ran.err


def test_the_version_of_program_service_and_cluster(cli: "Cli", served: str) -> None:
    own = cli("version", "--client", "-o", "json")
    assert json.loads(own.out).keys() == {"clientVersion", "kubernetesVersion"}
    there = json.loads(cli("version", "--server", served, "-o", "json").out)
    assert there["serviceVersion"] == there["clientVersion"]
    assert there["rulesVersion"] == "1.37"
    nobody = cli("version", "--server", "http://127.0.0.1:1")
    assert (nobody.code, nobody.out.startswith("Client version: ")) == (3, True)


@pytest.mark.parametrize(
    ("flags", "note"),
    [
        (("--by", "nod,driver"), "none of these devices has 'nod'\n"),
        (("--by", "label:zone"), "none of these nodes has the label 'zone'\n"),
        (("--by", "model"), ""),
        (("--by", "nod", "--driver", "nobody"), ""),
        (("--by", "nod", "-o", "json"), ""),
    ],
)
def test_top_says_which_group_is_nowhere(cli: "Cli", flags: tuple[str, ...], note: str) -> None:
    ran = cli("top", *flags, "--snapshot", "examples/inventory")
    assert (ran.code, ran.err) == (0, note)
