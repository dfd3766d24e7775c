"""One control plane with two kube-schedulers: each case runs on both, one after the other."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from harness import scheduling
from harness.company import EXTENDER, GANG_LABEL, IN_TREE, RESERVATION_SECONDS, Company
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.scene import Scene


@pytest.fixture(scope="package")
def control_plane(
    start_control_plane: Callable[..., AbstractContextManager[ControlPlane]],
) -> Iterator[ControlPlane]:
    with start_control_plane("company", groups=True, volumes=True) as plane:
        yield plane


@pytest.fixture(scope="package")
def extender(control_plane: ControlPlane) -> Iterator[Extender]:
    # Shorter than what tests wait for: what is kept longer is kept by what the cluster shows.
    settings = {"DRA_RESERVATION_SECONDS": f"{RESERVATION_SECONDS}", "DRA_GANG_LABELS": GANG_LABEL}
    extender = Extender(control_plane, name="company-extender-process", environment=settings)
    extender.process.start()
    yield extender
    extender.close()
    extender.process.stop()


@pytest.fixture(scope="package")
def schedulers(control_plane: ControlPlane, extender: Extender) -> Iterator[None]:
    """One that allocates itself and one that asks the extender, by examples/kube-scheduler.yaml."""
    in_tree = control_plane.scheduler(IN_TREE, scheduling.in_tree(IN_TREE) | scheduling.QUICK)
    asking = control_plane.scheduler(
        EXTENDER, scheduling.with_extender(extender.url, scheduler_name=EXTENDER) | scheduling.QUICK
    )
    in_tree.start()
    asking.start()
    yield
    asking.stop()
    in_tree.stop()


@pytest.fixture(params=[IN_TREE, EXTENDER])
def company(
    request: pytest.FixtureRequest,
    schedulers: None,  # noqa: ARG001 - they run
    scene: Scene,
    kubelet: Kubelet,
    holds: HoldWatcher,  # noqa: ARG001 - fails the test at its end if a device was held twice
) -> Company:
    """What the case is made of, for one of the two schedulers."""
    return Company(scene, kubelet, request.param)
