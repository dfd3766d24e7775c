"""Several nodes named for a Pod, the devices of each reserved until kube-scheduler has chosen one."""

from collections.abc import Iterator

import pytest
from harness import scheduling
from harness.company import Company
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

SCHEDULER = "company-few"


@pytest.fixture(scope="module")
def few(control_plane: ControlPlane) -> Iterator[Extender]:
    """Names up to four nodes, and has a kube-scheduler of its own."""
    extender = Extender(control_plane, "--candidates=4", name="few-extender-process")
    extender.process.start()
    configuration = scheduling.with_extender(extender.url, scheduler_name=SCHEDULER) | scheduling.QUICK
    with control_plane.scheduler(SCHEDULER, configuration).kept_running():
        yield extender
    extender.close()
    extender.process.stop()


@pytest.fixture
def company(
    few: Extender,  # noqa: ARG001 - it runs
    scene: Scene,
    kubelet: Kubelet,
    holds: HoldWatcher,  # noqa: ARG001 - fails the test at its end if a device was held twice
) -> Company:
    return Company(scene, kubelet, SCHEDULER)


def test_eight_pods_with_volumes_fill_four_nodes_of_two_devices(company: Company) -> None:
    nodes = [company.node(name, 2) for name in "abcd"]
    storage = [company.storage(node, 3) for node in nodes][-1]
    template = company.template()
    names = company.create(
        *(
            company.pod(
                f"pod-{number}", template=template, volume=company.volume_claim(f"data-{number}", storage)
            )
            for number in range(8)
        )
    )
    company.kubelet.wait_running(company.scene.namespace, *names)
    taken = list(company.bound().values())
    assert sorted(taken.count(node) for node in nodes) == [2, 2, 2, 2]


def test_once_the_choice_shows_only_its_device_is_kept(company: Company, few: Extender) -> None:
    nodes = [company.node(name) for name in "abcd"]
    template = company.template()
    volume = company.volume_claim("data", company.provisioned())
    company.create(company.pod("first", template=template, volume=volume))
    chosen = until(lambda: company.selected_node(volume), "the node is chosen")
    others = company.create(*(company.pod(f"other-{number}", template=template) for number in range(4)))
    until(lambda: len(company.bound()) == len(nodes) - 1, "all nodes but one have a Pod")
    assert sorted(company.bound().values()) == sorted(set(nodes) - {chosen})
    company.provision(volume)
    company.kubelet.wait_running(company.scene.namespace, "first")
    assert company.bound()["first"] == chosen
    assert len(company.bound().keys() & set(others)) == 3
    assert 'dra_extender_reservations_ended_total{end="bound"}' in few.metrics()
