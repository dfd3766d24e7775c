"""Preemption with devices on the real control plane, and kube-scheduler's own beside it."""

import time
from collections.abc import Iterator

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

pytestmark = pytest.mark.e2e

SCHEDULER = "preempting-scheduler"
# Longer than kube-scheduler's first back-off (1 s): what it does of its own accord is done by then.
QUIET_SECONDS = 2.5


@pytest.fixture(scope="module")
def preempting(control_plane: ControlPlane) -> Iterator[Extender]:
    with preempting_extender(control_plane, SCHEDULER) as extender:
        yield extender


@pytest.fixture
def stage(
    scene: Scene,
    kubelet: Kubelet,
    holds: HoldWatcher,  # noqa: ARG001 - fails the test at its end if a device was held twice
    preempting: Extender,  # noqa: ARG001 - its scheduler runs
) -> Stage:
    return Stage(scene, kubelet, SCHEDULER)


def test_the_device_of_exactly_one_pod_of_lower_priority_is_taken(
    scene: Scene, stage: Stage, preempting: Extender
) -> None:
    scene.node("a", objects.cats(2))
    stage.running("low")
    stage.running("middle", "middle")
    stage.pod("high", "high")
    stage.kubelet.wait_running(scene.namespace, "high")
    assert stage.left() == {"middle", "high"}
    uid = scene.pod("high")["metadata"]["uid"]
    node = scene.node_of("high")
    until(
        lambda: scene.events("low", "Preempted") == [f"Preempted by pod {uid} on node {node}"],
        "the victim was told",
    )
    until(lambda: scene.events("high", "DevicesPreempted"), "the preemptor was told")
    until(
        lambda: (
            [
                (item["outcome"], item["node"], item["summary"])
                for item in preempting.get("/api/v1/decisions", namespace=scene.namespace)["items"]
                if item["verb"] == "preempt"
            ]
            == [("evicted", node, f"evicted for it: {scene.namespace}/low (priority 10)")]
        ),
        "the decisions tell of it",
    )


def test_a_pod_that_a_budget_protects_stays(scene: Scene, stage: Stage) -> None:
    scene.node("a", objects.cats(2))
    stage.running("guarded", app="guarded")
    stage.running("middle", "middle")
    made = scene.create(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "budget"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "guarded"}}},
        }
    )
    status = {
        "observedGeneration": made["metadata"]["generation"],
        "disruptionsAllowed": 0,
        "currentHealthy": 1,
        "desiredHealthy": 1,
        "expectedPods": 1,
    }
    scene.api.patch(
        "PodDisruptionBudget", "budget", {"status": status}, scene.namespace, subresource="status"
    )
    stage.pod("high", "high")
    stage.kubelet.wait_running(scene.namespace, "high")
    assert stage.left() == {"guarded", "high"}


def test_a_shared_claim_costs_all_of_its_pods_and_one_with_an_important_user_none(
    scene: Scene, stage: Stage
) -> None:
    scene.node("a", objects.cats(2))
    stage.running("one")
    stage.running("two", claim="one-claim")
    stage.running("other")
    stage.running("important", "high", claim="other-claim")
    stage.pod("high", "high")
    stage.kubelet.wait_running(scene.namespace, "high")
    assert stage.left() == {"other", "important", "high"}


def test_four_pods_at_once_take_the_devices_of_four(scene: Scene, stage: Stage) -> None:
    for name in "ab":
        scene.node(name, objects.cats(3))
    low = [f"low-{number}" for number in range(4)]
    stage_high = ["kept-0", "kept-1"]
    for name in stage_high:
        stage.running(name, "high")
    for name in low:
        stage.running(name)
    high = [stage.pod(f"high-{number}", "high") for number in range(4)]
    stage.kubelet.wait_running(scene.namespace, *high)
    assert stage.left() == {*stage_high, *high}


def test_nobody_is_evicted_where_it_would_not_help(scene: Scene, stage: Stage, preempting: Extender) -> None:
    scene.node("a", objects.cats(2))
    stage.running("low")
    stage.running("vip", "high")
    stage.pod("large", "high", count=2)
    until(lambda: scene.events("large", "FailedScheduling"), "the Pod was refused")
    line = 'dra_extender_preemption_attempts_total{outcome="useless"}'
    until(lambda: line in preempting.metrics(), "an attempt found that evicting does not help")
    assert stage.left() == {"low", "vip", "large"}


def test_kube_schedulers_own_preemption_evicts_nobody_in_the_same_case(
    scene: Scene, kubelet: Kubelet, in_tree: str
) -> None:
    stage = Stage(scene, kubelet, in_tree)
    scene.node("a", objects.cats(2))
    stage.running("low")
    stage.running("middle", "middle")
    stage.pod("high", "high")
    until(lambda: scene.events("high", "FailedScheduling"), "the Pod was refused")
    # kube-scheduler evicts beside its scheduling cycles (SchedulerAsyncPreemption), and tries the Pod again.
    time.sleep(QUIET_SECONDS)
    assert stage.left() == {"low", "middle", "high"}
    assert "nominatedNodeName" not in scene.pod("high")["status"]
