"""The life of a claim where the real API server, kube-scheduler and kube-controller-manager decide."""

from typing import Any

import pytest
from harness import objects
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

pytestmark = pytest.mark.e2e

FINALIZER = "resource.kubernetes.io/delete-protection"
DEVICE = "large-black-cat-0"


def held(claim: dict[str, Any]) -> list[tuple[str, str]]:
    results = claim.get("status", {}).get("allocation", {"devices": {"results": []}})["devices"]["results"]
    return [(result["pool"], result["device"]) for result in results]


def on_node(body: dict[str, Any], node: str) -> dict[str, Any]:
    body["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    return body


def template(name: str, class_name: str) -> dict[str, Any]:
    spec = objects.claim("any", device_class=class_name)["spec"]
    kind = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate", "metadata": {"name": name}}
    return kind | {"spec": {"spec": spec}}


def from_template(name: str, scheduler: str) -> dict[str, Any]:
    body = objects.pod(name, scheduler)
    body["spec"]["containers"][0]["resources"] = {"claims": [{"name": "cat"}]}
    body["spec"]["resourceClaims"] = [{"name": "cat", "resourceClaimTemplateName": "cats"}]
    return body


@pytest.mark.core
def test_a_claim_that_nobody_uses_moves_to_where_its_pod_can_run(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, scheduler: str, class_name: str
) -> None:
    a, b = (scene.node(name, objects.cats(1)) for name in ("a", "b"))
    scene.create(objects.claim("cat", device_class=class_name))
    body = {"metadata": {"finalizers": [FINALIZER]}}
    scene.api.patch("ResourceClaim", "cat", body, scene.namespace)
    status = {"status": {"allocation": objects.allocation(a, DEVICE)}}
    scene.api.patch("ResourceClaim", "cat", status, scene.namespace, subresource="status")
    scene.create(on_node(objects.pod("moving", scheduler, claims={"cat": "cat"}), b))
    kubelet.wait_running(scene.namespace, "moving")
    assert held(scene.claim("cat")) == [(b, DEVICE)]
    holds.catch_up()


@pytest.mark.core
def test_a_claim_that_a_running_pod_uses_stays_and_keeps_others_on_its_node(
    scene: Scene, kubelet: Kubelet, scheduler: str, class_name: str
) -> None:
    a, b = (scene.node(name, objects.cats(1)) for name in ("a", "b"))
    scene.create(objects.claim("cat", device_class=class_name))
    scene.create(on_node(objects.pod("first", scheduler, claims={"cat": "cat"}), a))
    kubelet.wait_running(scene.namespace, "first")
    scene.create(objects.pod("second", scheduler, claims={"cat": "cat"}))
    kubelet.wait_running(scene.namespace, "second")
    assert scene.node_of("second") == a
    scene.create(on_node(objects.pod("third", scheduler, claims={"cat": "cat"}), b))
    events = until(lambda: scene.events("third", "FailedScheduling"), "the third Pod is refused")
    assert "allocated on other nodes" in events[0]
    assert held(scene.claim("cat")) == [(a, DEVICE)]


@pytest.mark.kubernetes(since="1.37")
def test_a_no_execute_taint_takes_the_device_away_and_gives_it_back_when_it_ends(
    scene: Scene, kubelet: Kubelet, extender: Extender, scheduler: str, class_name: str
) -> None:
    node = scene.node("a", objects.cats(1))
    scene.create(template("cats", class_name))
    scene.create(from_template("holder", scheduler))
    kubelet.wait_running(scene.namespace, "holder")
    rule = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceTaintRule",
        "metadata": {"name": f"broken.{scene.namespace}"},
        "spec": {
            "deviceSelector": {"pool": node},
            "taint": {"key": "example.com/broken", "effect": "NoExecute"},
        },
    }
    scene.create(rule)
    until(lambda: scene.api.find("Pod", "holder", scene.namespace) is None, "the Pod is evicted", seconds=60)
    until(lambda: scene.api.list("ResourceClaim", scene.namespace) == [], "its claim is gone")
    scene.create(from_template("next", scheduler))
    until(
        lambda: "taint" in "".join(scene.events("next", "FailedScheduling")),
        "the next Pod is refused for the taint",
        seconds=60,
    )
    scene.api.delete("DeviceTaintRule", rule["metadata"]["name"])
    kubelet.wait_running(scene.namespace, "next", seconds=60)
    until(lambda: extender.device_states(node) == {DEVICE: "taken"}, "the device is taken again")


