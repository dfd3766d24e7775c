"""kill -9 in the middle of the work: everything goes on without a hand, and nothing is given twice."""

from collections.abc import Callable

import pytest
from cats import CatJob
from harness import objects
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.process import Process
from harness.scene import Scene
from harness.wait import until

pytestmark = pytest.mark.e2e

CLASS = "recovery.example.com"
PODS = 24
PER_NODE = 8

Victim = Callable[[ControlPlane, Extender], Process]
VICTIMS = [
    pytest.param(lambda _, extender: extender.process, id="extender"),
    pytest.param(lambda plane, _: plane.apiserver, id="kube-apiserver"),
]


@pytest.mark.parametrize("victim", VICTIMS)
def test_the_job_with_cats_goes_on_after_a_kill(
    victim: Victim,
    control_plane: ControlPlane,
    extender: Extender,
    scene: Scene,
    kubelet: Kubelet,
    holds: HoldWatcher,
    scheduler: str,
) -> None:
    job = CatJob(scene, kubelet, scheduler=scheduler)
    job.create()
    job.run(rounds=3)
    process = victim(control_plane, extender)
    process.kill()
    process.start()
    job.run()
    holds.catch_up()
    job.check_devices(holds)


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_in_the_middle_of_many_binds_loses_and_doubles_nothing(
    victim: Victim,
    control_plane: ControlPlane,
    extender: Extender,
    scene: Scene,
    kubelet: Kubelet,
    holds: HoldWatcher,
    scheduler: str,
) -> None:
    """As many Pods as there are devices, so one that were lost with the process would leave a Pod behind."""
    scene.create(objects.device_class(CLASS))
    nodes = [scene.node(f"node-{n}", objects.cats(PER_NODE)) for n in range(PODS // PER_NODE)]
    names = [f"pod-{n}" for n in range(PODS)]
    for name in names:
        scene.create(objects.claim(name, device_class=CLASS))
    scene.create_all(objects.pod(name, scheduler, claims={"cat": name}) for name in names)

    def allocated() -> int:
        claims = scene.api.list("ResourceClaim", scene.namespace)
        return sum(bool(claim.get("status", {}).get("allocation")) for claim in claims)

    until(lambda: allocated() >= 3, "binding is under way", pause=0.01)
    process = victim(control_plane, extender)
    process.kill()
    process.start()
    kubelet.wait_running(scene.namespace, *names, seconds=90)

    holds.catch_up()
    held = [holds.history(f"{scene.namespace}/{name}")[-1].devices for name in names]
    assert {len(devices) for devices in held} == {1}
    assert len(frozenset().union(*held)) == PODS
    for name, ((_, pool, _),) in zip(names, held, strict=True):
        assert scene.node_of(name) == pool
    until(
        lambda: {state for node in nodes for state in extender.device_states(node).values()} == {"taken"},
        "the index shows every device as taken",
    )
