"""Devices beside volumes that are bound after the choice of a node, ports, and Pods that keep apart."""

import pytest
from harness.company import Company, apart, preferring

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]


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
    company.kubelet.wait_running(company.scene.namespace, *names, seconds=20)
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
    company.kubelet.wait_running(company.scene.namespace, *names, seconds=20)
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
    second = company.create(company.pod("second", template=template))
    company.kubelet.wait_running(company.scene.namespace, *second, seconds=20)


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
    company.kubelet.wait_running(company.scene.namespace, *names, seconds=20)
    bound = company.bound()
    for kind in ("apart", "port"):
        assert len({bound[name] for name in names if name.startswith(kind)}) == 3
