"""What may happen between filter and the end of a bind: to the Pod, its node, its devices, the extender."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from harness.company import EXTENDER, IN_TREE, RESERVATION_SECONDS, Company
from harness.extender import Extender
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

LATE = {"bindingConditions": ["attached"], "bindingFailureConditions": ["broken"]}
# A few of kube-scheduler's back-offs.
QUIET_SECONDS = 3


@dataclass(frozen=True)
class Step:
    """Where the Pod `first` is held up. It has the only device of its node, which `second` wants as well.

    `go_on` ends that.
    """

    node: str
    go_on: Callable[[], None]


def waits_for_its_volume(company: Company) -> Step:
    """kube-scheduler has its answer from filter, and does not call bind yet."""
    node = company.node("a")
    volume = company.volume_claim("data", company.provisioned())
    company.create(company.pod("first", claim=company.claim("one"), volume=volume))
    until(lambda: company.selected_node(volume), "the node is chosen")
    return Step(node, lambda: company.provision(volume))


def waits_for_its_device(company: Company) -> Step:
    """The claim is allocated, and the Pod is bound when the driver has attached the device."""
    node = company.node("a", **LATE)
    company.create(company.pod("first", claim=company.claim("one")))
    until(company.allocated, "the claim is allocated")
    return Step(node, lambda: company.tell("one", "attached"))


STEPS = pytest.mark.parametrize("held_up", [waits_for_its_volume, waits_for_its_device])


def edited(company: Company, _: Step) -> None:
    body = {"metadata": {"labels": {"edited": "yes"}, "annotations": {"example.com/edited": "yes"}}}
    company.scene.api.patch("Pod", "first", body, company.scene.namespace)


def slice_published_again(company: Company, step: Step) -> None:
    """A driver that is updated takes its slice away, and brings the same devices back."""
    found = company.slice_of(step.node)
    company.scene.api.delete("ResourceSlice", found["metadata"]["name"])
    time.sleep(0.5)
    company.scene.create(found | {"metadata": {"name": found["metadata"]["name"]}})


def nothing_for_longer_than_a_reservation(_: Company, __: Step) -> None:
    time.sleep(RESERVATION_SECONDS + 1)


@STEPS
@pytest.mark.parametrize("happens", [edited, slice_published_again, nothing_for_longer_than_a_reservation])
def test_the_pod_keeps_its_device(
    company: Company, held_up: Callable[[Company], Step], happens: Callable[[Company, Step], None]
) -> None:
    step = held_up(company)
    second = company.create(company.pod("second", claim=company.claim("two")))
    until(company.failures, "the second Pod is refused")
    happens(company, step)
    time.sleep(QUIET_SECONDS)
    assert company.bound() == {}
    step.go_on()
    company.kubelet.wait_running(company.scene.namespace, "first")
    assert set(company.bound()).isdisjoint(second)


@STEPS
def test_the_device_of_a_pod_that_is_deleted_goes_to_the_next(
    company: Company, held_up: Callable[[Company], Step]
) -> None:
    if company.scheduler == IN_TREE and held_up is waits_for_its_device:
        pytest.skip("the plugin gives the device back after bindingTimeout, which is 600 s")
    held_up(company)
    company.create(company.pod("second", claim=company.claim("two")))
    until(company.failures, "the second Pod is refused")
    company.scene.api.delete("Pod", "first", company.scene.namespace, grace=0)
    until(
        lambda: "second" in company.bound() or "two" in company.allocated(), "the second Pod has the device"
    )
    assert "one" not in company.allocated()


@pytest.mark.parametrize(
    ("held_up", "runs_on"),
    [
        pytest.param(waits_for_its_volume, "b", id="waits_for_its_volume"),
        # Its claim is allocated on the node that is gone, and the API server binds it there.
        pytest.param(waits_for_its_device, "a", id="waits_for_its_device"),
    ],
)
def test_a_pod_whose_node_is_deleted_goes_on_by_what_was_written(
    company: Company, held_up: Callable[[Company], Step], runs_on: str
) -> None:
    step = held_up(company)
    nodes = {"a": step.node, "b": company.node("b")}
    company.scene.api.delete("ResourceSlice", company.slice_of(step.node)["metadata"]["name"])
    company.scene.api.delete("Node", step.node)
    time.sleep(QUIET_SECONDS)
    step.go_on()
    until(company.bound, "the Pod is bound")
    assert company.bound() == {"first": nodes[runs_on]}
    assert company.allocated() == ["one"]


def test_a_reservation_that_nobody_comes_for_ends(company: Company, extender: Extender) -> None:
    if company.scheduler != EXTENDER:
        pytest.skip("kube-scheduler always comes for its own")
    node = company.node("a")
    stray = company.pod("stray", claim=company.claim("one"))
    stray["spec"]["schedulerName"] = "nobody"
    made = company.scene.create(stray)
    answer = extender.post("/scheduler/filter", {"Pod": made, "Nodes": None, "NodeNames": [node]})
    assert answer["NodeNames"] == [node]
    company.create(company.pod("second", claim=company.claim("two")))
    until(company.failures, "the second Pod is refused")
    assert company.bound() == {}
    company.kubelet.wait_running(company.scene.namespace, "second", seconds=RESERVATION_SECONDS + 15)


@STEPS
def test_a_pod_keeps_its_device_when_the_extender_starts_again(
    company: Company, extender: Extender, held_up: Callable[[Company], Step]
) -> None:
    if company.scheduler != EXTENDER:
        pytest.skip("no extender")
    step = held_up(company)
    extender.process.kill()
    extender.process.start()
    company.create(company.pod("second", claim=company.claim("two")))
    until(company.failures, "the second Pod is refused")
    time.sleep(QUIET_SECONDS)
    assert company.bound() == {}
    step.go_on()
    company.kubelet.wait_running(company.scene.namespace, "first")
    assert set(company.bound()) == {"first"}
