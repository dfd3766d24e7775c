"""``devices``, ``claims``, ``pods`` and ``explain``: the inventory as people ask about it."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from conftest import Cli

INVENTORY = ("--snapshot", "examples/inventory")


def rows_of(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()[1:]]


def test_every_device_has_a_line_with_who_holds_it(cli: "Cli") -> None:
    ran = cli("devices", *INVENTORY)

    rows = {(row[2], row[3]): row[4:] for row in rows_of(ran.out)}
    assert (ran.code, len(rows)) == (0, 32)
    assert rows["worker-5", "gpu-0"] == ["taken", "ml-team/llm-training"]
    assert rows["worker-6", "gpu-1"] == ["tainted", "-"]
    assert rows["worker-1", "cat-0"] == ["free", "-"]


FILTERS = {
    "node": (("--node", "worker-6"), ["blue-0", "cat-0", "gpu-0", "gpu-1"]),
    "state": (("--state", "tainted"), ["cat-2", "gpu-1"]),
    "driver and state": (("--driver", "gpu.example.com", "--state", "taken"), ["gpu-0", "gpu-1"]),
    "attribute": (("--attribute", "model=X40"), ["gpu-0", "gpu-1"]),
    "attributes": (("--attribute", "model=X100", "--attribute", "numa=1"), ["gpu-2", "gpu-3"]),
    "selector": (("--selector", 'device.driver == "gpu.example.com"', "--state", "tainted"), ["gpu-1"]),
    "nothing left": (("--node", "worker-7"), []),
}


@pytest.mark.parametrize(("flags", "devices"), FILTERS.values(), ids=FILTERS.keys())
def test_devices_are_chosen_by(cli: "Cli", flags: tuple[str, ...], devices: list[str]) -> None:
    ran = cli("devices", *INVENTORY, *flags)

    assert sorted(row[3] for row in rows_of(ran.out)) == devices


def test_the_wide_table_says_why_a_device_is_tainted(cli: "Cli") -> None:
    assert "gpu.example.com/ecc-errors" in cli("devices", *INVENTORY, "-o", "wide").out


def test_claims_have_their_devices_and_pods(cli: "Cli") -> None:
    ran = cli("claims", *INVENTORY)

    assert [row[:-1] for row in rows_of(ran.out)] == [
        # Two drivers have a pool with the name of the node.
        [
            "default",
            "petting-zoo",
            "allocated",
            "resource-driver.example.com/worker-6/cat-0,",
            "resource-driver.example.com/worker-6/blue-0",
            "zoo-keeper",
        ],
        ["ml-team", "llm-training", "allocated", "worker-5/gpu-0,", "worker-5/gpu-1", "llm-training-0"],
    ]


def test_claims_of_one_namespace(cli: "Cli") -> None:
    ran = cli("claims", *INVENTORY, "-n", "ml-team", "-o", "name")

    assert ran.out.split() == ["resourceclaim/llm-training"]


@pytest.mark.parametrize("command", [("devices",), ("claims",), ("pods", "--all")], ids=" ".join)
def test_a_service_has_the_same_lists(cli: "Cli", served: str, command: tuple[str, ...]) -> None:
    here, there = cli(*command, *INVENTORY, "-o", "json"), cli(*command, "--server", served, "-o", "json")

    # The dry runs and filters of other tests leave nothing behind.
    assert json.loads(here.out) == json.loads(there.out)


def test_a_service_without_its_scheme_is_asked_all_the_same(cli: "Cli", served: str) -> None:
    assert cli("claims", "--server", served.removeprefix("http://")).code == 0


@pytest.mark.parametrize(
    ("url", "code", "message"),
    [("http://127.0.0.1:1", 3, "cannot connect to"), ("ftp://127.0.0.1", 2, "not a valid URL")],
    ids=["nobody there", "another scheme"],
)
def test_a_service_that_cannot_be_asked(cli: "Cli", url: str, code: int, message: str) -> None:
    ran = cli("devices", "--server", url)

    assert (ran.code, ran.out) == (code, "")
    assert message in ran.err


class Stranger(BaseHTTPRequestHandler):
    """Some other web server."""

    def do_GET(self) -> None:
        status, body = (200, b"<html>hello</html>") if "devices" in self.path else (404, b"{}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
        pass


@pytest.mark.parametrize("command", ["devices", "claims"])
def test_another_web_server_is_not_taken_for_one(cli: "Cli", command: str) -> None:
    with HTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ran = cli(command, "--server", f"127.0.0.1:{server.server_port}")
        server.shutdown()

    assert (ran.code, ran.out) == (3, "")
    assert "is not a dra-extender" in ran.err


PENDING = """\
apiVersion: v1
kind: Pod
metadata: {name: pending, namespace: default, uid: "1"}
spec:
  resourceClaims: [{name: zoo, resourceClaimName: %s}]
