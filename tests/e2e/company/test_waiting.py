"""What takes its time: devices that get ready late, claims that many write or want."""

import time

import pytest
from harness.company import EXTENDER, Company, again_and_again
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

LATE = {"bindingConditions": ["attached"], "bindingFailureConditions": ["broken"]}
# More than a default httpTimeout, and more than kube-scheduler's back-offs.
READY_SECONDS = 24
SHARERS = 64


def test_a_pod_whose_device_is_late_keeps_the_cpu_of_its_node(company: Company) -> None:
    node = company.node("a", 1, cpu="4", **LATE)
    claim = company.claim("late")
    company.create(company.pod("first", claim=claim, cpu="3", node=node))
    until(company.allocated, "the claim is allocated")
    company.create(company.pod("second", cpu="3", node=node))
    time.sleep(READY_SECONDS)
    assert company.bound() == {}
    company.tell(claim, "attached")
    company.kubelet.wait_running(company.scene.namespace, "first")
    assert set(company.bound()) == {"first"}


def test_many_pods_of_one_claim_are_bound_without_a_failure(company: Company) -> None:
    company.node("a")
    claim = company.claim("shared")
    company.create(*(company.pod(f"pod-{number}", claim=claim) for number in range(SHARERS)))
    until(lambda: len(company.bound()) == SHARERS, "all are bound", seconds=60, pause=0.5)
    if company.scheduler == EXTENDER:
        # In-tree, the writes of these Pods conflict with each other, and some binds fail before they succeed.
        assert company.failures() == []
    assert len(company.scene.claim(claim)["status"]["reservedFor"]) == SHARERS


def test_a_claim_that_somebody_writes_to_all_the_time_is_allocated_all_the_same(company: Company) -> None:
    company.node("a")
    claim, namespace = company.claim("busy"), company.scene.namespace

    def write(number: int) -> None:
        body = {"metadata": {"annotations": {"example.com/beat": str(number)}}}
        company.scene.api.patch("ResourceClaim", claim, body, namespace)

    with again_and_again(write, 0.05):
        time.sleep(0.5)
        company.create(company.pod("pod", claim=claim))
        company.kubelet.wait_running(namespace, "pod")
    assert company.failures() == []


def test_pods_of_a_template_wait_for_their_claims_without_an_alarm(company: Company) -> None:
    for name in "abcd":
        company.node(name, 25)
    template = company.template()
    names = company.create(*(company.pod(f"pod-{number}", template=template) for number in range(100)))
    until(lambda: len(company.bound()) == len(names), "all are bound", pause=0.5)
    assert not [text for text in company.failures() if "ResourceClaim" in text]
