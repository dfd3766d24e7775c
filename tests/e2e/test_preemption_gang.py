"""A PodGroup of four that only evictions make room for, on a control plane that knows PodGroups."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from harness import objects
from harness.controlplane import ControlPlane
from harness.extender import Extender
from harness.holds import HoldWatcher
from harness.kubelet import Kubelet
from harness.preempting import preempting_extender
from harness.scene import Scene
from harness.stage import Stage
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

SCHEDULER = "gang-scheduler"
# Longer than kube-scheduler's first back-off (1 s).
QUIET_SECONDS = 2.5
USELESS = 'dra_extender_preemption_attempts_total{outcome="useless"}'


@pytest.fixture(scope="module")
def control_plane(
    start_control_plane: Callable[..., AbstractContextManager[ControlPlane]],
) -> Iterator[ControlPlane]:
    with start_control_plane("gang", groups=True) as plane:
        yield plane


@pytest.fixture(scope="module")
def extender(control_plane: ControlPlane) -> Iterator[Extender]:
    with preempting_extender(control_plane, SCHEDULER) as extender:
        yield extender


@pytest.fixture
def stage(
    scene: Scene,
    kubelet: Kubelet,
    holds: HoldWatcher,  # noqa: ARG001 - fails the test at its end if a device was held twice
    extender: Extender,  # noqa: ARG001 - its scheduler runs
) -> Stage:
    return Stage(scene, kubelet, SCHEDULER)


def test_a_gang_of_four_takes_the_devices_of_exactly_four(scene: Scene, stage: Stage) -> None:
    for name in "ab":
        scene.node(name, objects.cats(3))
    kept = [stage.running(f"kept-{number}", "high") for number in range(2)]
    for number in range(4):
        stage.running(f"low-{number}")
    gang = stage.gang("gang", "high", 4)
    stage.kubelet.wait_running(scene.namespace, *gang)
    assert stage.left() == {*kept, *gang}


def test_nobody_is_evicted_for_a_gang_of_which_one_would_be_left_over(
    scene: Scene, stage: Stage, extender: Extender
) -> None:
    for name in "ab":
        scene.node(name, objects.cats(2))
    vip = stage.running("vip", "high")
    low = [stage.running(f"low-{number}") for number in range(3)]
    before = count_of(extender)
    gang = stage.gang("gang", "high", 4)
    until(lambda: count_of(extender) > before, "an attempt found that evicting does not help the gang")
    # By then kube-scheduler has tried the group again, with its own preemption of groups.
    time.sleep(QUIET_SECONDS)
    assert stage.left() == {vip, *low, *gang}
    assert not any(scene.node_of(name) for name in gang)


def count_of(extender: Extender) -> float:
    """How many attempts found that evicting helps nobody."""
    lines = [line for line in extender.metrics().splitlines() if line.startswith(USELESS)]
    return float(lines[0].rsplit(" ", 1)[1]) if lines else 0.0
