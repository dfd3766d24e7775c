"""What docs/task.md tells to type in a cluster, typed there."""

import re
from pathlib import Path

import pytest
from harness import binaries, kubernetes, objects
from harness.controlplane import ADMIN, ControlPlane
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.shell import typed
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.core]

PAGE = (binaries.REPOSITORY / "docs" / "task.md").read_text(encoding="utf-8")
CREATE, CLEAN_UP = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
OLDER = "--to v1beta2"
if not kubernetes.is_since("1.34"):
    assert f"For Kubernetes 1.33, add\n`{OLDER}` here and in step 4" in PAGE
    CREATE = CREATE.replace("dra-extender convert ", f"dra-extender convert {OLDER} ")


def test_the_job_is_created_runs_and_is_cleaned_up(
    control_plane: ControlPlane, scene: Scene, kubelet: Kubelet, scheduler: str, tmp_path: Path
) -> None:
    assert scheduler in CREATE
    (tmp_path / "examples").symlink_to(objects.EXAMPLES)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(control_plane.kubeconfig(ADMIN).read_text())
    typed(f"kubectl config set-context --current --namespace={scene.namespace}", tmp_path, kubeconfig)
    # The class that the page forgets.
    scene.create(objects.device_class("resource-driver.example.com"))
    node = scene.node("one", [*objects.cats(2), *objects.blues(1)])

    said = typed(CREATE, tmp_path, kubeconfig)

    assert "job.batch/job-with-cats created" in said
    names = until(lambda: running(scene, node), "both Pods of the Job run")
    kubelet.wait_running(scene.namespace, *names)
    assert "big-blue-claim" in typed("kubectl dra claims", tmp_path, kubeconfig)
    typed(CLEAN_UP, tmp_path, kubeconfig)
    gone = ("ResourceClaim", "big-blue-claim", scene.namespace)
    until(lambda: scene.api.find(*gone) is None, "the claim is gone")


def running(scene: Scene, node: str) -> list[str]:
    """The Pods on a node, once there are two."""
    names = [
        item["metadata"]["name"]
        for item in scene.api.list("Pod", scene.namespace)
        if item["spec"].get("nodeName") == node
    ]
    return names if len(names) == 2 else []
