"""Nobody is evicted for a Pod whose devices eviction cannot free."""

import time

import pytest
from harness.company import Company
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

QUIET_SECONDS = 4


def test_nobody_goes_for_a_pod_whose_device_an_equal_holds(company: Company) -> None:
    gpu, plain = company.node("gpu", cpu="8"), company.node("plain", 0, cpu="8")
    high, low = company.priority("high", 1000), company.priority("low", 1)
    company.create(company.pod("holder", claim=company.claim("one"), cpu="2", priority=high))
    fillers = company.create(
        *(
            company.pod(f"{name}-{number}", cpu="2", node=node, priority=low)
            for name, node, count in (("gpu", gpu, 3), ("plain", plain, 3))
            for number in range(count)
        )
    )
    company.kubelet.wait_running(company.scene.namespace, "holder", *fillers)
    company.create(company.pod("wants", claim=company.claim("two"), cpu="2", priority=high))
    until(company.failures, "the Pod is refused")
    time.sleep(QUIET_SECONDS)
    assert set(company.bound()) == {"holder", *fillers}
    assert "nominatedNodeName" not in company.scene.pod("wants")["status"]


def test_who_takes_the_room_beside_a_free_device_is_evicted(company: Company) -> None:
    company.node("gpu", cpu="4")
    high, low = company.priority("high", 1000), company.priority("low", 1)
    company.create(company.pod("filler", cpu="4", priority=low))
    company.kubelet.wait_running(company.scene.namespace, "filler")
    company.create(company.pod("wants", claim=company.claim("free"), cpu="2", priority=high))
    company.kubelet.wait_running(company.scene.namespace, "wants")
    assert set(company.bound()) == {"wants"}
