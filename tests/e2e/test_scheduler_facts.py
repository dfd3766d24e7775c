"""How kube-scheduler treats an extender: facts that the webhooks are built on."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness import objects, scheduling
from harness.controlplane import ControlPlane
from harness.process import Process
from harness.scene import Scene
from harness.wait import until
from harness.webhook import Webhook

pytestmark = pytest.mark.e2e

SCHEDULER = "facts-scheduler"
# Longer than kube-scheduler's first back-off (1 s): a Pod that was put back into the queue would have come.
QUIET_SECONDS = 2.5


@pytest.fixture(scope="module")
def module_webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    webhook.start()
    yield webhook
    webhook.stop()


@pytest.fixture(scope="module")
def scheduler(control_plane: ControlPlane, module_webhook: Webhook) -> Iterator[Process]:
    """A kube-scheduler with the repository's own configuration, in front of the webhook."""
    configuration = scheduling.with_extender(module_webhook.url, scheduler_name=SCHEDULER)
    process = control_plane.scheduler(SCHEDULER, configuration)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def webhook(
    module_webhook: Webhook,
    scheduler: Process,  # noqa: ARG001 - the scheduler must run
    control_plane: ControlPlane,
) -> Webhook:
    """It lets every node pass, scores them alike, and binds as the extender has to."""

    def bind(body: dict[str, Any]) -> dict[str, Any]:
        control_plane.admin.bind(body["PodName"], body["PodNamespace"], body["Node"])
        return {}

    module_webhook.answers = {
        "filter": lambda body: {"NodeNames": body["NodeNames"]},
        "prioritize": lambda body: [{"Host": name, "Score": 0} for name in body["NodeNames"]],
        "bind": bind,
    }
    module_webhook.calls.clear()
    return module_webhook


@pytest.fixture
def nodes(scene: Scene, scheduler: Process) -> list[str]:
    """Three nodes that kube-scheduler knows of."""
    names = [scene.node(name) for name in ("a", "b", "c")]
    scheduling.wait_for_nodes(scheduler, *names)
    return names


def test_a_pod_without_claims_is_filtered_scored_and_bound_by_the_extender(
    scene: Scene, webhook: Webhook, nodes: list[str]
) -> None:
    chosen = nodes[1]
    webhook.answers["prioritize"] = lambda body: [
        {"Host": name, "Score": 10 if name == chosen else 0} for name in body["NodeNames"]
    ]
    scene.create(objects.pod("plain", SCHEDULER))
    scene.wait_bound("plain")
    assert scene.node_of("plain") == chosen
    assert webhook.verbs("plain") == ["filter", "prioritize", "bind"]


def test_node_names_alone_are_sent(scene: Scene, webhook: Webhook, nodes: list[str]) -> None:
    scene.create(objects.pod("plain", SCHEDULER))
    scene.wait_bound("plain")
    body = webhook.calls[0].body
    assert sorted(body["NodeNames"]) == nodes
    assert body["Nodes"] is None


def test_a_lone_node_is_bound_without_being_scored(scene: Scene, webhook: Webhook, nodes: list[str]) -> None:
    webhook.answers["filter"] = lambda _: {"NodeNames": nodes[:1]}
    scene.create(objects.pod("plain", SCHEDULER))
    scene.wait_bound("plain")
    assert webhook.verbs("plain") == ["filter", "bind"]


def test_no_node_names_means_that_no_node_fits_and_the_reasons_are_counted_in_an_event(
    scene: Scene, webhook: Webhook, nodes: list[str]
) -> None:
    reasons = dict(zip(nodes, ("all cats in use", "all cats in use", "no blue device"), strict=True))
    webhook.answers["filter"] = lambda _: {"NodeNames": None, "FailedAndUnresolvableNodes": reasons}
    scene.create(objects.pod("plain", SCHEDULER))
    events = until(lambda: scene.events("plain", "FailedScheduling"), "the Pod has an event")
    assert "0/3 nodes are available" in events[0]
    assert "2 all cats in use" in events[0]
    assert "1 no blue device" in events[0]
    assert scene.node_of("plain") == ""


