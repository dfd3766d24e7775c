"""The task page's Job under the extender, with the example's configuration and the chart's rights."""

import json
from typing import Any

import pytest
from cats import MANIFESTS, PARALLELISM, CatJob
from harness import objects
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.core]

CLASS = "e2e.example.com"


def test_the_job_with_cats_runs_to_its_end_and_its_devices_are_free_again(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, extender: Extender, scheduler: str
) -> None:
    job = CatJob(scene, kubelet, scheduler=scheduler)
    job.create()
    job.run(rounds=3)

    def devices() -> list[tuple[str, str]]:
        return [item for node in job.nodes for item in extender.device_states(node).items()]

    def taken_cats() -> int:
        return sum(state == "taken" and "cat" in device for device, state in devices())

    until(lambda: taken_cats() == PARALLELISM, "the index shows the cats of the running Pods as taken")
    job.run()
    holds.catch_up()
    job.check_devices(holds)
    until(lambda: {state for _, state in devices()} == {"free"}, "every device is free again in the index")


def test_the_first_pod_goes_where_all_pods_of_the_job_fit(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, scheduler: str
) -> None:
    """By itself it would go to the fuller node, and the second one would wait until it has ended.

    The class comes last, so that both Pods wait: the Job controller makes them one after the other.
    """
    scene.node("a", [*objects.cats(1), *objects.blues(1)])
    roomy = scene.node("b", [*objects.cats(3), *objects.blues(1)])
    (job,) = (body for body in objects.manifests(MANIFESTS) if body["kind"] == "Job")
    job["spec"]["completions"] = 2
    job["spec"]["template"]["spec"]["schedulerName"] = scheduler
    bodies = [body for body in objects.manifests(MANIFESTS) if body["kind"] != "Job"]
    scene.create_all(body for body in bodies if body["kind"] != "DeviceClass")
    scene.create(job)

    def refused() -> bool:
        names = [pod["metadata"]["name"] for pod in scene.api.list("Pod", scene.namespace)]
        return len(names) == 2 and all(scene.events(name, "FailedScheduling") for name in names)

    until(refused, "both Pods wait for the class")
    scene.create_all(body for body in bodies if body["kind"] == "DeviceClass")

    def running() -> list[str]:
        return [pod["metadata"]["name"] for pod in kubelet.running(scene.namespace)]

    until(lambda: len(running()) == 2, "both Pods run")
    assert {scene.node_of(name) for name in running()} == {roomy}
    holds.catch_up()


def test_pods_without_claims_are_bound_too(scene: Scene, kubelet: Kubelet, scheduler: str) -> None:
    scene.node("a")
    names = [f"plain-{n}" for n in range(5)]
    scene.create_all(objects.pod(name, scheduler) for name in names)
    kubelet.wait_running(scene.namespace, *names)


def test_a_claim_is_written_as_kube_scheduler_s_own_plugin_writes_it(
    scene: Scene, kubelet: Kubelet, in_tree: str, scheduler: str
) -> None:
    by_plugin = claim_of_one_pod(scene, kubelet, in_tree)
    with Scene(scene.api) as other:
        by_extender = claim_of_one_pod(other, kubelet, scheduler)
    assert by_extender == by_plugin


def claim_of_one_pod(scene: Scene, kubelet: Kubelet, scheduler: str) -> dict[str, Any]:
    """The written parts of the claim of a running Pod, without what differs from scene to scene."""
    class_name = f"{CLASS}-{scene.namespace}"
    selector = objects.device_class(class_name)
    scene.create(selector)
    # Only one of the scenes has this node, so the label keeps each Pod in its own.
    node = scene.node("a", objects.cats(1))
    scene.create(objects.claim("cat", device_class=class_name))
    pod = objects.pod("holder", scheduler, claims={"cat": "cat"})
    pod["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    uid = scene.create(pod)["metadata"]["uid"]
    kubelet.wait_running(scene.namespace, "holder")
    claim = scene.claim("cat")
    claim["status"]["allocation"]["allocationTimestamp"] = "TIME"
    written = {"finalizers": claim["metadata"]["finalizers"], "status": claim["status"]}
    return json.loads(json.dumps(written).replace(scene.namespace, "NAMESPACE").replace(uid, "UID"))


def test_nodes_are_sent_whole_where_the_scheduler_is_told_so(
    scene: Scene, kubelet: Kubelet, holds: HoldWatcher, whole_nodes_scheduler: str
) -> None:
    """nodeCacheCapable: false."""
    scene.create(objects.device_class(CLASS))
    scene.node("a")
    node = scene.node("b", objects.cats(1))
    scene.create(objects.claim("cat", device_class=CLASS))
    scene.create(objects.pod("holder", whole_nodes_scheduler, claims={"cat": "cat"}))
    scene.create(objects.pod("plain", whole_nodes_scheduler))
    kubelet.wait_running(scene.namespace, "holder", "plain")
    assert scene.node_of("holder") == node
    holds.catch_up()
    assert holds.history(f"{scene.namespace}/cat")[-1].devices == {
        (objects.DRIVER, node, "large-black-cat-0")
    }
