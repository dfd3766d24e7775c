"""From documents to objects: kinds, lists, and what stays when a part is missing."""

from typing import Any

import pytest

from app.core.model.device_class import DeviceClass
from app.core.model.errors import ObjectError, ObjectRef, path_text
from app.core.model.meta import OwnerReference
from app.core.model.node import Node
from app.core.model.parse import flatten, parse, ref_of, reread_claim, reread_pod
from app.core.model.pod import Pod
from app.core.model.pod_claim import PodClaim
from app.core.model.quantity import parse_quantity
from app.core.model.resource_claim import Condition, ConsumerReference, ResourceClaim, ResourceClaimTemplate
from app.core.model.resource_slice import DeviceId, PoolId, ResourceSlice


def raw(kind: str, name: str = "x", api: str = "resource.k8s.io/v1", **rest: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}} | rest


def test_a_node() -> None:
    node = parse(
        raw(
            "Node",
            api="v1",
            spec={"unschedulable": True, "taints": [{"key": "k", "effect": "NoSchedule"}]},
            status={"allocatable": {"cpu": "4", "memory": "16Gi"}, "declaredFeatures": ["A"]},
        )
    )
    assert isinstance(node, Node)
    assert node.name == "x"
    assert node.unschedulable
    assert node.taints[0].key == "k"
    assert node.allocatable["cpu"] == parse_quantity("4000m")
    assert node.declared_features == ("A",)


def test_a_slice() -> None:
    result = parse(
        raw(
            "ResourceSlice",
            spec={
                "driver": "d",
                "pool": {"name": "p", "generation": 3, "resourceSliceCount": 2},
                "perDeviceNodeSelection": True,
                "sharedCounters": [{"name": "set", "counters": {"memory": {"value": "80Gi"}}}],
                "devices": [
                    {
                        "name": "dev",
                        "nodeName": "n",
                        "consumesCounters": [
                            {"counterSet": "set", "counters": {"memory": {"value": "10Gi"}}}
                        ],
                        "bindsToNode": True,
                        "bindingConditions": ["Ready"],
                        "allowMultipleAllocations": True,
                        "capacity": {"memory": {"value": "10Gi", "requestPolicy": {"validValues": ["1Gi"]}}},
                    }
                ],
            },
        )
    )
    assert isinstance(result, ResourceSlice)
    assert (result.pool_id, result.generation, result.slice_count) == (PoolId("d", "p"), 3, 2)
    assert str(result.pool_id) == "d/p"
    device = result.devices[0]
    assert (device.node_name, device.binds_to_node, device.binding_conditions) == ("n", True, ("Ready",))
    assert device.allow_multiple_allocations
    assert device.consumes_counters[0].counters["memory"] < result.shared_counters[0].counters["memory"]
    policy = device.shape.capacity["memory"].policy
    assert policy is not None
    assert policy.valid_values == (parse_quantity("1Gi"),)
    assert policy.valid_range is None
    assert result.node_name is None


def test_a_claim_with_status() -> None:
    claim = parse(
        raw(
            "ResourceClaim",
            metadata={
                "name": "x",
                "namespace": "team",
                "uid": "u",
                "resourceVersion": "7",
                "finalizers": ["f"],
                "deletionTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [
                    {"kind": "Job", "name": "j", "uid": "1"},
                    {"kind": "Pod", "name": "p", "uid": "2", "controller": True},
                ],
            },
            spec={},
            status={
                "allocation": {
                    "devices": {
                        "results": [{"request": "r", "driver": "d", "pool": "p", "device": "dev"}],
                    }
                },
                "reservedFor": [{"resource": "pods", "name": "p", "uid": "2"}],
                "devices": [
                    {
                        "driver": "d",
                        "pool": "p",
                        "device": "dev",
                        "conditions": [{"type": "Ready", "status": "True"}],
                    }
                ],
            },
        )
    )
    assert isinstance(claim, ResourceClaim)
    assert claim.meta.key == ("team", "x")
    assert claim.meta.controller == OwnerReference("Pod", "p", "2", controller=True)
    assert claim.meta.deleted is not None
    assert claim.allocation is not None
    assert claim.allocation.devices[0].device == DeviceId("d", "p", "dev")
    assert claim.allocation.devices[0].device.pool_id == PoolId("d", "p")
    assert claim.allocation.node_selector is None
    assert claim.reserved_for == (ConsumerReference("", "pods", "p", "2"),)
    assert claim.device_status[0].conditions == (Condition("Ready", "True"),)