@pytest.mark.core
def test_a_refused_pod_is_tried_again_for_its_annotation_and_not_for_a_new_slice(
    scene: Scene, webhook: Webhook, nodes: list[str]
) -> None:
    """The hole that a nudge of the extender has to fill."""
    scene.create(objects.device_class("facts.example.com"))
    scene.create(objects.claim("cat", device_class="facts.example.com"))
    webhook.answers["filter"] = lambda _: {
        "NodeNames": None,
        "FailedNodes": dict.fromkeys(nodes, "no device"),
    }
    scene.create(objects.pod("waiting", SCHEDULER, claims={"cat": "cat"}))
    until(lambda: scene.events("waiting", "FailedScheduling"), "the Pod was refused")
    # The claim may have reached kube-scheduler after the Pod, and then the Pod is tried once more for it.
    time.sleep(QUIET_SECONDS)

    tries = len(webhook.verbs("waiting"))
    scene.create(objects.slice_of(nodes[0], objects.cats(1)))
    time.sleep(QUIET_SECONDS)
    assert len(webhook.verbs("waiting")) == tries

    nudge = {"metadata": {"annotations": {"facts.example.com/nudge": "1"}}}
    scene.api.patch("Pod", "waiting", nudge, scene.namespace)
    until(lambda: len(webhook.verbs("waiting")) > tries, "the Pod is tried again for its annotation")


def test_the_next_pod_is_filtered_while_a_bind_is_still_at_work(
    scene: Scene, webhook: Webhook, control_plane: ControlPlane
) -> None:
    """There is no Reserve call: what bind is about to write must be in the extender's books before that."""
    node = scene.node("a")
    finish = threading.Event()

    def bind(body: dict[str, Any]) -> dict[str, Any]:
        if body["PodName"] == "first":
            assert finish.wait(20)
        control_plane.admin.bind(body["PodName"], body["PodNamespace"], node)
        return {}

    webhook.answers["bind"] = bind
    try:
        scene.create(objects.pod("first", SCHEDULER))
        until(lambda: "bind" in webhook.verbs("first"), "the bind of the first Pod has begun")
        scene.create(objects.pod("second", SCHEDULER))
        until(lambda: "filter" in webhook.verbs("second"), "the second Pod is filtered meanwhile")
        assert scene.node_of("first") == ""
    finally:
        finish.set()
    scene.wait_bound("first", "second")


def test_a_failed_bind_puts_the_pod_back_into_the_queue(
    scene: Scene, webhook: Webhook, control_plane: ControlPlane
) -> None:
    scene.node("a")
    binds: list[str] = []

    def bind(body: dict[str, Any]) -> dict[str, Any]:
        binds.append(body["PodName"])
        if len(binds) == 1:
            return {"Error": "the device has gone"}
        control_plane.admin.bind(body["PodName"], body["PodNamespace"], body["Node"])
        return {}

    webhook.answers["bind"] = bind
    scene.create(objects.pod("plain", SCHEDULER))
    scene.wait_bound("plain")
    assert webhook.verbs("plain").count("filter") == 2
    assert "the device has gone" in scene.events("plain", "FailedScheduling")[0]


def test_managed_resources_keep_pods_with_claims_away(control_plane: ControlPlane, scene: Scene) -> None:
    """kube-scheduler compares managedResources with the containers' resources, never with resourceClaims."""
    node = scene.node("a")
    scene.create(objects.device_class("facts.example.com"))
    scene.create(objects.claim("cat", device_class="facts.example.com"))
    webhook = Webhook()
    webhook.start()
    name = "managed-resources-scheduler"
    configuration = scheduling.with_extender(
        webhook.url, scheduler_name=name, managedResources=[{"name": "facts.example.com/cat"}]
    )
    process = control_plane.scheduler(name, configuration)
    process.start()
    try:
        scene.create(objects.pod("claiming", name, claims={"cat": "cat"}))
        scene.wait_bound("claiming")
    finally:
        process.stop()
        webhook.stop()
    # Bound by kube-scheduler itself, without its device.
    assert scene.node_of("claiming") == node
    assert webhook.calls == []
    assert "allocation" not in scene.claim("cat").get("status", {})


