"""kwok in the kubelets' place: it plays the stages of a file on the nodes annotated for it."""

from pathlib import Path

from harness.binaries import REPOSITORY
from harness.controlplane import ADMIN, HOST, ControlPlane
from harness.ports import free_port
from harness.process import Process, answers

STAGES = REPOSITORY / "loadtest" / "stages.yaml"
ANNOTATION = "kwok.x-k8s.io/node=fake"
LEASE_SECONDS = 40
"""Of nodes, as a kubelet's; it renews them four times as often."""


def kwok(control_plane: ControlPlane, program: Path, *, stages: Path = STAGES) -> Process:
    """The controller, not started yet: other nodes and their Pods are none of its business."""
    port = free_port()
    return control_plane.process(
        "kwok",
        program,
        f"--kubeconfig={control_plane.kubeconfig(ADMIN)}",
        f"--config={stages}",
        f"--manage-nodes-with-annotation-selector={ANNOTATION}",
        f"--node-lease-duration-seconds={LEASE_SECONDS}",
        f"--server-address={HOST}:{port}",
        ready=answers(f"http://{HOST}:{port}/healthz"),
    )