@pytest.mark.kubernetes(since="1.34")
def test_a_claim_made_from_a_template_is_made_anew_and_used(
    scene: Scene, kubelet: Kubelet, scheduler: str, class_name: str
) -> None:
    """Deleted while the Pod waits for a node; kube-controller-manager makes another one."""
    scene.create(template("cats", class_name))
    scene.create(from_template("holder", scheduler))
    first = until(lambda: scene.api.list("ResourceClaim", scene.namespace), "the claim is generated")[0]
    until(lambda: scene.events("holder", "FailedScheduling"), "there is no node for it")
    scene.api.delete("ResourceClaim", first["metadata"]["name"], scene.namespace)
    scene.node("a", objects.cats(1))
    kubelet.wait_running(scene.namespace, "holder", seconds=60)
    (used,) = scene.api.list("ResourceClaim", scene.namespace)
    assert used["metadata"]["uid"] != first["metadata"]["uid"]
    assert held(used)


@pytest.mark.kubernetes(since="1.36")
@pytest.mark.parametrize("end", ["ready", "failed"])
def test_a_bind_waits_for_the_driver_and_moves_on_when_it_fails(
    scene: Scene, kubelet: Kubelet, scheduler: str, class_name: str, end: str
) -> None:
    """Binding conditions: of two nodes' devices the one that is chosen first has to be attached."""
    for name in ("a", "b"):
        devices = [
            device | {"bindingConditions": ["attached"], "bindingFailureConditions": ["broken"]}
            for device in objects.cats(1)
        ]
        scene.node(name, devices)
    scene.create(objects.claim("cat", device_class=class_name))
    scene.create(objects.pod("holder", scheduler, claims={"cat": "cat"}))

    def allocated() -> list[tuple[str, str]]:
        return held(scene.claim("cat"))

    def tell(pool: str, condition: str) -> None:
        said = {"type": condition, "status": "True", "reason": "Told", "message": "by the test"}
        said["lastTransitionTime"] = "2026-01-01T00:00:00Z"
        device = {"driver": objects.DRIVER, "pool": pool, "device": DEVICE, "conditions": [said]}
        body = {"status": {"devices": [device]}}
        scene.api.patch("ResourceClaim", "cat", body, scene.namespace, subresource="status")

    ((pool, _),) = until(allocated, "the claim is allocated")
    assert scene.node_of("holder") == ""
    if end == "failed":
        tell(pool, "broken")
        until(lambda: allocated() != [(pool, DEVICE)], "the claim is freed")
        ((pool, _),) = until(allocated, "the claim is allocated again")
        assert scene.node_of("holder") == ""
    tell(pool, "attached")
    kubelet.wait_running(scene.namespace, "holder", seconds=60)
    assert scene.node_of("holder") == pool


@pytest.mark.kubernetes(since="1.36")
def test_a_pod_deleted_while_its_bind_waits_leaves_its_device_free(
    scene: Scene, extender: Extender, scheduler: str, class_name: str
) -> None:
    (device,) = objects.cats(1)
    node = scene.node(
        "a", [device | {"bindingConditions": ["attached"], "bindingFailureConditions": ["broken"]}]
    )
    scene.create(objects.claim("cat", device_class=class_name))
    scene.create(objects.pod("holder", scheduler, claims={"cat": "cat"}))
    until(lambda: held(scene.claim("cat")), "the claim is allocated")
    scene.api.delete("Pod", "holder", scene.namespace, grace=0)
    until(lambda: not held(scene.claim("cat")), "the claim is free", seconds=60)
    until(lambda: extender.device_states(node) == {DEVICE: "free"}, "the index shows the device as free")
