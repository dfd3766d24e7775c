"""Claims and nodes that change under a Pod between filter and bind, or that it cannot use any more."""

import time

import pytest
from harness import objects
from harness.company import EXTENDER, GANG_LABEL, Company
from harness.wait import until

from app.core.json_object import JsonObject

pytestmark = [pytest.mark.e2e, pytest.mark.kubernetes(since="1.37")]

PROTECTED = {"metadata": {"finalizers": ["resource.kubernetes.io/delete-protection"]}}
# Two of kube-scheduler's back-offs.
QUIET_SECONDS = 4


def allocate(company: Company, claim: str, node: str) -> JsonObject:
    """What a scheduler leaves that ends before it reserves the claim for a Pod. Returns the allocation."""
    device = company.slice_of(node)["spec"]["devices"][0]["name"]
    # The plugin adds the time where it is missing, which the API server refuses.
    made = objects.allocation(node, device) | {"allocationTimestamp": "2026-01-01T00:00:00Z"}
    status = {"status": {"allocation": made}}
    api, namespace = company.scene.api, company.scene.namespace
    api.patch("ResourceClaim", claim, PROTECTED, namespace)
    written = api.patch("ResourceClaim", claim, status, namespace, subresource="status")
    return written["status"]["allocation"]


def create_nominated(company: Company, body: JsonObject, node: str) -> None:
    """A Pod whose status names a node before its first attempt."""
    api, namespace, name = company.scene.api, company.scene.namespace, body["metadata"]["name"]
    body["spec"]["schedulingGates"] = [{"name": "example.com/wait"}]
    company.create(body)
    api.patch("Pod", name, {"status": {"nominatedNodeName": node}}, namespace, subresource="status")
    api.patch("Pod", name, {"spec": {"schedulingGates": None}}, namespace)


def test_a_pod_that_does_not_fit_on_its_nominated_node_runs_elsewhere(company: Company) -> None:
    without, node = company.node("without", 0), company.node("with")
    create_nominated(company, company.pod("pod", claim=company.claim("one")), without)
    company.kubelet.wait_running(company.scene.namespace, "pod")
    assert company.bound() == {"pod": node}
    assert company.failures() == []


def test_a_claim_that_keeps_a_pod_from_its_nominated_node_only_stays_as_it_is(company: Company) -> None:
    nominated, node = company.node("a"), company.node("b")
    before = allocate(company, company.claim("one"), node)
    create_nominated(company, company.pod("pod", claim="one"), nominated)
    company.kubelet.wait_running(company.scene.namespace, "pod")
    assert company.scene.claim("one")["status"]["allocation"] == before


LABELS = pytest.mark.parametrize("label", ["", GANG_LABEL], ids=["alone", "labelled"])


@LABELS
def test_a_claim_on_a_node_that_its_pod_may_not_use_is_allocated_again(company: Company, label: str) -> None:
    nodes = [company.node(name) for name in "abc"]
    allocate(company, company.claim("one"), nodes[0])
    pods = [company.pod("one", claim="one", node=nodes[1])]
    if label:
        pods.append(company.pod("two", claim=company.claim("two"), node=nodes[2]))
    for body in pods:
        body["metadata"]["labels"] |= {label: "group"} if label else {}
    names = company.create(*pods)
    company.kubelet.wait_running(company.scene.namespace, *names, seconds=30)
    assert company.bound()["one"] == nodes[1]


def test_a_claim_keeps_its_devices_where_the_pod_lacks_others_too(company: Company) -> None:
    nodes = [company.node(name) for name in "ab"]
    company.create(company.pod("holder", claim=company.claim("held"), node=nodes[1]))
    company.kubelet.wait_running(company.scene.namespace, "holder")
    before = allocate(company, company.claim("one"), nodes[0])
    body = company.pod("pod", node=nodes[1])
    claims = {"x": "one", "y": company.claim("two")}
    body["spec"]["resourceClaims"] = [
        {"name": name, "resourceClaimName": claim} for name, claim in claims.items()
    ]
    body["spec"]["containers"][0]["resources"] = {"claims": [{"name": name} for name in claims]}
    company.create(body)
    until(company.failures, "the Pod is refused")
    time.sleep(QUIET_SECONDS)
    assert company.scene.claim("one")["status"]["allocation"] == before


def test_a_claim_that_is_made_again_while_its_pod_waits_for_a_volume_gets_devices(company: Company) -> None:
    if company.scheduler != EXTENDER:
        pytest.skip("the plugin has written the claim by then, which cannot be deleted")
    company.node("a")
    volume = company.volume_claim("data", company.provisioned())
    company.create(company.pod("pod", claim=company.claim("one"), volume=volume))
    until(lambda: company.selected_node(volume), "the node is chosen")
    company.scene.api.delete("ResourceClaim", "one", company.scene.namespace)
    company.claim("one")
    company.provision(volume)
    company.kubelet.wait_running(company.scene.namespace, "pod")
    assert company.allocated() == ["one"]


def test_the_device_of_a_pod_that_fails_before_it_is_bound_goes_to_the_next(company: Company) -> None:
    company.node("a")
    volume = company.volume_claim("data", company.provisioned())
    company.create(company.pod("first", claim=company.claim("one"), volume=volume))
    until(lambda: company.selected_node(volume), "the node is chosen")
    company.create(company.pod("second", claim=company.claim("two")))
    until(company.failures, "the second Pod is refused")
    failed = {"status": {"phase": "Failed"}}
    company.scene.api.patch("Pod", "first", failed, company.scene.namespace, subresource="status")
    company.kubelet.wait_running(company.scene.namespace, "second")
