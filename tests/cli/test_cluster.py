"""Commands that ask a cluster: against a fake API server on a socket, found by a kubeconfig."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
import yaml

from app.core.model.parse import flatten
from app.manifests.reader import read_paths
from tests.cluster.fake_apiserver import API, FakeApiServer, Fault, asgi

if TYPE_CHECKING:
    from conftest import Cli

PAGE = "examples/dra-task-page.yaml"
ROOT = Path(__file__).parents[2]
PLURALS = {kind: (version, plural) for version, kinds in API.items() for plural, kind in kinds.items()}


@dataclass(frozen=True)
class Cluster:
    fake: FakeApiServer
    kubeconfig: str


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """The example inventory in an API server, with what API servers add to objects."""
    fake = FakeApiServer()
    for item in read_paths([ROOT / "examples/inventory"]):
        version, plural = PLURALS[item["kind"]]
        meta = {key: value for key, value in item["metadata"].items() if key != "resourceVersion"}
        managed = [{"manager": "kubectl", "operation": "Update"}]
        fake.put(version, plural, item | {"metadata": meta | {"managedFields": managed}})
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(asgi(fake), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        file = tmp_path / "kubeconfig"
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        file.write_text(yaml.safe_dump(kubeconfig_of(url)))
        yield Cluster(fake, str(file))
        server.should_exit = True
        thread.join(timeout=30)


def kubeconfig_of(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }


def objects_in(text: str) -> dict[tuple[str, str], Any]:
    return {(item["kind"], item["metadata"]["name"]): item for item in flatten(yaml.safe_load_all(text))}


def test_a_snapshot_holds_what_the_cluster_has(cli: "Cli", cluster: Cluster) -> None:
    ran = cli("snapshot", "--kubeconfig", cluster.kubeconfig)

    assert ran.code == 0, ran.err
    found = objects_in(ran.out)
    expected = {(item["kind"], item["metadata"]["name"]): item for item in read_paths(["examples/inventory"])}
    assert found.keys() == expected.keys()
    assert all(found[key].get("spec") == expected[key].get("spec") for key in expected)
    assert all(found[key].get("status") == expected[key].get("status") for key in expected)
    assert "managedFields" not in ran.out
    assert ("8 nodes" in ran.err, "8 resourceslices" in ran.err) == (True, True)


def test_a_snapshot_records_the_version_and_the_gates_which_plans_then_follow(
    cli: "Cli", cluster: Cluster, tmp_path: Path
) -> None:
    cluster.fake.version = {"gitVersion": "v1.37.2", "emulationMajor": "1", "emulationMinor": "33"}
    cluster.fake.metrics = b'kubernetes_feature_enabled{name="DRAPrioritizedList",stage="ALPHA"} 1\n'

    file = tmp_path / "snapshot.yaml"
    assert cli("snapshot", "--kubeconfig", cluster.kubeconfig, "-o", file).code == 0

    annotations = yaml.safe_load(file.read_text())["metadata"]["annotations"]
    assert annotations == {
        "dra-extender/kubernetes-version": "1.33",
        "dra-extender/feature-gates": "DRAPrioritizedList=true",
    }
    again = cli("snapshot", "--kubeconfig", cluster.kubeconfig)
    assert again.out == file.read_text()
    same = ["Rules of Kubernetes: 1.33", "Changed feature gates: DRAPrioritizedList=true"]
    assert cli("version", "--snapshot", file).out.splitlines()[2:] == same
    of_cluster = cli("version", "--kubeconfig", cluster.kubeconfig).out.splitlines()
    assert of_cluster[2:] == ["Cluster version: v1.37.2", *same]


def test_a_trace_is_recorded_beside_the_snapshot(cli: "Cli", cluster: Cluster, tmp_path: Path) -> None:
    inventory, file = tmp_path / "inventory.yaml", tmp_path / "trace.json"
    where = ("--kubeconfig", cluster.kubeconfig, "-o", inventory)
    ran = cli("snapshot", *where, "--trace", str(file), "--for", "1s")
    assert ran.code == 0, ran.err
    recorded = json.loads(file.read_text())
    assert {job["name"] for job in recorded["jobs"]} == {"default/zoo-keeper", "ml-team/llm-training-0"}
    assert f"2 Pods in {file}" in ran.err
    simulated = cli("simulate", "--snapshot", inventory, "--trace", file, "--policy", "spread", "-o", "json")
    (result,) = json.loads(simulated.out)["policies"]
    # They run where they were found: four devices of 32, and none is given anew.
    assert (result["placed"], result["refused"]) == ({"kind-0": 0, "kind-1": 0},) * 2
    assert result["utilisation"] == 4 / 32


def test_a_plan_from_a_snapshot_is_the_plan_of_the_cluster(
    cli: "Cli", cluster: Cluster, tmp_path: Path
) -> None:
    file = tmp_path / "cluster.yaml"

    written = cli("snapshot", "--kubeconfig", cluster.kubeconfig, "-o", file)
    asked = cli("plan", "-f", PAGE, "--kubeconfig", cluster.kubeconfig)
    offline = cli("plan", "-f", PAGE, "--snapshot", file)

    assert (written.code, written.out) == (0, "")
    assert asked.out.splitlines()[1].split()[1] == "worker-1"
    assert (offline.code, offline.out) == (asked.code, asked.out) == (0, asked.out)


def test_a_dry_run_writes_nothing(cli: "Cli", cluster: Cluster) -> None:
    cli("plan", "-f", PAGE, "--kubeconfig", cluster.kubeconfig)
    cli("devices", "--kubeconfig", cluster.kubeconfig)

    assert {call.method for call in cluster.fake.calls} == {"GET"}
    assert not any(call.is_watch for call in cluster.fake.calls)


def test_pods_without_claims_are_left_out_unless_asked_for(cli: "Cli", cluster: Cluster) -> None:
    cluster.fake.put(
        "v1",
        "pods",
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "plain", "namespace": "default"},
            "spec": {},
        },
    )

    few = cli("snapshot", "--kubeconfig", cluster.kubeconfig)
    all_ = cli("snapshot", "--kubeconfig", cluster.kubeconfig, "--all-pods")

    assert ("Pod", "plain") not in objects_in(few.out)
    assert ("Pod", "plain") in objects_in(all_.out)


def test_names_without_a_namespace_are_in_that_of_the_context_as_with_kubectl(
    cli: "Cli", cluster: Cluster
) -> None:
    file = Path(cluster.kubeconfig)
    config = yaml.safe_load(file.read_text())
    config["contexts"][0]["context"]["namespace"] = "ml-team"
    file.write_text(yaml.safe_dump(config))
    there = ("--kubeconfig", cluster.kubeconfig)

    told = cli("explain", "llm-training-0", *there)
    assert (told.code, "ml-team/llm-training-0 is on worker-5" in told.out) == (0, True), told.err
    assert cli("explain", "llm-training-0", *there, "-n", "default").code == 2
    planned = json.loads(cli("plan", "-f", PAGE, *there, "-o", "json").out)
    assert {pod["namespace"] for pod in planned["pods"]} == {"ml-team"}
    assert cli("plan", "-f", PAGE, *there, "--remove-claim", "llm-training").code in (0, 1)
    # Manifests have no context.
    assert cli("explain", "llm-training-0", "--snapshot", "examples/inventory").code == 2


def test_check_looks_classes_up_in_the_cluster(cli: "Cli", cluster: Cluster) -> None:
    ran = cli("check", "-f", "examples/workloads/gpu-pair.yaml", "--kubeconfig", cluster.kubeconfig)
    cluster.fake.remove("resource.k8s.io/v1", "deviceclasses", "gpu.example.com")
    without = cli("check", "-f", "examples/workloads/gpu-pair.yaml", "--kubeconfig", cluster.kubeconfig)

    assert (ran.code, without.code) == (0, 1)
    assert "DeviceClass gpu.example.com not found" in without.out


REFUSALS: dict[str, tuple[Callable[[], Fault], str]] = {
    "no permission": (
        lambda: Fault(lambda call: "nodes" in call.path, status=403, reason="Forbidden"),
        "permissions",
    ),
    "no credentials": (lambda: Fault(lambda _: True, times=9, status=401, reason="Unauthorized"), "401"),
    "no such API": (lambda: Fault(lambda call: "apis" in call.path, times=9, status=404), "needs Kubernetes"),
    "broken server": (lambda: Fault(lambda call: "nodes" in call.path, status=500), "500"),
}


@pytest.mark.parametrize(("fault", "message"), REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize(
    "command", [["snapshot"], ["plan", "-f", PAGE], ["devices"]], ids=lambda words: words[0]
)
def test_a_cluster_that_refuses_ends_with_3(
    cli: "Cli", cluster: Cluster, command: list[str], fault: Callable[[], Fault], message: str
) -> None:
    cluster.fake.faults.append(fault())

    ran = cli(*command, "--kubeconfig", cluster.kubeconfig)

    assert (ran.code, ran.out) == (3, "")
    assert message in ran.err
    assert "Traceback" not in ran.err
