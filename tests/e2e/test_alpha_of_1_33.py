"""What only Kubernetes 1.33 and 1.34 have, behind alpha gates; in-tree beside it.

The older versions that a newer build emulates lack it: it was removed from the code.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from harness import objects, scheduling
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.scene import Scene
from harness.wait import until

from app.core.json_object import JsonObject

pytestmark = [pytest.mark.e2e, pytest.mark.core, pytest.mark.kubernetes(until="1.33")]
HERE, IN_TREE = "alpha-extender", "alpha-in-tree"


@pytest.fixture(scope="module")
def control_plane(
    start_control_plane: Callable[..., AbstractContextManager[ControlPlane]],
) -> Iterator[ControlPlane]:
    gates = ("DRADeviceTaints=true", "DRAPartitionableDevices=true")
    with start_control_plane("alpha", gates=gates, served=("resource.k8s.io/v1alpha3",)) as plane:
        yield plane


@pytest.fixture(scope="module", autouse=True)
def schedulers(control_plane: ControlPlane) -> Iterator[None]:
    extender = Extender(control_plane, name="alpha-extender-process")
    extender.process.start()
    in_tree = control_plane.scheduler(IN_TREE, scheduling.in_tree(IN_TREE))
    asking = control_plane.scheduler(HERE, scheduling.with_extender(extender.url, scheduler_name=HERE))
    with in_tree.kept_running(), asking.kept_running():
        yield
    extender.close()
    extender.process.stop()


@pytest.mark.parametrize("scheduler", [HERE, IN_TREE])
def test_a_taint_rule_with_a_selector_taints_what_it_selects(scene: Scene, scheduler: str) -> None:
    scene.create(taint_rule(f"not-white.{scene.namespace}", "white"))
    scene.node("one", [*objects.cats(1, color="white"), *objects.cats(1)])
    names = place(scene, scheduler, 2)
    assert names == ["large-black-cat-0"]


@pytest.mark.parametrize("scheduler", [HERE, IN_TREE])
def test_devices_draw_from_counters_in_their_own_slice(scene: Scene, scheduler: str) -> None:
    node = scene.node("one")
    sets = [{"name": "gpu0", "counters": {"memory": {"value": "40Gi"}}}]
    devices = [partition("half-a", "20Gi"), partition("half-b", "20Gi"), partition("other-half", "20Gi")]
    body = objects.slice_of(node, devices)
    scene.create(body | {"spec": body["spec"] | {"sharedCounters": sets}})
    assert len(place(scene, scheduler, 3)) == 2


def place(scene: Scene, scheduler: str, number: int) -> list[str]:
    """The devices of Pods with a claim each, once one of them is refused and all others run."""
    scene.create(objects.device_class(f"any.{scene.namespace}"))
    pods = [f"p{index}" for index in range(number)]
    for name in pods:
        scene.create(objects.claim(name, device_class=f"any.{scene.namespace}"))
        scene.create(objects.pod(name, scheduler, claims={"device": name}))
    until(
        lambda: (
            sum(bool(scene.node_of(name)) for name in pods) == number - 1
            and any(scene.events(name, "FailedScheduling") for name in pods)
        ),
        "all Pods but one are bound",
        seconds=60,
    )
    claims = [scene.claim(name) for name in pods if scene.node_of(name)]
    return [
        item["device"] for claim in claims for item in claim["status"]["allocation"]["devices"]["results"]
    ]


def taint_rule(name: str, color: str) -> JsonObject:
    selector = f'device.attributes["{objects.DRIVER}"].color == "{color}"'
    return {
        "apiVersion": "resource.k8s.io/v1alpha3",
        "kind": "DeviceTaintRule",
        "metadata": {"name": name},
        "spec": {
            "deviceSelector": {"selectors": [{"cel": {"expression": selector}}]},
            "taint": {"key": "example.com/color", "effect": "NoSchedule"},
        },
    }


def partition(name: str, memory: str) -> JsonObject:
    """A device in the form of v1beta2 that takes a part of the counter."""
    draws = [{"counterSet": "gpu0", "counters": {"memory": {"value": memory}}}]
    return objects.device(name, color="black", size="half") | {"consumesCounters": draws}
