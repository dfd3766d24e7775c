"""Extended resources that a DeviceClass stands for, with kube-scheduler's own plugin disabled."""

import json
from typing import Any

import pytest
from harness import objects, scheduling
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.process import Process
from harness.scene import Scene
from harness.wait import until
from harness.webhook import Webhook

pytestmark = pytest.mark.e2e


def resource_of(scene: Scene) -> str:
    return f"{scene.namespace}.example.com/cat"


def backed_class(scene: Scene) -> str:
    """A class whose devices stand for an extended resource; both are this scene's own."""
    name = f"cats.{scene.namespace}"
    body = objects.device_class(name)
    body["spec"]["extendedResourceName"] = resource_of(scene)
    scene.create(body)
    return name


def asking_pod(name: str, scheduler: str, resource: str, count: int = 1) -> dict[str, Any]:
    body = objects.pod(name, scheduler)
    amounts = {resource: str(count)}
    body["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"} | amounts, "limits": amounts}
    return body


def claim_for(scene: Scene, pod_name: str) -> dict[str, Any]:
    return scene.claim(scene.pod(pod_name)["status"]["extendedResourceClaimStatus"]["resourceClaimName"])


@pytest.mark.kubernetes(since="1.36")
@pytest.mark.parametrize("explicit", [True, False], ids=["named by the class", "by the class's own name"])
def test_the_node_s_own_count_lets_a_pod_pass_whose_resource_a_class_stands_for(
    control_plane: ControlPlane, scene: Scene, explicit: bool
) -> None:
    """NodeResourcesFit looks classes up even where the plugin DynamicResources is disabled.

    So the example's configuration needs nothing more: neither ignoredByScheduler nor a feature gate.
    """
    class_name = backed_class(scene)
    resource = resource_of(scene) if explicit else f"deviceclass.resource.kubernetes.io/{class_name}"
    webhook = Webhook()
    webhook.start()
    webhook.answers["filter"] = lambda _: {"NodeNames": None, "FailedNodes": {}}
    name = f"fit-{scene.namespace}"
    process: Process = control_plane.scheduler(
        name, scheduling.with_extender(webhook.url, scheduler_name=name)
    )
    process.start()
    try:
        node = scene.node("a")
        scheduling.wait_for_nodes(process, node)
        scene.create(asking_pod("backed", name, resource))
        scene.create(asking_pod("unknown", name, f"nothing.{scene.namespace}.example.com/cat"))
        until(lambda: webhook.verbs("backed"), "the extender is asked about the Pod")
        assert node in webhook.calls[0].body["NodeNames"]
        events = until(lambda: scene.events("unknown", "FailedScheduling"), "the other Pod is refused")
        assert "Insufficient" in events[0]
        assert webhook.verbs("unknown") == []
    finally:
        process.stop()
        webhook.stop()


@pytest.mark.kubernetes(since="1.36")
def test_pods_get_devices_for_extended_resources_and_give_them_back(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, extender: Extender, scheduler: str
) -> None:
    backed_class(scene)
    node = scene.node("a", objects.cats(3))
    names = ["one", "two", "three"]
    scene.create_all(asking_pod(name, scheduler, resource_of(scene)) for name in names)
    kubelet.wait_running(scene.namespace, *names)
    assert {scene.node_of(name) for name in names} == {node}
    holds.catch_up()
    held = set()
    for name in names:
        claim = claim_for(scene, name)
        (device,) = holds.history(f"{scene.namespace}/{claim['metadata']['name']}")[-1].devices
        held.add(device)
    assert len(held) == 3

    scene.create(asking_pod("waiting", scheduler, resource_of(scene)))
    events = until(lambda: scene.events("waiting", "FailedScheduling"), "the fourth Pod is refused")
    assert "in use" in events[0]
    kubelet.succeed(scene.namespace, "one")
    kubelet.wait_running(scene.namespace, "waiting")
    for name in ("two", "three", "waiting"):
        scene.api.delete("Pod", name, scene.namespace, grace=0)
    until(lambda: not scene.api.list("ResourceClaim", scene.namespace), "the claims are gone with their Pods")
    until(lambda: set(extender.device_states(node).values()) == {"free"}, "the index shows free devices")


@pytest.mark.kubernetes(since="1.36")
def test_the_claim_and_the_pod_s_status_are_those_of_the_in_tree_plugin(
    scene: Scene, kubelet: Kubelet, in_tree: str, scheduler: str
) -> None:
    by_plugin = written_for_a_pod(scene, kubelet, in_tree)
    with Scene(scene.api) as other:
        by_extender = written_for_a_pod(other, kubelet, scheduler)
    assert by_extender == by_plugin


def written_for_a_pod(scene: Scene, kubelet: Kubelet, scheduler: str) -> dict[str, Any]:
    """What a scheduler writes for a Pod of several containers, without what differs from scene to scene."""
    backed_class(scene)
    node = scene.node("a", objects.cats(8))
    body = asking_pod("holder", scheduler, resource_of(scene), 2)
    body["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    main = body["spec"]["containers"][0]
    amounts = {number: {resource_of(scene): str(number)} for number in (1, 3, 4)}
    body["spec"]["containers"].append(main | {"name": "second", "resources": {"limits": amounts[1]}})
    body["spec"]["initContainers"] = [
        main | {"name": "large", "resources": {"limits": amounts[4]}},
        main | {"name": "side", "resources": {"limits": amounts[1]}, "restartPolicy": "Always"},
        main | {"name": "small", "resources": {"limits": amounts[3]}},
    ]
    uid = scene.create(body)["metadata"]["uid"]
    kubelet.wait_running(scene.namespace, "holder")
    status = scene.pod("holder")["status"]["extendedResourceClaimStatus"]
    claim = claim_for(scene, "holder")
    claim["status"]["allocation"]["allocationTimestamp"] = "TIME"
    metadata = claim["metadata"]
    written = {
        "mappings": status["requestMappings"],
        "metadata": {
            key: metadata[key] for key in ("generateName", "annotations", "ownerReferences", "finalizers")
        },
        "spec": claim["spec"],
        "status": claim["status"],
    }
    text = json.dumps(written, sort_keys=True)
    for value, name in ((scene.namespace, "NAMESPACE"), (uid, "UID"), (metadata["name"], "CLAIM")):
        text = text.replace(value, name)
    return json.loads(text)


@pytest.mark.core
def test_a_node_with_a_device_plugin_gives_the_resource_itself(
    scene: Scene, kubelet: Kubelet, scheduler: str
) -> None:
    backed_class(scene)
    node = scene.node("plugin")
    room = {"cpu": "64", "memory": "64Gi", "pods": "250", resource_of(scene): "1"}
    scene.api.patch("Node", node, {"status": {"capacity": room, "allocatable": room}}, subresource="status")
    scene.create(asking_pod("one", scheduler, resource_of(scene)))
    kubelet.wait_running(scene.namespace, "one")
    assert scene.node_of("one") == node
    assert scene.api.list("ResourceClaim", scene.namespace) == []
    assert "extendedResourceClaimStatus" not in scene.pod("one")["status"]
