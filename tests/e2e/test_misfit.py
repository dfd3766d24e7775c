"""A Pod whose devices are nowhere to be had."""

import pytest
from harness import objects
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.core]

CLASS = "misfit.example.com"


@pytest.fixture
def refused(scene: Scene, kubelet: Kubelet, scheduler: str) -> list[str]:
    """The Pod `waiting` has been refused by three nodes, each for another reason; the names of the nodes."""
    scene.create(objects.device_class(CLASS, f'device.driver == "{objects.DRIVER}" && {large_cat()}'))
    nodes = [
        scene.node("taken", objects.cats(1)),
        scene.node("small", objects.cats(2, size="small")),
        scene.node("bare"),
    ]
    for name in ("cat", "another-cat"):
        scene.create(objects.claim(name, device_class=CLASS))
    scene.create(objects.pod("holder", scheduler, claims={"cat": "cat"}))
    kubelet.wait_running(scene.namespace, "holder")
    scene.create(objects.pod("waiting", scheduler, claims={"cat": "another-cat"}))
    until(lambda: scene.events("waiting", "FailedScheduling"), "the Pod is refused")
    return nodes


def large_cat() -> str:
    return f'device.attributes["{objects.DRIVER}"].size == "large"'


def test_its_event_carries_the_extender_s_reason_for_each_node(
    scene: Scene, refused: list[str], extender: Extender
) -> None:
    pod = scene.pod("waiting")
    answer = extender.post("/scheduler/filter", {"Pod": pod, "Nodes": None, "NodeNames": refused})
    assert not answer["NodeNames"]
    assert not answer["Error"]
    reasons = (answer["FailedNodes"] or {}) | (answer["FailedAndUnresolvableNodes"] or {})
    assert sorted(reasons) == sorted(refused)
    assert [reasons[name].split(" request")[0] for name in refused] == [
        "node(s) had all matching devices in use for",
        "node(s) had no matching device for",
        "node(s) had no devices for",
    ]

    (event, *_) = scene.events("waiting", "FailedScheduling")
    assert "0/3 nodes are available" in event
    for reason in set(reasons.values()):
        count = list(reasons.values()).count(reason)
        assert f"{count} {reason}" in event
    assert scene.node_of("waiting") == ""
    assert "allocation" not in scene.claim("another-cat").get("status", {})


def test_it_is_bound_when_the_device_is_given_back(
    scene: Scene, refused: list[str], kubelet: Kubelet, holds: HoldWatcher
) -> None:
    kubelet.succeed(scene.namespace, "holder")
    kubelet.wait_running(scene.namespace, "waiting")
    assert scene.node_of("waiting") == refused[0]
    holds.catch_up()


def test_it_is_bound_when_a_new_slice_has_the_device(
    scene: Scene, refused: list[str], kubelet: Kubelet, holds: HoldWatcher
) -> None:
    """kube-scheduler does not wake it for a slice: the extender has to."""
    scene.create(objects.slice_of(refused[2], objects.cats(1)))
    kubelet.wait_running(scene.namespace, "waiting")
    assert scene.node_of("waiting") == refused[2]
    holds.catch_up()