def test_fitting_nodes_that_are_left_out_are_no_reason_to_preempt_when_the_bind_fails(
    scene: Scene, webhook: Webhook, nodes: list[str]
) -> None:
    """What --candidates rests on: only the best node is named, and the others are not called failed."""
    scene.create(objects.pod("victim", SCHEDULER))
    scene.wait_bound("victim")
    bind = webhook.answers["bind"]
    refusals = iter(["devices in use", "devices in use"])

    def refuse_twice(body: dict[str, Any]) -> dict[str, Any]:
        error = next(refusals, "")
        return {"Error": error} if error else bind(body)

    webhook.answers["filter"] = lambda body: {"NodeNames": body["NodeNames"][:1]}
    webhook.answers["bind"] = refuse_twice
    important = objects.pod("important", SCHEDULER)
    important["spec"]["priorityClassName"] = "system-cluster-critical"
    scene.create(important)
    scene.wait_bound("important")
    assert webhook.verbs("important") == ["filter", "bind"] * 3
    assert "nominatedNodeName" not in scene.pod("important")["status"]
    assert "deletionTimestamp" not in scene.pod("victim")["metadata"]
    assert scene.node_of("important") in nodes


@pytest.mark.kubernetes(until="1.37")
def test_an_extender_is_asked_about_victims_for_what_in_tree_filters_see_and_never_for_devices_alone(
    control_plane: ControlPlane, scene: Scene
) -> None:
    """Why the extender evicts itself: DefaultPreemption gives every victim back, as in-tree filters pass."""
    webhook = Webhook()
    webhook.start()
    name = "preempt-verb-scheduler"
    process = control_plane.scheduler(
        name, scheduling.with_extender(webhook.url, scheduler_name=name, preemptVerb="preempt")
    )
    process.start()

    def bind(body: dict[str, Any]) -> dict[str, Any]:
        control_plane.admin.bind(body["PodName"], body["PodNamespace"], body["Node"])
        return {}

    def important(pod_name: str, cpu: str) -> None:
        raw = objects.pod(pod_name, name)
        raw["spec"]["priorityClassName"] = "system-cluster-critical"
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": cpu}}
        scene.create(raw)
        until(lambda: scene.events(pod_name, "FailedScheduling"), f"Pod {pod_name} was refused")
        time.sleep(QUIET_SECONDS)

    webhook.answers = {
        "filter": lambda body: {"NodeNames": body["NodeNames"]},
        "bind": bind,
        "preempt": lambda _: {"NodeNameToMetaVictims": {}},
    }
    try:
        node = scene.node("a")
        scheduling.wait_for_nodes(process, node)
        low = objects.pod("low", name)
        low["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "40"}}
        scene.create(low)
        scene.wait_bound("low")

        webhook.answers["filter"] = lambda body: {
            "NodeNames": None,
            "FailedNodes": dict.fromkeys(body["NodeNames"], "all devices in use"),
        }
        important("wants-device", cpu="1")
        # It has tried.
        assert "expected at least one victim pod" in scene.events("wants-device", "FailedScheduling")[0]
        assert set(webhook.verbs("wants-device")) == {"filter"}
        assert "nominatedNodeName" not in scene.pod("wants-device")["status"]

        important("wants-cpu", cpu="40")
        asked = [call.body for call in webhook.calls if call.verb == "preempt"]
        victims = asked[0]["NodeNameToMetaVictims"][node]["Pods"]
        assert victims == [{"UID": scene.pod("low")["metadata"]["uid"]}]
        assert "deletionTimestamp" not in scene.pod("low")["metadata"]
    finally:
        process.stop()
        webhook.stop()
