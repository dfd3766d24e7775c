"""Groups of Pods of which all run or none."""

import time

import pytest
from harness.company import GANG_LABEL, Company, claims_of_group
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

# Two of kube-scheduler's back-offs.
QUIET_SECONDS = 4


def test_a_gang_one_device_short_gets_nothing_and_all_once_there_is_one_more(company: Company) -> None:
    for name in "abc":
        company.node(name)
    gang = company.gang("gang", 4, company.template())
    until(company.failures, "the group is refused")
    time.sleep(QUIET_SECONDS)
    assert company.bound() == {}
    assert company.allocated() == []
    company.node("d")
    company.kubelet.wait_running(company.scene.namespace, *gang)


def test_of_two_gangs_for_six_devices_one_runs_whole_and_the_other_not_at_all(company: Company) -> None:
    for name in "abcdef":
        company.node(name)
    template = company.template()
    gangs = [company.gang(name, 4, template) for name in ("one", "two")]
    until(lambda: len(company.bound()) >= 4, "a gang runs")
    time.sleep(QUIET_SECONDS)
    assert sorted(len(company.bound().keys() & set(gang)) for gang in gangs) == [0, 4]
    assert len(company.allocated()) == 4


def test_a_claim_of_the_group_is_reserved_for_the_group_and_stays_so_without_its_pods(
    company: Company,
) -> None:
    company.node("a")
    company.node("b")
    template = company.template()
    pods = company.gang("sharing", 3, template, **claims_of_group(template))
    company.kubelet.wait_running(company.scene.namespace, *pods)
    (name,) = company.allocated()
    status = company.scene.claim(name)["status"]
    assert [(user["resource"], user["name"]) for user in status["reservedFor"]] == [("podgroups", "sharing")]
    assert len(set(company.bound().values())) == 1
    for pod in pods:
        company.scene.api.delete("Pod", pod, company.scene.namespace)
    until(lambda: company.bound() == {}, "the Pods are gone")
    assert company.allocated() == [name]


def test_a_gang_that_lacks_cpu_leaves_its_devices_to_others(company: Company) -> None:
    """kube-scheduler tries it again and again, and finds devices for all of its Pods but no CPU for one."""
    for name in "ab":
        company.node(name, cpu="4")
    template = company.template()
    gang = company.gang("gang", 2, template, minimum=3)
    company.create(company.pod("gang-last", cpu="50", group="gang"))
    until(lambda: len(company.failures()) > len(gang), "the group is refused")
    company.create(company.pod("other", claim=company.claim("other")))
    company.kubelet.wait_running(company.scene.namespace, "other", seconds=30)
    assert set(company.bound()) == {"other"}


def test_pods_of_a_labelled_group_may_need_different_nodes(company: Company) -> None:
    nodes = [company.node(name) for name in "ab"]
    template = company.template()
    pods = [company.pod(f"pod-{number}", template=template, node=node) for number, node in enumerate(nodes)]
    for body in pods:
        body["metadata"]["labels"][GANG_LABEL] = "group"
    names = company.create(*pods)
    company.kubelet.wait_running(company.scene.namespace, *names)
    assert [company.bound()[name] for name in names] == nodes
