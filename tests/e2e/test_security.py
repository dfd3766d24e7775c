"""mTLS with the real kube-scheduler, and tokens that the real API server reviews."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import yaml
from harness import objects, scheduling
from harness.binaries import REPOSITORY
from harness.controlplane import ADMIN, EXTENDER, HOST, SCHEDULER, ControlPlane
from harness.extender import PROGRAM
from harness.kubelet import Kubelet
from harness.ports import free_port
from harness.process import answers
from harness.rights import GROUP
from harness.scene import Scene
from harness.wait import until

pytestmark = pytest.mark.e2e

CALLERS = REPOSITORY / "charts" / "dra-extender" / "files" / "callers.yaml"
CLASS = "security.example.com"


@dataclass(frozen=True, slots=True)
class Guarded:
    """An extender that asks who calls, and the files that let kube-scheduler in."""

    url: str
    ca: trustme.CA
    files: dict[str, str]

    def client(self, name: str = "", ca: trustme.CA | None = None, **options: Any) -> httpx.Client:
        """Trusts the extender; shows a certificate of this name if one is given."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if name:
            (ca or self.ca).issue_cert(common_name=name).configure_cert(context)
        return httpx.Client(base_url=self.url, verify=context, trust_env=False, **options)


def bind_role(scene: Scene, name: str, role: str, user: str) -> None:
    scene.create(
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}],
        }
    )


@pytest.fixture
def guarded(control_plane: ControlPlane, scene: Scene, tmp_path: Path) -> Iterator[Guarded]:
    """Runs with what the chart's auth.mode token and tls.mutual give."""
    bind_role(scene, "extender-asks-about-callers", "system:auth-delegator", EXTENDER)
    ca = trustme.CA()
    served, shown = ca.issue_cert("localhost", HOST), ca.issue_cert(common_name="kube-scheduler")
    files = {}
    for name, issued in (("served", served), ("shown", shown)):
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.crt")
    ca.cert_pem.write_to_path(tmp_path / "ca.crt")
    files = {
        "caFile": str(tmp_path / "ca.crt"),
        "certFile": str(tmp_path / "shown.crt"),
        "keyFile": str(tmp_path / "shown.key"),
    }
    port = free_port()
    url = f"https://{HOST}:{port}"
    process = control_plane.process(
        "guarded-extender",
        PROGRAM,
        "serve",
        f"--kubeconfig={control_plane.kubeconfig(EXTENDER)}",
        f"--host={HOST}",
        f"--port={port}",
        f"--tls-cert-file={tmp_path / 'served.crt'}",
        f"--tls-key-file={tmp_path / 'served.key'}",
        f"--client-ca-file={tmp_path / 'ca.crt'}",
        "--auth=token",
        "--verbosity=2",
        ready=answers(f"{url}/readyz", verify=False),
    )
    process.start()
    yield Guarded(url, ca, files)
    process.stop()
    log = process.log.read_text()
    tokens = [control_plane.users.token(user) for user in (ADMIN, EXTENDER, SCHEDULER)]
    assert not [token for token in tokens if token in log], "a token is in the log"


def test_kube_scheduler_is_let_in_by_its_certificate_and_a_stranger_is_not(
    control_plane: ControlPlane, scene: Scene, kubelet: Kubelet, guarded: Guarded
) -> None:
    name = "scheduler-with-certificate"
    configuration = scheduling.with_extender(
        guarded.url, scheduler_name=name, enableHTTPS=True, tlsConfig=guarded.files
    )
    process = control_plane.scheduler(name, configuration)
    process.start()
    scene.create(objects.device_class(CLASS, f'device.driver == "{objects.DRIVER}"'))
    node = scene.node("secured", objects.cats(1))
    scene.create(objects.claim("cat", device_class=CLASS))
    scene.create(objects.pod("holder", name, claims={"cat": "cat"}))
    kubelet.wait_running(scene.namespace, "holder")
    assert scene.node_of("holder") == node
    assert scene.claim("cat")["status"]["allocation"]
    process.stop()

    bind = {"PodName": "holder", "PodNamespace": scene.namespace, "PodUID": "", "Node": node}
    with guarded.client() as stranger:
        for verb in ("filter", "prioritize", "bind"):
            assert stranger.post(f"/scheduler/{verb}", json=bind).status_code == 401
    with guarded.client("kube-scheduler", trustme.CA()) as forger, pytest.raises(httpx.TransportError):
        forger.post("/scheduler/bind", json=bind)


def test_a_scheduler_without_certificate_binds_nothing(
    control_plane: ControlPlane, scene: Scene, guarded: Guarded
) -> None:
    name = "scheduler-without-certificate"
    trusting = {"caFile": guarded.files["caFile"]}
    configuration = scheduling.with_extender(
        guarded.url, scheduler_name=name, enableHTTPS=True, tlsConfig=trusting
    )
    process = control_plane.scheduler(name, configuration)
    process.start()
    scene.create(objects.device_class(CLASS, f'device.driver == "{objects.DRIVER}"'))
    scene.node("secured", objects.cats(1))
    scene.create(objects.claim("cat", device_class=CLASS))
    scene.create(objects.pod("holder", name, claims={"cat": "cat"}))
    until(
        lambda: any("401" in text for text in scene.events("holder", "FailedScheduling")),
        "kube-scheduler is refused",
    )
    assert scene.node_of("holder") == ""
    assert "allocation" not in scene.claim("cat").get("status", {})
    process.stop()


def test_tokens_are_what_the_api_server_says_of_them(
    control_plane: ControlPlane, scene: Scene, guarded: Guarded
) -> None:
    roles = yaml.safe_load(CALLERS.read_text())
    role = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "e2e-viewer"},
        "rules": roles["viewer"],
    }
    asked = {"inventory": "request", "objects": [objects.node("n")], "pods": [objects.pod("p", "")]}

    def status(client: httpx.Client, token: str) -> tuple[int, int]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        listed = client.get("/api/v1/nodes", headers=headers)
        return listed.status_code, client.post("/api/v1/placements", json=asked, headers=headers).status_code

    with guarded.client(timeout=30) as client:
        viewer = control_plane.users.token(SCHEDULER)
        assert status(client, "") == (401, 401)
        assert status(client, "guessed") == (401, 401)
        assert status(client, control_plane.users.token(ADMIN)) == (200, 200)
        # Every account may GET /api/* as a path; it is not let in by that.
        assert status(client, control_plane.users.token(EXTENDER)) == (403, 403)
        scene.create(role)
        bind_role(scene, "e2e-viewer", "e2e-viewer", SCHEDULER)
        until(lambda: status(client, viewer) == (200, 403), "the role is seen")