"""


@pytest.mark.parametrize(
    ("claim", "code", "said"),
    [("petting-zoo", 0, r"worker-6 +fits"), ("nowhere", 1, "it does not exist")],
    ids=["fits", "fits nowhere"],
)
def test_a_pending_pod_is_explained(program: "Cli", claim: str, code: int, said: str) -> None:
    ran = program("explain", "pending", *INVENTORY, "--snapshot", "-", stdin=PENDING % claim)

    assert ran.code == code
    assert "default/pending has no node" in ran.out
    assert re.search(said, ran.out)


@pytest.mark.parametrize("name", ["pod/pending", "pods/pending", "default/pending"])
def test_a_pod_is_named_as_kubectl_does_or_with_its_namespace(program: "Cli", name: str) -> None:
    ran = program("explain", name, *INVENTORY, "--snapshot", "-", stdin=PENDING % "petting-zoo")

    assert ran.out.startswith("default/pending has no node")


@pytest.mark.parametrize("name", ["a/b/c", "pod/", "/pending"])
def test_what_names_no_pod_is_refused(cli: "Cli", name: str) -> None:
    ran = cli("explain", name, *INVENTORY)

    assert ran.code == 2
    assert f"'{name}' is not a Pod" in ran.err


def test_pods_that_are_pending_are_listed_and_with_all_those_that_hold_claims(program: "Cli") -> None:
    pending = program("pods", *INVENTORY, "--snapshot", "-", stdin=PENDING % "petting-zoo")
    everyone = program("pods", "--all", "-o", "name", *INVENTORY, "--snapshot", "-", stdin=PENDING % "x")

    assert rows_of(pending.out) == [["default", "pending", "Pending", "-", "<unknown>", "petting-zoo", "-"]]
    assert "1 Pod" in pending.err
    assert everyone.out.split() == ["pod/pending", "pod/zoo-keeper", "pod/llm-training-0"]


def test_pods_of_one_namespace(cli: "Cli") -> None:
    ran = cli("pods", "--all", *INVENTORY, "-n", "ml-team", "-o", "name")

    assert ran.out.split() == ["pod/llm-training-0"]


def test_a_pod_with_a_node_is_said_to_have_one(cli: "Cli") -> None:
    ran = cli("explain", "zoo-keeper", *INVENTORY)
    assert ran.err.startswith("inventory revision ")

    assert ran.code == 0
    assert ran.out == "default/zoo-keeper is on worker-6\n"


def test_a_pod_that_is_not_there_ends_with_2(cli: "Cli") -> None:
    ran = cli("explain", "nobody", *INVENTORY)

    assert (ran.code, ran.out) == (2, "")
    assert "no Pod default/nobody" in ran.err


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--snapshot", "nowhere"), 2, "nowhere: No such file"),
        (("--snapshot", "examples/workloads/gpu-pair.yaml"), 2, "contains no Node, so no Pod can be placed"),
        (("--kubeconfig", "nowhere.conf"), 3, "nowhere.conf"),
    ],
    ids=["no such file", "no nodes", "no kubeconfig"],
)
def test_serve_that_cannot_start_says_so_in_one_line(
    program: "Cli", flags: tuple[str, ...], code: int, said: str
) -> None:
    ran = program("serve", *flags, "--port", "0")

    assert ran.code == code
    # On a busy machine, the log says that the event loop was held while a thread started.
    (line,) = [line for line in ran.err.splitlines() if "the event loop was held" not in line]
    assert line.startswith("dra-extender: ")
    assert said in line


def test_serve_refuses_settings_in_one_line(cli: "Cli") -> None:
    ran = cli("serve", *INVENTORY, "--host", "0.0.0.0")  # noqa: S104 - what is refused

    assert ran.code == 2
    assert "--allow-insecure-listen" in ran.err


def test_a_selector_that_is_wrong_is_bad_input_and_one_that_fails_is_told(cli: "Cli") -> None:
    ran = cli("devices", *INVENTORY, "--selector", "device.nothing")
    assert (ran.code, ran.out) == (2, "")
    assert "undefined field" in ran.err
    ran = cli("devices", *INVENTORY, "--selector", 'device.attributes["gpu.example.com"].model == "X100"')
    assert len(rows_of(ran.out)) == 4
    assert "cannot be evaluated" in ran.err


def test_decisions_of_a_service_are_listed_newest_first(cli: "Cli", served: str) -> None:
    for name in ("first", "second"):
        spec = {"resourceClaims": [{"name": "c", "resourceClaimName": "missing"}]}
        pod = {"metadata": {"name": name, "namespace": "decided", "uid": name}, "spec": spec}
        body = {"Pod": pod, "NodeNames": ["worker-1"], "Nodes": None}
        httpx.post(f"{served}/scheduler/filter", json=body, trust_env=False).raise_for_status()
    ran = cli("decisions", "--server", served, "-n", "decided")
    assert [row[2:6] for row in rows_of(ran.out)] == [
        ["second", "filter", "refused", "1"],
        ["first", "filter", "refused", "1"],
    ]
    one = cli("decisions", "--server", served, "-n", "decided", "--limit", "1", "-o", "name")
    assert one.out == "pod/second\n"
    assert cli("decisions").code == 2
