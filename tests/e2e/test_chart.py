"""The chart on the real API server: its manifests, what Helm installs of it, and what upgrades keep."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm as helm_tool
import pytest
import yaml
from cats import CatJob
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from harness import binaries
from harness.controlplane import ADMIN, ControlPlane
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.release import FULL_NAME, Release
from harness.scene import Scene

from tests.chart.value_sets import VALUE_SETS

pytestmark = [pytest.mark.e2e, pytest.mark.helm]

CHART = binaries.REPOSITORY / "charts" / "dra-extender"
OLD_CHART = binaries.REPOSITORY / "tests" / "chart" / "releases" / "dra-extender-0.1.0.tgz"
OF_OTHERS = ("cert-manager.io/", "monitoring.coreos.com/", "gateway.networking.k8s.io/")
"""Kinds that an operator brings, whose definitions are not there."""


@pytest.fixture
def helm() -> Path:
    program = helm_tool.folder() / "helm"
    if not program.exists():
        why = "Helm is not built: run `make helm` (1-3 min once)"
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    return program


@pytest.fixture(params=VALUE_SETS.values(), ids=VALUE_SETS.keys())
def manifests(
    request: pytest.FixtureRequest, scene: Scene, helm: Path, tmp_path: Path
) -> list[dict[str, Any]]:
    arguments = ["template", "chart", CHART, "--namespace", scene.namespace, "--kube-version", "1.37.2"]
    rendered = subprocess.run(
        [helm, *arguments, "--values", "-"],
        input=yaml.safe_dump(request.param),
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": os.devnull},
    ).stdout
    found = [item for item in yaml.safe_load_all(rendered) if item is not None]
    return [item for item in found if not item["apiVersion"].startswith(OF_OTHERS)]


def test_the_api_server_accepts_every_manifest(
    control_plane: ControlPlane, manifests: list[dict[str, Any]]
) -> None:
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
        input=yaml.safe_dump_all(manifests),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout.count("(server dry run)") == len(manifests) >= 5


@pytest.fixture
def release(control_plane: ControlPlane, scene: Scene, helm: Path, tmp_path: Path) -> Iterator[Release]:
    """To be installed by the test."""
    release = Release(control_plane, helm, scene.namespace, tmp_path)
    yield release
    release.uninstall()


INSTALLED: dict[str, dict[str, Any]] = {
    "defaults": {},
    "mutual-tls-and-tokens": {
        "tls": {"selfSigned": {"enabled": True}, "mutual": True},
        "auth": {"mode": "token"},
        "claims": {"fieldManager": "of-the-chart"},
    },
    "separate": {"roles": {"separate": True}},
}


@pytest.mark.parametrize("values", INSTALLED.values(), ids=INSTALLED.keys())
def test_the_job_with_cats_runs_under_what_helm_has_installed(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, release: Release, values: dict[str, Any]
) -> None:
    """Arguments, files, account and rights of both containers are the chart's own."""
    name = f"scheduler-{scene.namespace}"
    said = release.install({**values, "scheduler": {"schedulerName": name}})
    assert f"schedulerName: {name}" in said
    run_job_with_cats(scene, kubelet, holds, release, name)


def run_job_with_cats(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, release: Release, name: str
) -> None:
    """The containers run as processes, and do the work."""
    processes = release.processes()
    try:
        for process in processes:  # the extender is a sidecar: it is ready before kube-scheduler starts
            process.start()
        job = CatJob(scene, kubelet, scheduler=name)
        job.create()
        job.run()
        holds.catch_up()
        job.check_devices(holds)
    finally:
        for process in reversed(processes):
            process.stop()
    for process in processes:
        assert "forbidden" not in process.log.read_text()


SECRETS = (f"{FULL_NAME}-tls", f"{FULL_NAME}-scheduler-tls")
OWN_CERTIFICATES = {"replicas": 0, "tls": {"selfSigned": {"enabled": True}, "mutual": True}}


def certificates(release: Release) -> dict[str, dict[str, bytes]]:
    """The Secrets' contents, of which both certificates are good and of one CA."""
    held = {name: release.data("Secret", name) for name in SECRETS}
    assert len({data["ca.crt"] for data in held.values()}) == 1
    for data in held.values():
        authority, issued = (x509.load_pem_x509_certificate(data[key]) for key in ("ca.crt", "tls.crt"))
        issued.verify_directly_issued_by(authority)
        key = serialization.load_pem_private_key(data["tls.key"], password=None)
        assert key.public_key() == issued.public_key()
    return held


def test_upgrades_keep_the_charts_own_certificates(release: Release) -> None:
    release.install(OWN_CERTIFICATES)
    made = certificates(release)
    release.upgrade({**OWN_CERTIFICATES, "candidates": 5})
    release.upgrade({**OWN_CERTIFICATES, "scheduler": {"weight": 7}})
    assert certificates(release) == made


@pytest.mark.parametrize("lost", SECRETS)
def test_an_upgrade_makes_both_anew_if_one_is_gone(scene: Scene, release: Release, lost: str) -> None:
    """The key of the CA is kept nowhere, so a new certificate is of a new CA."""
    release.install(OWN_CERTIFICATES)
    made = certificates(release)
    scene.api.delete("Secret", lost, scene.namespace)
    release.upgrade(OWN_CERTIFICATES)
    remade = certificates(release)
    assert all(remade[name][key] != made[name][key] for name in SECRETS for key in made[name])


def test_mutual_tls_that_is_asked_for_later_gets_a_certificate_of_the_same_ca(release: Release) -> None:
    release.install({"replicas": 0, "tls": {"selfSigned": {"enabled": True}}})
    release.upgrade(OWN_CERTIFICATES)
    certificates(release)


OLD_VALUES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "own-certificates": {"tls": {"selfSigned": {"enabled": True}, "mutual": True}, "candidates": 4},
}


@pytest.mark.parametrize("values", OLD_VALUES.values(), ids=OLD_VALUES.keys())
def test_an_upgrade_from_the_last_release_works_and_can_be_rolled_back(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, release: Release, values: dict[str, Any]
) -> None:
    name = f"scheduler-{scene.namespace}"
    release.install({**values, "scheduler": {"schedulerName": name}}, OLD_CHART)
    before = deployment_of(scene)
    release.upgrade({}, "--reset-then-reuse-values")
    after = deployment_of(scene)
    assert after != before
    assert "--auth=token" in after["initContainers"][0]["args"]
    assert f"--candidates={values.get('candidates', 'auto')}" in after["initContainers"][0]["args"]
    run_job_with_cats(scene, kubelet, holds, release, name)
    release.rollback()
    assert deployment_of(scene) == before


def test_deployments_can_be_separated_and_put_together_again(scene: Scene, release: Release) -> None:
    release.install({"replicas": 0})
    before = deployment_of(scene)
    release.upgrade({"roles": {"separate": True}, "answers": {"replicas": 0}}, "--reset-then-reuse-values")
    assert [container["name"] for container in deployment_of(scene)["containers"]] == ["extender"]
    parts = ("-answers", "-scheduler")
    assert all(scene.api.find("Deployment", FULL_NAME + part, scene.namespace) for part in parts)
    release.rollback()
    assert deployment_of(scene) == before
    assert not any(scene.api.find("Deployment", FULL_NAME + part, scene.namespace) for part in parts)


def deployment_of(scene: Scene) -> dict[str, Any]:
    """The Pod's spec of the extender's Deployment."""
    spec: dict[str, Any] = scene.api.get("Deployment", FULL_NAME, scene.namespace)["spec"]["template"]["spec"]
    return spec
