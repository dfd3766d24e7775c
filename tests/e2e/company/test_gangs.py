"""Groups of Pods of which all run or none."""

import time

import pytest
from harness.company import Company
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
