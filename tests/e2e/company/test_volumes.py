"""Devices beside volumes, ports, and Pods that keep apart or spread."""

import time

import pytest
from harness.company import Company, apart, preferring, spread
from harness.wait import until

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

SETTLE_SECONDS = 1.0


def test_three_pods_that_like_one_node_go_to_three_nodes(company: Company) -> None:
    nodes = [company.node(name) for name in "abcd"]
    storage = [company.storage(node, 3) for node in nodes][-1]
    bodies = [
        company.pod(
            f"pod-{number}",
            claim=company.claim(f"claim-{number}"),
            volume=company.volume_claim(f"data-{number}", storage),
            **preferring(nodes[0]),
        )
        for number in range(3)
    ]
    names = company.create(*bodies)
    company.kubelet.wait_running(company.scene.namespace, *names)
    assert len(set(company.bound().values())) == 3
    assert nodes[0] in company.bound().values()


def test_eight_pods_fill_four_nodes_of_two_devices(company: Company) -> None:
    nodes = [company.node(name, 2) for name in "abcd"]
    storage = [company.storage(node, 3) for node in nodes][-1]
    template = company.template()
    bodies = [
        company.pod(
            f"pod-{number}", template=template, volume=company.volume_claim(f"data-{number}", storage)
        )
        for number in range(8)
    ]
    names = company.create(*bodies)
    company.kubelet.wait_running(company.scene.namespace, *names)
    taken = list(company.bound().values())
    assert sorted(taken.count(node) for node in nodes) == [2, 2, 2, 2]


def test_a_pod_deleted_before_it_is_bound_leaves_its_device_to_the_next(company: Company) -> None:
    """Its volume is never bound: there is no volume for it, and kube-scheduler waits with the Pod."""
    node = company.node("a")
    company.storage(node, 1)
    template = company.template()
    storage = company.storage(node, 0)
    first = company.pod("first", template=template, volume=company.volume_claim("one", storage))
    company.create(first)
    company.scene.api.delete("Pod", "first", company.scene.namespace, grace=0)
    until(lambda: not company.scene.api.list("ResourceClaim", company.scene.namespace), "the claim is gone")
    # In-tree counts the device as taken until its attempt has failed. A Pod that is refused in that moment
    # waits for another event, or for five minutes.
    time.sleep(SETTLE_SECONDS)
    second = company.create(company.pod("second", template=template))
    company.kubelet.wait_running(company.scene.namespace, *second)


def test_pods_that_keep_apart_and_want_one_port_each_get_a_node(company: Company) -> None:
    for name in "abc":
        company.node(name, 2)
    template = company.template()
    bodies = [company.pod(f"apart-{number}", template=template, **apart("apart")) for number in range(3)]
    for number in range(3):
        body = company.pod(f"port-{number}", template=template)
        body["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 8080}]
        bodies.append(body)
    names = company.create(*bodies)
    company.kubelet.wait_running(company.scene.namespace, *names)
    bound = company.bound()
    for kind in ("apart", "port"):
        assert len({bound[name] for name in names if name.startswith(kind)}) == 3


def test_pods_go_where_their_volumes_are_already(company: Company) -> None:
    nodes = [company.node(name) for name in "abc"]
    names = []
    for number, node in enumerate(nodes[1:]):
        volume = company.volume_claim(f"data-{number}", company.storage(node, 1, immediate=True))
        until(lambda volume=volume: company.is_bound(volume), "the volume is bound before there is a Pod")
        claim = company.claim(f"claim-{number}")
        body = company.pod(f"pod-{number}", claim=claim, volume=volume, **preferring(nodes[0]))
        names += company.create(body)
    company.kubelet.wait_running(company.scene.namespace, *names)
    assert sorted(company.bound().values()) == sorted(nodes[1:])


def test_pods_go_where_volumes_may_be_made(company: Company) -> None:
    """One device each on four nodes, volumes for two of them: the third Pod has a device, but no volume."""
    nodes = [company.node(name) for name in "abcd"]
    storage, template = company.provisioned(*nodes[2:]), company.template()
    volumes = [company.volume_claim(f"data-{number}", storage) for number in range(3)]
    for number, volume in enumerate(volumes):
        body = company.pod(f"pod-{number}", template=template, volume=volume, **preferring(nodes[0]))
        company.create(body)
    chosen = until(
        lambda: len(found := {v: n for v in volumes if (n := company.selected_node(v))}) == 2 and found,
        "kube-scheduler has chosen nodes for two Pods",
    )
    assert sorted(chosen.values()) == nodes[2:]
    for volume in chosen:
        company.provision(volume)
    until(lambda: len(company.bound()) == 2, "two Pods are bound")
    assert sorted(company.bound().values()) == nodes[2:]
    assert len(company.allocated()) == 2


@pytest.mark.parametrize(
    ("when", "bound"),
    [
        pytest.param("DoNotSchedule", [1, 2], id="hard"),
        pytest.param("ScheduleAnyway", [1, 3], id="soft"),
    ],
)
def test_pods_spread_as_far_as_the_devices_go(company: Company, when: str, bound: list[int]) -> None:
    nodes = [company.node("a", 3), company.node("b", 1)]
    template = company.template()
    bodies = [company.pod(f"pod-{n}", template=template, **spread("pod", when)) for n in range(4)]
    company.create(*bodies)
    until(lambda: len(company.bound()) == sum(bound), "as many as may are bound")
    taken = list(company.bound().values())
    assert sorted(taken.count(node) for node in nodes) == bound
    if sum(bound) < len(bodies):
        until(company.failures, "the last one is refused")
        assert len(company.allocated()) == sum(bound)


def test_pods_that_would_rather_spread_do_where_there_is_room(company: Company) -> None:
    nodes = [company.node(name, 4) for name in "abcd"]
    template = company.template()
    bodies = [company.pod(f"pod-{n}", template=template, **spread("pod", "ScheduleAnyway")) for n in range(4)]
    names = company.create(*bodies)
    company.kubelet.wait_running(company.scene.namespace, *names)
    assert sorted(company.bound().values()) == nodes