def test_defaults_of_the_api_server() -> None:
    spec = {
        "devices": {
            "requests": [
                {"name": "a", "exactly": {"deviceClassName": "c"}},
                {"name": "b", "exactly": {"deviceClassName": "c", "allocationMode": "All"}},
            ]
        }
    }
    claim = parse(raw("ResourceClaim", spec=spec))
    assert isinstance(claim, ResourceClaim)
    assert claim.meta.namespace == "default"
    one, every = (request.exactly for request in claim.spec.requests)
    assert one is not None
    assert every is not None
    assert (one.allocation_mode, one.count) == ("ExactCount", 1)
    assert (every.allocation_mode, every.count) == ("All", 0)
    assert one.capacity is None
    assert one.admin_access is None


def test_claims_of_one_template_have_equal_specs_with_equal_hashes() -> None:
    spec = {
        "devices": {
            "requests": [
                {
                    "name": "a",
                    "exactly": {"deviceClassName": "c", "capacity": {"requests": {"memory": "1Gi"}}},
                }
            ],
            "config": [{"requests": ["a"], "opaque": {"driver": "d", "parameters": {"x": [1, {"y": 2}]}}}],
        }
    }
    template = parse(raw("ResourceClaimTemplate", spec={"metadata": {"labels": {"a": "b"}}, "spec": spec}))
    claim = parse(raw("ResourceClaim", spec=spec))
    assert isinstance(template, ResourceClaimTemplate)
    assert isinstance(claim, ResourceClaim)
    assert template.spec == claim.spec
    assert hash(template.spec) == hash(claim.spec)
    assert template.claim_meta.labels == {"a": "b"}


def test_a_class_keeps_its_configuration_as_it_is() -> None:
    opaque = {"driver": "d", "parameters": {"deep": {"er": [1, 2]}}}
    device_class = parse(
        raw(
            "DeviceClass",
            spec={
                "selectors": [{"cel": {"expression": "true"}}, {"next": {}}],
                "config": [{"opaque": opaque}],
                "extendedResourceName": "example.com/gpu",
            },
        )
    )
    assert isinstance(device_class, DeviceClass)
    assert device_class.selectors == ("true", None)
    assert device_class.config[0].raw == {"opaque": opaque}
    assert device_class.extended_resource_name == "example.com/gpu"


def test_a_pod_with_claims() -> None:
    pod = parse(
        raw(
            "Pod",
            api="v1",
            metadata={"generateName": "p-", "namespace": "team"},
            spec={
                "nodeName": "n",
                "schedulerName": "dra-scheduler",
                "priority": 5,
                "resourceClaims": [
                    {"name": "a", "resourceClaimName": "shared"},
                    {"name": "b", "resourceClaimTemplateName": "t"},
                ],
                "schedulingGates": [{"name": "wait"}],
            },
            status={
                "phase": "Succeeded",
                "resourceClaimStatuses": [{"name": "b", "resourceClaimName": "p-b-x1"}, {"name": "c"}],
                "extendedResourceClaimStatus": {"resourceClaimName": "ext", "requestMappings": []},
            },
        )
    )
    assert isinstance(pod, Pod)
    assert pod.claims == (PodClaim("a", "shared"), PodClaim("b", None, "t"))
    assert pod.claim_statuses == {"b": "p-b-x1", "c": None}
    assert (pod.node_name, pod.priority, pod.extended_claim, pod.finished) == ("n", 5, "ext", True)
    assert pod.scheduling_gates == ("wait",)
    assert pod.meta.generate_name == "p-"


