"""What people are told on a real cluster: Events, `kubectl dra`, and Pods woken in time and in number."""

import json
import logging
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from harness import binaries, objects
from harness.controlplane import EXTENDER, ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

log = logging.getLogger(__name__)
pytestmark = pytest.mark.e2e

CLASS = "answers.example.com"
PROGRAM = binaries.REPOSITORY / ".venv" / "bin" / "dra-extender"
PAGE = binaries.REPOSITORY / "examples" / "dra-task-page.yaml"
ANNOTATION = "dra-extender/devices-appeared"
MANY = 1000


@dataclass
class Dra:
    """`kubectl dra`, to be called with its arguments."""

    environment: dict[str, str]

    def __call__(self, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self._command(arguments),
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Without waiting for its end."""
        return subprocess.Popen(
            self._command(arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def _command(self, arguments: tuple[str | Path, ...]) -> list[str | Path]:
        return [binaries.folder() / "kubectl", "dra", *arguments]


@pytest.fixture
def dra(control_plane: ControlPlane) -> Dra:
    """`kubectl dra` as somebody with the extender's rights, in the scene's namespace."""
    return Dra(
        os.environ
        | {
            "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
            "KUBECONFIG": str(control_plane.kubeconfig(EXTENDER)),
        }
    )


def test_a_refused_pod_is_told_by_an_event_and_by_kubectl(
    scene: Scene, scheduler: str, kubelet: Kubelet, dra: Dra
) -> None:
    scene.create(objects.device_class(CLASS))
    node = scene.node("one", objects.cats(1))
    for name in ("first", "second"):
        scene.create(objects.claim(name, device_class=CLASS))
    scene.create(objects.pod("holder", scheduler, claims={"cat": "first"}))
    kubelet.wait_running(scene.namespace, "holder")
    scene.create(objects.pod("waiting", scheduler, claims={"cat": "second"}))

    (note, *more) = until(lambda: scene.events("waiting", "DevicesUnavailable"), "there is an Event")
    assert more == []
    assert note.startswith("0/1 nodes fit: 1 node(s) had all matching devices in use for request device")
    assert f"kubectl dra explain waiting -n {scene.namespace}" in note

    told = dra("explain", "waiting", "-n", scene.namespace, code=1).stdout
    assert "0/1 nodes fit: 1 node(s) had all matching devices in use" in told
    assert f"if claim {scene.namespace}/first were released (node {node})" in told
    assert f"1 in use by {scene.namespace}/first" in told
    devices = json.loads(dra("devices", "--node", node, "-o", "json").stdout)
    assert [item["claims"] for item in devices] == [[f"{scene.namespace}/first"]]
    assert "first" in dra("claims", "-n", scene.namespace).stdout


def test_the_page_s_manifests_are_found_wanting_and_what_convert_makes_of_them_is_accepted(
    scene: Scene, control_plane: ControlPlane, dra: Dra, tmp_path: Path
) -> None:
    findings = dra("check", "-f", PAGE, code=1).stdout.splitlines()
    assert any(line.startswith(f"{PAGE}:24:") and "under `exactly`" in line for line in findings), findings
    assert any(line.startswith(f"{PAGE}:58:") and "restartPolicy" in line for line in findings), findings
    kubeconfig = control_plane.kubeconfig(EXTENDER)
    findings = dra("check", "-f", PAGE, "--kubeconfig", kubeconfig, code=1).stdout.splitlines()
    missing = "DeviceClass resource-driver.example.com not found"
    assert any(line.startswith(f"{PAGE}:43:") and missing in line for line in findings), findings
    converted = tmp_path / "converted.yaml"
    converted.write_text(dra("convert", "-f", PAGE).stdout)
    assert dra("check", "-f", converted).stdout == ""
    for raw in yaml.safe_load_all(converted.read_text()):
        scene.create(raw)  # raises if the API server refuses it
    scene.node("one", objects.cats(1))
    answer = json.loads(dra("plan", "-f", converted, "-n", scene.namespace, "-o", "json", code=1).stdout)
    assert {pod["namespace"] for pod in answer["pods"]} == {scene.namespace}


def test_plan_waits_until_it_fits(scene: Scene, scheduler: str, dra: Dra, tmp_path: Path) -> None:
    scene.create(objects.device_class(CLASS))
    node = scene.node("bare")
    wanted = tmp_path / "wanted.yaml"
    claim = objects.claim("cat", device_class=CLASS)
    wanted.write_text(yaml.safe_dump_all([claim, objects.pod("waiting", scheduler, claims={"cat": "cat"})]))
    asked = ("plan", "-f", wanted, "-n", scene.namespace, "--node", node, "--wait", "--timeout", "60s")
    with dra.start(*asked, "-o", "json") as waiting:
        assert waiting.stderr is not None
        told = waiting.stderr.readline()
        assert "0/1 nodes fit: 1 node(s) had no devices for request device" in told
        scene.create(objects.slice_of(node, objects.cats(1)))
        answer, told = waiting.communicate(timeout=120)
    assert waiting.returncode == 0, told
    assert [pod["node"] for pod in json.loads(answer)["pods"]] == [node]
    assert scene.api.list("Pod", scene.namespace) == [], "nothing is written"


Happening = Callable[[], object]


def _new_slice(scene: Scene) -> Happening:
    scene.create(objects.device_class(CLASS))
    node = scene.node("bare")
    return lambda: scene.create(objects.slice_of(node, objects.cats(1)))


def _new_class(scene: Scene) -> Happening:
    scene.node("one", objects.cats(1))
    return lambda: scene.create(objects.device_class(CLASS))


def _no_taint_rule(scene: Scene) -> Happening:
    rule = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceTaintRule",
        "metadata": {"name": f"repair.{scene.namespace}"},
        "spec": {
            "deviceSelector": {"pool": f"one.{scene.namespace}"},
            "taint": {"key": "example.com/repair", "effect": "NoSchedule"},
        },
    }
    scene.create(rule)  # before the node, so that no device of it is ever without the taint
    scene.create(objects.device_class(CLASS))
    scene.node("one", objects.cats(1))
    return lambda: scene.api.delete("DeviceTaintRule", f"repair.{scene.namespace}")


LIFTS = [
    pytest.param(_new_slice, id="a new slice"),
    pytest.param(_new_class, id="a new class"),
    pytest.param(_no_taint_rule, id="a taint rule gone", marks=pytest.mark.kubernetes(since="1.37")),
]


@pytest.mark.parametrize("lift", LIFTS)
def test_what_lifts_the_reason_binds_the_pod_that_waited_for_it(
    scene: Scene, scheduler: str, holds: HoldWatcher, lift: Callable[[Scene], Happening]
) -> None:
    """kube-scheduler would look at the Pod again after five minutes."""
    happen = lift(scene)
    scene.create(objects.claim("cat", device_class=CLASS))
    scene.create(objects.pod("waiting", scheduler, claims={"cat": "cat"}))
    until(lambda: scene.events("waiting", "DevicesUnavailable"), "the Pod is refused")
    started = time.monotonic()
    happen()
    until(lambda: scene.node_of("waiting"), "the Pod is bound", pause=0.02)
    log.info("bound %.2f s after that", time.monotonic() - started)
    holds.catch_up()


def test_of_a_thousand_refused_pods_one_device_wakes_few(
    scene: Scene, scheduler: str, extender: Extender, holds: HoldWatcher
) -> None:
    scene.create(objects.device_class(CLASS))
    node = scene.node("bare")
    made = objects.claim("cat", device_class=CLASS)
    scene.create(made | {"kind": "ResourceClaimTemplate", "spec": {"spec": made["spec"]}})
    pods = [_with_template(objects.pod(f"w{index}", scheduler)) for index in range(MANY)]
    _create_all(scene, pods)
    until(lambda: _refusals(scene) == MANY, f"{MANY} Pods are refused", seconds=240, pause=1)
    _wait_quiet(extender)
    before = _filters(extender)
    scene.create(objects.slice_of(node, objects.cats(1)))
    until(lambda: _bound(scene), "a Pod is bound")
    time.sleep(3)
    requeued, asked = _woken(scene), _filters(extender) - before
    log.info("woken: %d of %d; filter calls since: %d", requeued, MANY, asked)
    assert _bound(scene) == 1
    assert requeued <= 5
    holds.catch_up()


def _with_template(pod: objects.JsonObject) -> objects.JsonObject:
    pod["spec"]["resourceClaims"] = [{"name": "cat", "resourceClaimTemplateName": "cat"}]
    pod["spec"]["containers"][0]["resources"] = {"claims": [{"name": "cat"}]}
    return pod


def _create_all(scene: Scene, bodies: Sequence[objects.JsonObject]) -> None:
    with ThreadPoolExecutor(8) as workers:
        list(workers.map(scene.create, bodies))


def _refusals(scene: Scene) -> int:
    conditions = (
        pod.get("status", {}).get("conditions", ()) for pod in scene.api.list("Pod", scene.namespace)
    )
    return sum(any(item.get("reason") == "Unschedulable" for item in found) for found in conditions)


def _bound(scene: Scene) -> int:
    return sum(bool(pod["spec"].get("nodeName")) for pod in scene.api.list("Pod", scene.namespace))


def _wait_quiet(extender: Extender) -> None:
    """Until kube-scheduler has stopped retrying for what it saw of the claims being made."""
    seen = [-1]

    def quiet() -> bool:
        seen.append(_filters(extender))
        return seen[-1] == seen[-2]

    until(quiet, "no Pod is tried", seconds=120, pause=3)


def _woken(scene: Scene) -> int:
    pods = scene.api.list("Pod", scene.namespace)
    return sum(ANNOTATION in pod["metadata"].get("annotations", {}) for pod in pods)


def _filters(extender: Extender) -> int:
    text = extender.metrics()
    return sum(
        int(float(line.rpartition(" ")[2]))
        for line in text.splitlines()
        if line.startswith("dra_extender_request_duration_seconds_count") and 'verb="filter"' in line
    )
