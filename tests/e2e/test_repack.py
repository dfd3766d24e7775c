"""``repack --apply`` on a real API server: the Eviction API, a controller, and the extender's next filter."""

import subprocess
from typing import Any

import pytest
from harness import objects
from harness.controlplane import ADMIN, ControlPlane
from harness.extender import PROGRAM
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

from app.core.json_object import JsonObject

pytestmark = [pytest.mark.e2e, pytest.mark.core]


def job(name: str, template: str, scheduler: str, node: str = "") -> JsonObject:
    """One Pod with a claim from the template, which spreads: by itself it goes to the emptier node."""
    spec: dict[str, Any] = objects.pod(name, scheduler)["spec"]
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    spec["restartPolicy"] = "Never"
    spec["resourceClaims"] = [{"name": "devices", "resourceClaimTemplateName": template}]
    spec["containers"][0]["resources"] = {"claims": [{"name": "devices"}]}
    annotations = {"dra-extender/policy": "spread"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"metadata": {"annotations": annotations}, "spec": spec}},
    }


def template(name: str, device_class: str, count: int) -> JsonObject:
    claim = objects.claim(name, device_class=device_class, count=count)
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name},
        "spec": {"spec": claim["spec"]},
    }


def repack(control_plane: ControlPlane, *flags: str) -> subprocess.CompletedProcess[str]:
    kubeconfig = f"--kubeconfig={control_plane.kubeconfig(ADMIN)}"
    command = [str(PROGRAM), "repack", "--pending", kubeconfig, *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def test_a_pod_is_moved_and_the_one_that_waits_gets_the_node(
    control_plane: ControlPlane, scene: Scene, kubelet: Kubelet, holds: HoldWatcher, scheduler: str
) -> None:
    class_name = f"class-{scene.namespace}"
    scene.create(objects.device_class(class_name))
    empty, fuller = (scene.node(name, objects.cats(4)) for name in ("a", "b"))
    scene.create(template("one", class_name, 1))
    scene.create(template("all", class_name, 4))

    def on() -> dict[str, str]:
        """The node of each Job's running Pod."""
        pods = kubelet.running(scene.namespace)
        return {pod["metadata"]["labels"]["job-name"]: pod["spec"]["nodeName"] for pod in pods}

    for name, node in (("y1", fuller), ("y2", fuller), ("x", "")):
        scene.create(job(name, "one", scheduler, node))
        until(lambda name=name: name in on(), f"{name} runs")
    before = on()
    assert before == {"y1": fuller, "y2": fuller, "x": empty}
    scene.create(job("large", "all", scheduler))
    until(lambda: scene.events(_pod_of(scene, "large"), "FailedScheduling"), "it waits")

    planned = repack(control_plane)
    assert planned.returncode == 0, planned.stderr
    assert "1 Pod(s) to move: no fewer are enough" in planned.stderr
    assert on() == before

    moved = repack(control_plane, "--apply", "--interval=0s")
    assert moved.returncode == 0, moved.stderr
    assert "1 Pod moved" in moved.stderr
    until(lambda: len(on()) == 4, "all four run", seconds=60)
    # By itself the Pod that was moved would have gone back to where it was.
    assert on() == {"y1": fuller, "y2": fuller, "x": fuller, "large": empty}
    holds.catch_up()

    again = repack(control_plane, "--apply")
    assert again.returncode == 2, again.stderr
    assert "give at least one Pod" in again.stderr


def _pod_of(scene: Scene, name: str) -> str:
    pods = scene.api.list("Pod", scene.namespace, labelSelector=f"job-name={name}")
    return pods[0]["metadata"]["name"] if pods else ""