KINDS = {
    "core-kind-in-a-group": (
        {"apiVersion": "apps/v1", "kind": "Pod"},
        "apiVersion",
        "a Pod is in group 'core'",
    ),
    "job-in-core": ({"apiVersion": "v1", "kind": "Job"}, "apiVersion", "'batch'"),
    "claim-in-core": ({"apiVersion": "v1", "kind": "ResourceClaim"}, "apiVersion", "'resource.k8s.io'"),
    "unknown-kind": ({"apiVersion": "v1", "kind": "Service"}, "kind", "Service is an unknown kind"),
    "no-kind": ({"apiVersion": "v1"}, "kind", "is missing"),
    "no-version": ({"kind": "Pod"}, "apiVersion", "is missing"),
    "kind-of-wrong-type": ({"apiVersion": "v1", "kind": ["Pod"]}, "kind", "must be a string"),
    "version-of-wrong-type": ({"apiVersion": 1, "kind": "Pod"}, "apiVersion", "must be a string"),
    "no-object": ("Pod", "", "is not a Kubernetes object"),
    "null": (None, "", "is not a Kubernetes object"),
    "list": ([], "", "is not a Kubernetes object"),
}


@pytest.mark.parametrize(("document", "path", "reason"), KINDS.values(), ids=KINDS)
def test_documents_that_are_no_known_object(document: Any, path: str, reason: str) -> None:
    with pytest.raises(ObjectError) as caught:
        parse(document)
    assert caught.value.path == path
    assert reason in caught.value.reason


REFS = {
    "namespaced": (raw("Pod", "p"), ObjectRef("Pod", "default", "p"), "Pod default/p"),
    "cluster-wide": (raw("Node", "n"), ObjectRef("Node", "", "n"), "Node n"),
    "generated-name": (
        {"kind": "Job", "metadata": {"generateName": "j-", "namespace": "team"}},
        ObjectRef("Job", "team", "j-"),
        "Job team/j-",
    ),
    "metadata-of-wrong-type": ({"kind": "Node", "metadata": []}, ObjectRef("Node", "", "(no name)"), None),
    "nothing-known": (7, ObjectRef("object", "", "(no name)"), "object (no name)"),
}


@pytest.mark.parametrize(("document", "ref", "text"), REFS.values(), ids=REFS)
def test_an_object_is_named_however_broken_it_is(document: Any, ref: ObjectRef, text: str | None) -> None:
    assert ref_of(document) == ref
    assert text is None or str(ref) == text


def test_paths_are_written_as_kubernetes_does() -> None:
    assert path_text(("spec", "devices", 0, "attributes", "example.com/color", "int")) == (
        "spec.devices[0].attributes[example.com/color].int"
    )
    assert path_text(()) == ""


LISTS = {
    "kind-list": ({"kind": "List", "apiVersion": "v1", "items": [raw("Node", "a"), raw("Pod", "b")]}, 2),
    "typed-list": ({"kind": "NodeList", "apiVersion": "v1", "items": [raw("Node", "a")]}, 1),
    "empty-list": ({"kind": "List", "items": []}, 0),
    "one-object": (raw("Node", "a"), 1),
    "nothing": (None, 0),
}


@pytest.mark.parametrize(("document", "count"), LISTS.values(), ids=LISTS)
def test_lists_are_opened(document: Any, count: int) -> None:
    items = list(flatten([document]))
    assert len(items) == count
    assert all(item["kind"] in ("Node", "Pod") for item in items)


def test_items_of_a_typed_list_get_its_kind_and_version() -> None:
    items = list(
        flatten(
            [
                {
                    "kind": "ResourceSliceList",
                    "apiVersion": "resource.k8s.io/v1beta1",
                    "items": [{"metadata": {"name": "s"}}, 7],
                },
                None,
                raw("Node", "n"),
            ]
        )
    )
    assert items[0] == {
        "apiVersion": "resource.k8s.io/v1beta1",
        "kind": "ResourceSlice",
        "metadata": {"name": "s"},
    }
    assert items[1] == 7
    assert items[2]["kind"] == "Node"


def test_what_is_no_list_stays_whole() -> None:
    odd = [{"kind": "List", "items": {}}, {"kind": 3, "items": []}, "text", {"kind": "Pod", "items": []}]
    assert list(flatten(odd)) == odd


