"""What tests watch with notices what it is there to notice, and their clients leave no socket open."""

import gc
import select
import socket
import struct
from pathlib import Path

import pytest
import trustme
from harness import objects, tls
from harness.controlplane import ControlPlane
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

pytestmark = pytest.mark.e2e

CLASS = "harness.example.com"
DEVICE = "large-black-cat-0"


@pytest.fixture
def node(scene: Scene) -> str:
    scene.create(objects.device_class(CLASS))
    return scene.node("a", objects.cats(2))


def allocate(scene: Scene, claim: str, node: str, device: str) -> None:
    body = {"status": {"allocation": objects.allocation(node, device)}}
    scene.api.patch("ResourceClaim", claim, body, scene.namespace, subresource="status")


def deallocate(scene: Scene, claim: str) -> None:
    scene.api.patch("ResourceClaim", claim, {"status": None}, scene.namespace, subresource="status")


def test_a_device_held_by_two_claims_for_a_moment_is_reported(
    control_plane: ControlPlane, scene: Scene, node: str
) -> None:
    for name in ("one", "two", "three"):
        scene.create(objects.claim(name, device_class=CLASS))
    allocate(scene, "one", node, DEVICE)
    holds = HoldWatcher(control_plane.etcd_url)  # "one" is there when the watch begins
    holds.start()
    try:
        allocate(scene, "three", node, "large-black-cat-1")
        allocate(scene, "two", node, DEVICE)
        deallocate(scene, "two")
        deallocate(scene, "one")
        allocate(scene, "two", node, DEVICE)
        holds.catch_up()
    finally:
        holds.stop()
    (double,) = holds.double_holds
    assert double.device == (objects.DRIVER, node, DEVICE)
    assert double.claims == (f"{scene.namespace}/one", f"{scene.namespace}/two")
    assert [bool(change.devices) for change in holds.history(f"{scene.namespace}/two")] == [
        False,  # as it was when the watch began
        True,
        False,
        True,
    ]


def test_no_change_of_a_claim_is_missed_when_api_server_and_etcd_are_killed(
    control_plane: ControlPlane, scene: Scene, node: str, holds: HoldWatcher
) -> None:
    scene.create(objects.claim("one", device_class=CLASS))
    allocate(scene, "one", node, DEVICE)
    control_plane.apiserver.kill()
    control_plane.etcd.kill()
    control_plane.etcd.start()
    control_plane.apiserver.start()
    deallocate(scene, "one")
    holds.catch_up()
    assert [len(change.devices) for change in holds.history(f"{scene.namespace}/one")] == [0, 1, 0]


def test_a_pod_bound_before_its_claim_was_allocated_is_reported(
    control_plane: ControlPlane, scene: Scene, node: str
) -> None:
    scene.create(objects.claim("one", device_class=CLASS))
    scene.create(objects.pod("early", "nobody", claims={"cat": "one"}))
    kubelet = Kubelet(control_plane.admin)
    kubelet.start()
    try:
        scene.api.bind("early", scene.namespace, node)
        until(lambda: kubelet.faults, "the fault is reported")
    finally:
        kubelet.stop()
    assert kubelet.faults[0] == f"{scene.namespace}/early was bound before claim cat was allocated"


def test_a_socket_whose_peer_resets_the_connection_is_closed(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    authority = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        server, _ = listening.accept()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close() resets
    server.close()
    select.select([client], [], [], 10)  # until the reset is here
    with pytest.raises(ConnectionResetError):
        tls.trusting(authority).wrap_socket(client, server_hostname="localhost")
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []
