"""The chart's manifests and its kube-scheduler configuration, on the real thing."""

import os
import subprocess
from pathlib import Path
from typing import Any

import helm as helm_tool
import pytest
import yaml
from harness import binaries
from harness.controlplane import ADMIN, ControlPlane
from harness.scene import Scene

pytestmark = [pytest.mark.e2e, pytest.mark.helm]

CHART = binaries.REPOSITORY / "charts" / "dra-extender"
VALUES: dict[str, dict[str, Any]] = {
    "second-scheduler": {"replicas": 2},
    "extender-alone": {"scheduler": {"enabled": False}},
    "own-certificates": {"tls": {"selfSigned": {"enabled": True}, "mutual": True}, "auth": {"mode": "token"}},
    "dashboard": {"monitoring": {"dashboard": {"enabled": True}}},
}


@pytest.fixture(params=VALUES.values(), ids=VALUES.keys())
def manifests(request: pytest.FixtureRequest, scene: Scene, tmp_path: Path) -> str:
    helm = helm_tool.folder() / "helm"
    if not helm.exists():
        why = "Helm is not built: run `make helm` (1-3 min once)"
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    arguments = ["template", "chart", CHART, "--namespace", scene.namespace, "--kube-version", "1.37.2"]
    return subprocess.run(
        [helm, *arguments, "--values", "-"],
        input=yaml.safe_dump(request.param),
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": os.devnull},
    ).stdout


def test_the_api_server_accepts_every_manifest(control_plane: ControlPlane, manifests: str) -> None:
    done = subprocess.run(
        [
            binaries.folder() / "kubectl",
            f"--kubeconfig={control_plane.kubeconfig(ADMIN)}",
            f"--cache-dir={control_plane.home / 'kubectl'}",
            "apply",
            "--dry-run=server",
            "--validate=strict",
            "--filename=-",
        ],
        input=manifests,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    expected = [item for item in yaml.safe_load_all(manifests) if item is not None]
    assert done.stdout.count("(server dry run)") == len(expected)


@pytest.mark.parametrize("manifests", [{}], ids=["defaults"], indirect=True)
def test_kube_scheduler_runs_with_its_configuration(control_plane: ControlPlane, manifests: str) -> None:
    (held,) = (
        item["data"]["kube-scheduler.yaml"]
        for item in yaml.safe_load_all(manifests)
        if item is not None and item["kind"] == "ConfigMap"
    )
    scheduler = control_plane.scheduler("of-the-chart", yaml.safe_load(held))
    scheduler.start()
    scheduler.stop()