def test_a_claim_that_is_known_is_read_again_but_for_its_spec() -> None:
    first = raw(
        "ResourceClaim", spec={"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}
    )
    first["metadata"] |= {"uid": "u", "resourceVersion": "1"}
    before = parse(first)
    assert isinstance(before, ResourceClaim)
    reserved = [{"resource": "pods", "name": "p", "uid": "v"}]
    later = first | {
        "metadata": first["metadata"] | {"resourceVersion": "2"},
        "status": {"reservedFor": reserved},
    }
    after = reread_claim(later, before)
    assert after.spec is before.spec
    assert after == parse(later)


@pytest.mark.parametrize(
    ("what", "other", "path"),
    [
        (
            "another claim",
            raw("ResourceClaim", spec={}) | {"metadata": {"name": "x", "uid": "w"}},
            "metadata.uid",
        ),
        ("another kind", raw("ResourceSlice", spec={}), "kind"),
        ("no object", None, ""),
    ],
)
def test_what_is_not_the_claim_that_is_known_is_not_read_as_it(what: str, other: Any, path: str) -> None:
    before = parse(raw("ResourceClaim", spec={}))
    assert isinstance(before, ResourceClaim)
    with pytest.raises(ObjectError) as caught:
        reread_claim(other, before)
    assert caught.value.path == path, what


OWNER = {"kind": "Job", "name": "j", "uid": "o"}


def a_pod(metadata: dict[str, Any], spec: dict[str, Any], status: dict[str, Any] | None = None) -> Any:
    about = {"name": "p", "namespace": "default", "uid": "u", "resourceVersion": "1", "generation": 1}
    spread = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}
    plain = {
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}],
        "topologySpreadConstraints": [spread | {"labelSelector": {}, "matchLabelKeys": ["hash"]}],
    }
    labels = {"labels": {"hash": "x"}}
    return raw("Pod", api="v1", spec=plain | spec) | {
        "metadata": about | labels | metadata,
        "status": status or {},
    }


@pytest.mark.parametrize(
    ("what", "later", "read_again"),
    [
        ("it is bound", a_pod({"resourceVersion": "2"}, {"nodeName": "n"}), False),
        ("its status changes", a_pod({"resourceVersion": "2"}, {}, {"phase": "Running"}), False),
        ("it is to be deleted", a_pod({"deletionTimestamp": "2026-01-31T00:00:00Z"}, {}), False),
        ("its spec changes", a_pod({"generation": 2}, {"tolerations": []}), True),
        ("its labels change", a_pod({"labels": {"hash": "y"}}, {}), True),
        (
            "its owners change",
            a_pod({"ownerReferences": [{"kind": "Job", "name": "j", "uid": "o"}]}, {}),
            True,
        ),
        ("it is another of its name", a_pod({"uid": "v"}, {"tolerations": []}), True),
        ("generations are unknown", a_pod({"generation": None}, {"tolerations": []}), True),
    ],
)
def test_the_spec_of_a_known_pod_is_read_again_only_if_it_may_have_changed(
    what: str, later: Any, read_again: bool
) -> None:
    before = parse(a_pod({}, {}))
    assert isinstance(before, Pod)
    after = reread_pod(later, before)
    assert after == parse(later), what
    assert after.generation == (later["metadata"]["generation"] or 0), what
    assert (after.tolerations is not before.tolerations) == read_again, what


def test_without_a_generation_the_spec_of_a_pod_is_always_read() -> None:
    before = parse(a_pod({"generation": None}, {}))
    assert isinstance(before, Pod)
    later = a_pod({"generation": None}, {"tolerations": []})
    assert reread_pod(later, before) == parse(later)


@pytest.mark.parametrize(
    ("what", "other", "path"),
    [
        ("another kind", raw("ResourceSlice", spec={}), "kind"),
        ("a node that is no name", a_pod({}, {"nodeName": 3}), "spec.nodeName"),
        ("a generation that is no number", a_pod({"generation": "1"}, {}), "metadata.generation"),
        ("a phase that is no text", a_pod({}, {}, {"phase": 3}), "status.phase"),
    ],
)
def test_what_is_wrong_with_a_known_pod_is_told_as_of_any_other(what: str, other: Any, path: str) -> None:
    before = parse(a_pod({}, {}))
    assert isinstance(before, Pod)
    with pytest.raises(ObjectError) as caught:
        reread_pod(other, before)
    assert caught.value.path == path, what
