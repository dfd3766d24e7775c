"""A malformed object is one error that names the object, the field and the reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.errors import ObjectError
from app.core.model.parse import KINDS, flatten, parse
from app.core.model.workload import KINDS as WORKLOADS

RESOURCE = "resource.k8s.io/v1"
VERSIONS = {
    "PodDisruptionBudget": "policy/v1",
    "PodGroup": "scheduling.k8s.io/v1beta1",
    "Node": "v1",
    "Pod": "v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
} | dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"), "apps/v1")


def raw(kind: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": VERSIONS.get(kind, RESOURCE), "kind": kind, "metadata": {"name": "x"}} | rest


def slice_with(**spec: Any) -> dict[str, Any]:
    return raw("ResourceSlice", spec={"driver": "d", "pool": {"name": "p"}} | spec)


def device(**fields: Any) -> dict[str, Any]:
    return slice_with(devices=[{"name": "ok"}, {"name": "bad"} | fields])


def request(**fields: Any) -> dict[str, Any]:
    return raw(
        "ResourceClaim",
        spec={"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"} | fields}]}},
    )


def status(**fields: Any) -> dict[str, Any]:
    return raw("ResourceClaim", spec={}, status=fields)


def allocated(**fields: Any) -> dict[str, Any]:
    result = {"request": "r", "driver": "d", "pool": "p", "device": "dev"} | fields
    return status(allocation={"devices": {"results": [result]}})


def pod(**spec: Any) -> dict[str, Any]:
    return raw("Pod", spec=spec)


def container(**fields: Any) -> dict[str, Any]:
    return pod(containers=[{"name": "c"}, fields])


REQUEST = "spec.devices.requests[0].exactly"
RESULT = "status.allocation.devices.results[0]"
DEVICE = "spec.devices[1]"
AFFINITY = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"

MALFORMED = {
    # metadata
    "metadata": (raw("Node", metadata=[]), "metadata", "must be an object, not a list"),
    "no-name": (raw("Node", metadata={}), "metadata.name", "is missing"),
    "name": (raw("Node", metadata={"name": 7}), "metadata.name", "must be a string, not a number"),
    "namespace": (raw("Pod", metadata={"name": "x", "namespace": True}), "metadata.namespace", "a boolean"),
    "label": (
        raw("Node", metadata={"name": "x", "labels": {"example.com/a": 1}}),
        "metadata.labels[example.com/a]",
        "must be a string",
    ),
    "label-key": (
        raw("Node", metadata={"name": "x", "labels": {1: "a"}}),
        "metadata.labels",
        "the key 1 must be a string",
    ),
    "finalizer": (
        raw("ResourceClaim", metadata={"name": "x", "finalizers": ["a", None]}),
        "metadata.finalizers[1]",
        "must be a string, not null",
    ),
    "owner": (
        raw("Pod", metadata={"name": "x", "ownerReferences": [{"controller": "yes"}]}),
        "metadata.ownerReferences[0].controller",
        "must be true or false, not a string",
    ),
    "list-items": ({"kind": "List", "apiVersion": "v1", "items": {"a": "b"}}, "items", "must be a list"),
    "typed-list-items": ({"kind": "PodList", "apiVersion": "v1", "items": "x"}, "items", "must be a list"),
    "priority-of-many-digits": (
        pod(priority=float("9" * 400)),
        "spec.priority",
        "does not fit into 64 bits",
    ),
    # Node
    "node-spec": (raw("Node", spec="x"), "spec", "must be an object, not a string"),
    "node-status": (raw("Node", status=7), "status", "must be an object, not a number"),
    "node-taints": (raw("Node", spec={"taints": {}}), "spec.taints", "must be a list, not an object"),
    "node-taint": (raw("Node", spec={"taints": ["k"]}), "spec.taints[0]", "must be an object"),
    "node-unschedulable": (
        raw("Node", spec={"unschedulable": 1}),
        "spec.unschedulable",
        "must be true or false, not a number",
    ),
    "node-allocatable": (
        raw("Node", status={"allocatable": {"cpu": "four"}}),
        "status.allocatable.cpu",
        "'four' is not a quantity",
    ),
    # ResourceSlice
    "slice-no-spec": (raw("ResourceSlice"), "spec", "is missing"),
    "slice-no-driver": (raw("ResourceSlice", spec={"pool": {"name": "p"}}), "spec.driver", "is missing"),
    "slice-no-pool": (raw("ResourceSlice", spec={"driver": "d"}), "spec.pool", "is missing"),
    "slice-pool": (slice_with(pool="p"), "spec.pool", "must be an object"),
    "slice-pool-name": (slice_with(pool={}), "spec.pool.name", "is missing"),
    "slice-generation": (
        slice_with(pool={"name": "p", "generation": "1"}),
        "spec.pool.generation",
        "must be a whole number, not a string",
    ),
    "slice-generation-fraction": (
        slice_with(pool={"name": "p", "generation": 1.5}),
        "spec.pool.generation",
        "must be a whole number, not a fraction",
    ),
    "slice-count-too-large": (
        slice_with(pool={"name": "p", "resourceSliceCount": 2**63}),
        "spec.pool.resourceSliceCount",
        "does not fit into 64 bits",
    ),
    "slice-count-boolean": (
        slice_with(pool={"name": "p", "resourceSliceCount": True}),
        "spec.pool.resourceSliceCount",
        "must be a whole number, not a boolean",
    ),
    "slice-node-selector": (
        slice_with(nodeSelector={"nodeSelectorTerms": "all"}),
        "spec.nodeSelector.nodeSelectorTerms",
        "must be a list",
    ),
    "slice-all-nodes": (slice_with(allNodes="true"), "spec.allNodes", "must be true or false"),
    "slice-devices": (slice_with(devices={}), "spec.devices", "must be a list, not an object"),
    "slice-counter": (
        slice_with(sharedCounters=[{"name": "s", "counters": {"m": {"value": "x"}}}]),
        "spec.sharedCounters[0].counters.m.value",
        "not a quantity",
    ),
    "slice-counter-without-value": (
        slice_with(sharedCounters=[{"name": "s", "counters": {"m": {}}}]),
        "spec.sharedCounters[0].counters.m.value",
        "is missing",
    ),
    # devices
    "device": (slice_with(devices=[7]), "spec.devices[0]", "must be an object, not a number"),
    "device-no-name": (slice_with(devices=[{}]), "spec.devices[0].name", "is missing"),
    "attributes": (device(attributes=[]), f"{DEVICE}.attributes", "must be an object"),
    "attribute": (device(attributes={"a": "b"}), f"{DEVICE}.attributes.a", "must be an object"),
    "attribute-int": (device(attributes={"a": {"int": "1"}}), f"{DEVICE}.attributes.a.int", "a whole number"),
    "attribute-string": (
        device(attributes={"a": {"string": 1}}),
        f"{DEVICE}.attributes.a.string",
        "a string",
    ),
    "attribute-bool": (
        device(attributes={"a": {"bool": "x"}}),
        f"{DEVICE}.attributes.a.bool",
        "true or false",
    ),
    "attribute-list": (
        device(attributes={"a": {"ints": 3}}),
        f"{DEVICE}.attributes.a.ints",
        "must be a list",
    ),
    "attribute-empty-list-type": (
        device(attributes={"a": {"strings": ""}}),
        f"{DEVICE}.attributes.a.strings",
        "must be a list",
    ),
    "attribute-item": (
        device(attributes={"a": {"ints": [1, "2"]}}),
        f"{DEVICE}.attributes.a.ints[1]",
        "a whole number",
    ),
    "capacity-without-value": (device(capacity={"m": {}}), f"{DEVICE}.capacity.m.value", "is missing"),
    "capacity-value": (
        device(capacity={"m": {"value": []}}),
        f"{DEVICE}.capacity.m.value",
        "must be a quantity (string or number), not",
    ),
    "capacity-policy": (
        device(capacity={"m": {"value": 1, "requestPolicy": {"validRange": {"min": "x"}}}}),
        f"{DEVICE}.capacity.m.requestPolicy.validRange.min",
        "not a quantity",
    ),
    "capacity-values": (
        device(capacity={"m": {"value": 1, "requestPolicy": {"validValues": ["1", "y"]}}}),
        f"{DEVICE}.capacity.m.requestPolicy.validValues[1]",
        "not a quantity",
    ),
    "device-taint": (device(taints=[{"key": 1}]), f"{DEVICE}.taints[0].key", "must be a string"),
    "device-node-name": (device(nodeName=1), f"{DEVICE}.nodeName", "must be a string"),
    "device-counters": (
        device(consumesCounters=[{"counters": {}}]),
        f"{DEVICE}.consumesCounters[0].counterSet",
        "is missing",
    ),
    "device-conditions": (
        device(bindingConditions="a"),
        f"{DEVICE}.bindingConditions",
        "must be a list, not a string",
    ),
    "device-shared": (
        device(allowMultipleAllocations=1),
        f"{DEVICE}.allowMultipleAllocations",
        "true or false",
    ),
    # DeviceClass, DeviceTaintRule
    "class-spec": (raw("DeviceClass", spec=[]), "spec", "must be an object"),
    "class-selectors": (raw("DeviceClass", spec={"selectors": {}}), "spec.selectors", "must be a list"),
    "class-cel": (
        raw("DeviceClass", spec={"selectors": [{"cel": "true"}]}),
        "spec.selectors[0].cel",
        "an object",
    ),
    "class-no-expression": (
        raw("DeviceClass", spec={"selectors": [{"cel": {}}]}),
        "spec.selectors[0].cel.expression",
        "is missing",
    ),
    "class-config": (raw("DeviceClass", spec={"config": [1]}), "spec.config[0]", "must be an object"),
    "rule-no-spec": (raw("DeviceTaintRule"), "spec", "is missing"),
    "budget-operator": (
        raw(
            "PodDisruptionBudget",
            spec={"selector": {"matchExpressions": [{"key": "k", "operator": "Is"}]}},
        ),
        "spec.selector.matchExpressions[0].operator",
        "must be one of In, NotIn, Exists, DoesNotExist",
    ),
    "group-minimum": (
        raw("PodGroup", spec={"schedulingPolicy": {"gang": {}}}),
        "spec.schedulingPolicy.gang.minCount",
        "is missing",
    ),
    "group-gang": (
        raw("PodGroup", spec={"schedulingPolicy": {"gang": [[1]]}}),
        "spec.schedulingPolicy.gang",
        "must be an object, not a list",
    ),
    "group-claim": (
        raw("PodGroup", spec={"resourceClaims": [{"name": "a"}]}),
        "spec.resourceClaims[0]",
        "exactly one of",
    ),
    "group-status": (
        raw("PodGroup", status={"resourceClaimStatuses": [{}]}),
        "status.resourceClaimStatuses[0].name",
        "is missing",
    ),
    "budget-allowed": (
        raw("PodDisruptionBudget", spec={}, status={"disruptionsAllowed": "1"}),
        "status.disruptionsAllowed",
        "must be a whole number",
    ),
    "rule-no-taint": (raw("DeviceTaintRule", spec={}), "spec.taint", "is missing"),
    "rule-selector": (
        raw("DeviceTaintRule", spec={"taint": {}, "deviceSelector": {"pool": 1}}),
        "spec.deviceSelector.pool",
        "must be a string",
    ),
    # ResourceClaim
    "claim-no-spec": (raw("ResourceClaim"), "spec", "is missing"),
    "claim-devices": (raw("ResourceClaim", spec={"devices": []}), "spec.devices", "must be an object"),
    "claim-requests": (
        raw("ResourceClaim", spec={"devices": {"requests": "r"}}),
        "spec.devices.requests",
        "must be a list",
    ),
    "request": (
        raw("ResourceClaim", spec={"devices": {"requests": [1]}}),
        "spec.devices.requests[0]",
        "an object",
    ),
    "request-no-name": (
        raw("ResourceClaim", spec={"devices": {"requests": [{"deviceClassName": "c"}]}}),
        "spec.devices.requests[0].name",
        "is missing",
    ),
    "exactly": (
        raw("ResourceClaim", spec={"devices": {"requests": [{"name": "r", "exactly": []}]}}),
        REQUEST,
        "must be an object",
    ),
    "class-name": (request(deviceClassName=7), f"{REQUEST}.deviceClassName", "must be a string"),
    "count": (request(count="2"), f"{REQUEST}.count", "must be a whole number, not a string"),
    "mode": (request(allocationMode=1), f"{REQUEST}.allocationMode", "must be a string"),
    "admin": (request(adminAccess="yes"), f"{REQUEST}.adminAccess", "must be true or false"),
    "selector": (request(selectors=["true"]), f"{REQUEST}.selectors[0]", "must be an object"),
    "expression": (
        request(selectors=[{"cel": {"expression": True}}]),
        f"{REQUEST}.selectors[0].cel.expression",
        "must be a string, not a boolean",
    ),
    "toleration": (
        request(tolerations=[{"tolerationSeconds": "1"}]),
        f"{REQUEST}.tolerations[0].tolerationSeconds",
        "a whole",
    ),
    "capacity": (
        request(capacity={"requests": {"m": "1 Gi"}}),
        f"{REQUEST}.capacity.requests.m",
        "not a quantity",
    ),
    "flat-count": (
        raw("ResourceClaim", spec={"devices": {"requests": [{"name": "r", "count": "2"}]}}),
        f"{REQUEST}.count",
        "must be a whole number",
    ),
    "subrequest-no-name": (
        raw("ResourceClaim", spec={"devices": {"requests": [{"name": "r", "firstAvailable": [{}]}]}}),
        "spec.devices.requests[0].firstAvailable[0].name",
        "is missing",
    ),
    "constraint": (
        raw("ResourceClaim", spec={"devices": {"constraints": [{"matchAttribute": 1}]}}),
        "spec.devices.constraints[0].matchAttribute",
        "must be a string",
    ),
    "claim-config": (
        raw("ResourceClaim", spec={"devices": {"config": [{"requests": "all"}]}}),
        "spec.devices.config[0].requests",
        "must be a list",
    ),
    "template-no-spec": (raw("ResourceClaimTemplate"), "spec", "is missing"),
    "template-no-inner-spec": (raw("ResourceClaimTemplate", spec={}), "spec.spec", "is missing"),
    "template-request": (
        raw("ResourceClaimTemplate", spec={"spec": {"devices": {"requests": [{"name": 1}]}}}),
        "spec.spec.devices.requests[0].name",
        "must be a string",
    ),
    "template-labels": (
        raw("ResourceClaimTemplate", spec={"spec": {}, "metadata": {"labels": []}}),
        "spec.metadata.labels",
        "must be an object",
    ),
    # status of a claim
    "status": (raw("ResourceClaim", spec={}, status=[]), "status", "must be an object"),
    "allocation": (status(allocation="yes"), "status.allocation", "must be an object"),
    "allocation-time": (
        status(allocation={"allocationTimestamp": "yesterday"}),
        "status.allocation.allocationTimestamp",
        "must be a time like",
    ),
    "allocation-time-zone": (
        status(allocation={"allocationTimestamp": "2026-01-01T00:00:00+99:99"}),
        "status.allocation.allocationTimestamp",
        "must be a time like",
    ),
    "allocation-devices": (status(allocation={"devices": []}), "status.allocation.devices", "an object"),
    "result-no-driver": (
        status(allocation={"devices": {"results": [{"pool": "p", "device": "d"}]}}),
        f"{RESULT}.driver",
        "is missing",
    ),
    "result-device": (allocated(device=3), f"{RESULT}.device", "must be a string"),
    "result-consumed": (
        allocated(consumedCapacity={"m": "x"}),
        f"{RESULT}.consumedCapacity.m",
        "not a quantity",
    ),
    "result-share": (allocated(shareID=1), f"{RESULT}.shareID", "must be a string"),
    "allocation-selector": (
        status(allocation={"nodeSelector": {"nodeSelectorTerms": [{"matchFields": [{"key": 1}]}]}}),
        "status.allocation.nodeSelector.nodeSelectorTerms[0].matchFields[0].key",
        "must be a string",
    ),
    "reserved-for": (status(reservedFor=["pod"]), "status.reservedFor[0]", "must be an object"),
    "device-status": (
        status(devices=[{"conditions": [{"type": 1}]}]),
        "status.devices[0].conditions[0].type",
        "must be a string",
    ),
    # Pod
    "pod-no-name": (raw("Pod", metadata={}, spec={}), "metadata.name", "is missing"),
    "pod-no-spec": (raw("Pod"), "spec", "is missing"),
    "pod-claim-without-source": (
        pod(resourceClaims=[{"name": "a"}]),
        "spec.resourceClaims[0]",
        "must set exactly one of",
    ),
    "pod-claim-with-two": (
        pod(resourceClaims=[{"name": "a", "resourceClaimName": "b", "resourceClaimTemplateName": "c"}]),
        "spec.resourceClaims[0]",
        "must set exactly one of",
    ),
    "pod-claim-no-name": (
        pod(resourceClaims=[{"resourceClaimName": "b"}]),
        "spec.resourceClaims[0].name",
        "is missing",
    ),
    "pod-node-selector": (
        pod(nodeSelector={"a": True}),
        "spec.nodeSelector.a",
        "must be a string, not a boolean",
    ),
    "pod-affinity": (pod(affinity=[]), "spec.affinity", "must be an object"),
    "pod-node-affinity": (
        pod(affinity={"nodeAffinity": 1}),
        "spec.affinity.nodeAffinity",
        "must be an object",
    ),
    "pod-required-affinity": (
        pod(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": []}}),
        AFFINITY,
        "must be an object",
    ),
    "pod-priority": (pod(priority="high"), "spec.priority", "must be a whole number"),
    "pod-toleration": (pod(tolerations=[[]]), "spec.tolerations[0]", "must be an object, not a list"),
    "pod-gate": (pod(schedulingGates=[{}]), "spec.schedulingGates[0].name", "is missing"),
    "pod-containers": (pod(containers={}), "spec.containers", "must be a list"),
    "container": (pod(initContainers=["a"]), "spec.initContainers[0]", "must be an object"),
    "container-resources": (container(resources=[]), "spec.containers[1].resources", "must be an object"),
    "container-request": (
        container(resources={"requests": {"cpu": "1core"}}),
        "spec.containers[1].resources.requests.cpu",
        "not a quantity",
    ),
    "container-limit": (
        container(resources={"limits": {"example.com/gpu": {}}}),
        "spec.containers[1].resources.limits[example.com/gpu]",
        "must be a quantity (string or number)",
    ),
    "pod-resources": (pod(resources={"limits": []}), "spec.resources.limits", "must be an object"),
    "pod-overhead": (
        pod(overhead={"cpu": None}),
        "spec.overhead.cpu",
        "must be a quantity (string or number), not",
    ),
    "pod-status": (raw("Pod", spec={}, status=1), "status", "must be an object"),
    "pod-claim-status": (
        raw("Pod", spec={}, status={"resourceClaimStatuses": [{}]}),
        "status.resourceClaimStatuses[0].name",
        "is missing",
    ),
    "pod-extended-claim": (
        raw("Pod", spec={}, status={"extendedResourceClaimStatus": {}}),
        "status.extendedResourceClaimStatus.resourceClaimName",
        "is missing",
    ),
    # workloads
    "job-no-spec": (raw("Job"), "spec", "is missing"),
    "job-no-template": (raw("Job", spec={}), "spec.template", "is missing"),
    "job-no-pod-spec": (raw("Job", spec={"template": {}}), "spec.template.spec", "is missing"),
    "job-no-name": (raw("Job", metadata={}, spec={"template": {"spec": {}}}), "metadata.name", "is missing"),
    "job-parallelism": (
        raw("Job", spec={"template": {"spec": {}}, "parallelism": "2"}),
        "spec.parallelism",
        "must be a whole number",
    ),
    "cron-job-template": (
        raw("CronJob", spec={"jobTemplate": {"spec": {"template": []}}}),
        "spec.jobTemplate.spec.template",
        "must be an object",
    ),
    "cron-job-no-job": (raw("CronJob", spec={"jobTemplate": {}}), "spec.jobTemplate.spec", "is missing"),
    "deployment-pod": (
        raw("Deployment", spec={"template": {"spec": {"resourceClaims": [{"name": "a"}]}}}),
        "spec.template.spec.resourceClaims[0]",
        "must set exactly one of",
    ),
    "deployment-pod-labels": (
        raw("Deployment", spec={"template": {"spec": {}, "metadata": {"labels": {"a": 1}}}}),
        "spec.template.metadata.labels.a",
        "must be a string",
    ),
}


@pytest.mark.parametrize(("document", "path", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_error_names_object_field_and_reason(document: Any, path: str, reason: str) -> None:
    with pytest.raises(ObjectError) as caught:
        parse(document)
    error = caught.value
    assert error.path == path
    assert reason in error.reason
    assert error.ref.kind == document["kind"]
    assert str(error) == f"{error.ref}: {path}: {error.reason}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "spec",
                    "devices",
                    "requests",
                    "name",
                    "exactly",
                    "template",
                    "containers",
                    "pool",
                    "metadata",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), json_values),
)
def test_any_json_is_an_object_or_an_object_error(kind: str, parts: dict[str, Any]) -> None:
    error = None
    try:
        parse(raw(kind) | parts)
    except ObjectError as caught:
        error = caught
    assert error is None or (error.ref.kind == kind and error.reason)


def test_the_table_covers_every_kind() -> None:
    kinds = {document["kind"] for document, _, _ in MALFORMED.values()}
    assert kinds >= KINDS - WORKLOADS | {"Job", "CronJob", "Deployment"}


def test_a_list_without_items_is_empty() -> None:
    for kind in ("List", "PodList"):
        assert list(flatten([{"apiVersion": "v1", "kind": kind, "items": None}])) == []
    custom = {"apiVersion": "example.com/v1", "kind": "AllowList", "spec": {}}
    assert list(flatten([custom])) == [custom]
