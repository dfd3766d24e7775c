"""Scoring policies on the real control plane: which node, and which of its devices, by whose wish."""

from typing import Any

import pytest
from harness import objects
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene

from app.core.placement.chosen_policy import ANNOTATION

pytestmark = pytest.mark.e2e

NUMA = "resource.kubernetes.io/numaNode"
LEAST = "least-fragmentation"


class Stage:
    """A class of this scene's own, and Pods with a claim each."""

    def __init__(self, scene: Scene, kubelet: Kubelet, scheduler: str) -> None:
        self.scene = scene
        self.kubelet = kubelet
        self.scheduler = scheduler

    def device_class(self, policy: str = "") -> str:
        name = f"class{'-' * bool(policy)}{policy}.{self.scene.namespace}"
        body = objects.device_class(name)
        if policy:
            body["metadata"]["annotations"] = {ANNOTATION: policy}
        self.scene.create(body)
        return name

    def devices(self, name: str, of: str, *, policy: str = "", count: int = 1, where: str = "") -> list[str]:
        """The devices that a Pod gets once it runs."""
        claim = objects.claim(f"{name}-claim", device_class=of, count=count)
        if where:
            claim["spec"]["devices"]["requests"][0]["exactly"]["selectors"] = [{"cel": {"expression": where}}]
        self.scene.create(claim)
        pod = objects.pod(name, self.scheduler, claims={"device": f"{name}-claim"})
        if policy:
            pod["metadata"]["annotations"] = {ANNOTATION: policy}
        self.scene.create(pod)
        self.kubelet.wait_running(self.scene.namespace, name)
        results = self.scene.claim(f"{name}-claim")["status"]["allocation"]["devices"]["results"]
        return [result["device"] for result in results]


@pytest.fixture
def stage(
    scene: Scene,
    kubelet: Kubelet,
    holds: HoldWatcher,  # noqa: ARG001 - fails the test at its end if a device was held twice
    scheduler: str,
) -> Stage:
    return Stage(scene, kubelet, scheduler)


def numa_devices() -> list[dict[str, Any]]:
    """Four, two on each NUMA node, the third of a colour of its own."""
    made = [
        objects.device(f"d{number}", color="red" if number == 2 else "blue", size="big")
        for number in range(4)
    ]
    for number, device in enumerate(made):
        device["attributes"][NUMA] = {"int": number // 2}
    return made


@pytest.mark.parametrize(("by_pod", "by_class"), [(LEAST, ""), ("", LEAST)], ids=["the Pod", "its class"])
def test_the_rest_of_a_broken_numa_node_is_taken_by_the_wish_of(
    scene: Scene, stage: Stage, by_pod: str, by_class: str
) -> None:
    scene.node("a", numa_devices())
    plain = stage.device_class()
    wished = stage.device_class(by_class) if by_class else plain
    red = f'device.attributes["{objects.DRIVER}"].color == "red"'
    assert stage.devices("breaks", plain, where=red) == ["d2"]
    assert stage.devices("wishes", wished, policy=by_pod) == ["d3"]
    assert stage.devices("plain", plain) == ["d0"]


def test_a_pod_goes_to_the_fuller_node_or_to_the_emptier_one_as_it_wishes(scene: Scene, stage: Stage) -> None:
    for name in "ab":
        scene.node(name, numa_devices())
    of = stage.device_class()
    stage.devices("first", of, count=2)
    stage.devices("packed", of, policy="binpack")
    stage.devices("spread", of, policy="spread")
    first, packed, spread = (scene.node_of(name) for name in ("first", "packed", "spread"))
    assert packed == first
    assert spread != first
