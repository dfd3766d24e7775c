"""Whose a write was, what a crash leaves, and another allocator: on the real API server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness import objects
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

from app.cluster.binding.field_manager import DEFAULT_MANAGER, Ownership

pytestmark = pytest.mark.e2e

FINALIZER = "resource.kubernetes.io/delete-protection"
SETTINGS = """\
apiVersion: dra-extender/v1alpha1
kind: ExtenderConfiguration
reconcileGraceSeconds: 3
reconcileIntervalSeconds: 1
"""


@pytest.fixture
def hasty(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Extender]:
    """An extender that takes claims for left over after three seconds."""
    config = tmp_path / "extender.yaml"
    config.write_text(SETTINGS)
    extender = Extender(control_plane, f"--config={config}")
    extender.process.start()
    yield extender
    extender.close()
    extender.process.stop()


def metric(extender: Extender, name: str) -> float:
    """The sum over its labels."""
    text = httpx.get(f"{extender.url}/metrics", trust_env=False).text
    lines = [line for line in text.splitlines() if line.startswith(f"dra_extender_{name}")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def write(scene: Scene, name: str, manager: str, *, status: dict[str, Any] | None = None) -> None:
    """What a scheduler writes first, and what it writes second."""
    body = {"metadata": {"finalizers": [FINALIZER]}}
    scene.api.patch("ResourceClaim", name, body, scene.namespace, manager=manager)
    if status is not None:
        body = {"status": status}
        scene.api.patch("ResourceClaim", name, body, scene.namespace, subresource="status", manager=manager)


def reserved_for(scene: Scene, node: str, device: str, pod: str) -> dict[str, Any]:
    user = {"resource": "pods", "name": pod, "uid": scene.pod(pod)["metadata"]["uid"]}
    return {"allocation": objects.allocation(node, device), "reservedFor": [user]}


def test_the_api_server_keeps_whose_each_part_of_a_claim_is(
    scene: Scene, kubelet: Kubelet, scheduler: str, class_name: str
) -> None:
    scene.node("a", objects.cats(1))
    scene.create(objects.claim("cat", device_class=class_name))
    uid = scene.create(objects.pod("holder", scheduler, claims={"cat": "cat"}))["metadata"]["uid"]
    kubelet.wait_running(scene.namespace, "holder")
    owned = Ownership(scene.claim("cat"), DEFAULT_MANAGER)
    assert owned.allocation
    assert owned.reservation(uid)
    assert not owned.spec
    assert not Ownership(scene.claim("cat"), "somebody").allocation

    status = scene.claim("cat")["status"]
    scene.api.patch(
        "ResourceClaim", "cat", {"status": None}, scene.namespace, subresource="status", manager="other"
    )
    scene.api.patch(
        "ResourceClaim", "cat", {"status": status}, scene.namespace, subresource="status", manager="other"
    )
    owned = Ownership(scene.claim("cat"), DEFAULT_MANAGER)
    assert not owned.allocation
    assert not owned.reservation(uid)


def test_what_a_killed_bind_has_left_is_mended_and_what_others_have_written_is_not(
    scene: Scene, hasty: Extender, class_name: str
) -> None:
    node = scene.node("a", objects.cats(4))
    for name in ("ours-reserved", "theirs-reserved"):
        scene.create(objects.claim(name, device_class=class_name))
    pod = scene.create(objects.pod("waiting", "nobody", claims={"cat": "ours-reserved"}))
    status = reserved_for(scene, node, "large-black-cat-0", "waiting")
    write(scene, "ours-reserved", DEFAULT_MANAGER, status=status)
    status = reserved_for(scene, node, "large-black-cat-1", "waiting")
    write(scene, "theirs-reserved", "other", status=status)
    owner = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "waiting",
        "uid": pod["metadata"]["uid"],
        "controller": True,
    }
    extended = objects.claim("ours-extended", device_class=class_name)
    extended["metadata"] |= {
        "annotations": {"resource.kubernetes.io/extended-resource-claim": "true"},
        "ownerReferences": [owner],
    }
    scene.api.create(extended, scene.namespace, manager=DEFAULT_MANAGER)
    write(
        scene,
        "ours-extended",
        DEFAULT_MANAGER,
        status=reserved_for(scene, node, "large-black-cat-2", "waiting"),
    )
    theirs = scene.claim("theirs-reserved")

    def mended() -> bool:
        own = scene.claim("ours-reserved").get("status", {})
        extended = scene.api.find("ResourceClaim", "ours-extended", scene.namespace)
        return not own.get("allocation") and not own.get("reservedFor") and extended is None

    until(mended, "what a bind has left is mended")
    until(
        lambda: metric(hasty, 'claims_reconciled_total{result="not_ours"}') == 1, "the other was judged too"
    )
    assert scene.claim("theirs-reserved") == theirs
    states = hasty.device_states(node)
    assert {name for name, state in states.items() if state == "taken"} == {"large-black-cat-1"}


def test_a_device_that_another_allocator_gives_away_too_is_counted_and_stays_taken(
    scene: Scene, kubelet: Kubelet, extender: Extender, scheduler: str, class_name: str
) -> None:
    node = scene.node("a", objects.cats(1))
    for name in ("cat", "foreign"):
        scene.create(objects.claim(name, device_class=class_name))
    scene.create(objects.pod("holder", scheduler, claims={"cat": "cat"}))
    kubelet.wait_running(scene.namespace, "holder")
    before = metric(extender, "foreign_allocations_total")
    status = {"allocation": objects.allocation(node, "large-black-cat-0")}
    write(scene, "foreign", "other", status=status)
    until(lambda: metric(extender, "foreign_allocations_total") == before + 1, "the second holder is seen")
    assert metric(extender, "devices_held_twice") == 1
    kubelet.succeed(scene.namespace, "holder")
    until(lambda: metric(extender, "devices_held_twice") == 0, "the first holder has let go")
    assert extender.device_states(node) == {"large-black-cat-0": "taken"}
