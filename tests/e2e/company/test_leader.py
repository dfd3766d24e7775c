"""The extender's leader changes while a Pod waits for its volume."""

import time
from collections.abc import Iterator

import pytest
from harness import scheduling
from harness.company import Company
from harness.controlplane import ControlPlane
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.replicas import Replicas
from harness.scene import Scene
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

SCHEDULER = "company-replicas"
QUIET_SECONDS = 3


@pytest.fixture(scope="module")
def replicas(control_plane: ControlPlane) -> Iterator[Replicas]:
    """Two replicas, and a kube-scheduler that asks the one that leads."""
    replicas = Replicas(control_plane)
    replicas.start()
    configuration = scheduling.with_extender(replicas.url, scheduler_name=SCHEDULER)
    with control_plane.scheduler(SCHEDULER, configuration | scheduling.QUICK).kept_running():
        yield replicas
    replicas.stop()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_the_new_leader_keeps_the_device_of_a_pod_that_waits_for_its_volume(
    replicas: Replicas,
    scene: Scene,
    kubelet: Kubelet,
    holds: HoldWatcher,  # noqa: ARG001 - fails the test at its end if a device was held twice
    how: str,
) -> None:
    """By kill -9 (the lease has to expire) and by SIGTERM (it is released)."""
    company = Company(scene, kubelet, SCHEDULER)
    company.node("a")
    volume = company.volume_claim("data", company.provisioned())
    company.create(company.pod("first", claim=company.claim("one"), volume=volume))
    until(lambda: company.selected_node(volume), "the node is chosen")
    leader = replicas.wait_led()
    getattr(leader, how)()
    replicas.wait_led()
    company.create(company.pod("second", claim=company.claim("two")))
    until(company.failures, "the second Pod is refused")
    time.sleep(QUIET_SECONDS)
    assert company.bound() == {}
    company.provision(volume)
    kubelet.wait_running(scene.namespace, "first")
    assert set(company.bound()) == {"first"}
    leader.start(seconds=180)
