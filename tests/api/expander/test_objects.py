"""Pods and Nodes in Protocol Buffers, compared with Kubernetes' own types."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.api.expander import objects
from app.api.expander.objects import read_raw
from app.api.expander.protobuf import FieldBudget, Message, MessageOf, boolean, integer, text
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from tests.objects import pod as small_pod

LABELS = {"matchLabels": {"app": "x"}, "matchExpressions": [{"key": "k", "operator": "In", "values": ["a"]}]}
TERM = {"matchExpressions": [{"key": "k", "operator": "Gt", "values": ["5"]}]}
NEAR = {
    "topologyKey": "zone",
    "labelSelector": LABELS,
    "namespaces": ["a", "b"],
    "namespaceSelector": {"matchLabels": {"team": "x"}},
}
AMOUNTS = {"requests": {"cpu": "1500m", "example.com/gpu": "2"}, "limits": {"memory": "1Gi"}}
POD: JsonObject = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "train-0",
        "namespace": "ml",
        "uid": "6c1c",
        "resourceVersion": "812",
        "creationTimestamp": "2026-11-30T06:51:38Z",
        "deletionTimestamp": "2026-11-30T06:52:38Z",
        "labels": {"app": "train", "empty": ""},
        "annotations": {"note": "größer"},
        "finalizers": ["example.com/f"],
        "ownerReferences": [
            {"apiVersion": "batch/v1", "kind": "Job", "name": "train", "uid": "j", "controller": True}
        ],
    },
    "spec": {
        "containers": [{"name": "c", "image": "x", "resources": AMOUNTS}, {"name": "d", "resources": {}}],
        "initContainers": [{"name": "i", "restartPolicy": "Always", "resources": AMOUNTS}],
        "overhead": {"cpu": "10m"},
        "resources": {"requests": {"cpu": "2"}},
        "nodeSelector": {"disk": "ssd"},
        "schedulerName": "dra-scheduler",
        "priority": -5,
        "preemptionPolicy": "Never",
        "resourceClaims": [
            {"name": "own", "resourceClaimName": "shared"},
            {"name": "made", "resourceClaimTemplateName": "gpu"},
        ],
        "schedulingGates": [{"name": "example.com/wait"}],
        "schedulingGroup": {"podGroupName": "g"},
        "tolerations": [
            {"key": "t", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
            {"key": "u", "value": "v"},
        ],
        "topologySpreadConstraints": [
            {
                "maxSkew": 2,
                "topologyKey": "zone",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": LABELS,
                "minDomains": 3,
                "nodeAffinityPolicy": "Ignore",
                "nodeTaintsPolicy": "Honor",
                "matchLabelKeys": ["app"],
            }
        ],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        TERM | {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}
                    ]
                },
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 7, "preference": TERM}],
            },
            "podAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [NEAR],
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 9, "podAffinityTerm": NEAR}],
            },
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": NEAR}],
            },
        },
    },
    "status": {
        "phase": "Pending",
        "startTime": "2026-11-30T06:51:39Z",
        "nominatedNodeName": "n1",
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
        ],
        "resourceClaimStatuses": [{"name": "made", "resourceClaimName": "train-0-gpu"}, {"name": "none"}],
        "extendedResourceClaimStatus": {"resourceClaimName": "train-0-extended", "requestMappings": []},
    },
}
NODE: JsonObject = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "template-node-for-gpus", "labels": {"kubernetes.io/hostname": "x"}},
    "spec": {"unschedulable": True, "providerID": "p", "taints": [{"key": "k", "effect": "NoSchedule"}]},
    "status": {"allocatable": {"cpu": "8", "memory": "64Gi"}, "declaredFeatures": ["F"], "phase": "Running"},
}


@pytest.fixture(scope="session")
def types(cluster_autoscaler: Path) -> dict[str, Any]:
    """The fields of Kubernetes' types by type and number."""
    return json.loads(subprocess.run([cluster_autoscaler, "fields"], check=True, capture_output=True).stdout)


def marshaled(program: Path, raw: JsonObject) -> memoryview:
    line = json.dumps(raw).encode() + b"\n"
    found = subprocess.run([program, "marshal"], check=True, input=line, capture_output=True)
    return memoryview(base64.b64decode(json.loads(found.stdout)))


@pytest.mark.oracle
@pytest.mark.parametrize("raw", [POD, NODE, small_pod("p", "c")], ids=["Pod", "Node", "small Pod"])
def test_an_object_is_read_as_its_json(cluster_autoscaler: Path, raw: JsonObject) -> None:
    data = marshaled(cluster_autoscaler, raw)
    assert parse(read_raw(raw["kind"], data, FieldBudget())) == parse(raw)


@pytest.mark.oracle
def test_times_that_are_not_set_are_absent(cluster_autoscaler: Path) -> None:
    meta = read_raw("Pod", marshaled(cluster_autoscaler, small_pod("p")), FieldBudget())["metadata"]
    assert meta.keys() <= {"name", "namespace", "uid"}


KINDS = {"string": text, "int32": integer, "int64": integer, "bool": boolean}
SPECIAL = {"v1.Time": objects._time, "resource.Quantity": objects._quantity}


def differences(types: dict[str, Any], kind: str, table: Message) -> list[str]:
    found = []
    for number, field in table.items():
        theirs = types[kind].get(str(number))
        if theirs is None or (theirs["name"], theirs["many"]) != (field.name, field.many):
            found.append(f"{kind} {number}: {field.name} {field.many} is {theirs}")
        elif isinstance(field.read, MessageOf):
            found += differences(types, theirs["type"], field.read.table)
        elif field.read is not (KINDS | SPECIAL).get(theirs["type"]):
            found.append(f"{kind}.{field.name} is {theirs['type']}")
    return found


@pytest.mark.oracle
@pytest.mark.parametrize(("kind", "table"), [("v1.Pod", objects.POD), ("v1.Node", objects.NODE)])
def test_the_fields_are_those_of_kubernetes(types: dict[str, Any], kind: str, table: Message) -> None:
    assert differences(types, kind, table) == []


@pytest.mark.oracle
def test_a_wrong_number_is_found(types: dict[str, Any]) -> None:
    shifted = {number + 1: field for number, field in objects.TOLERATION.items()}
    assert len(differences(types, "v1.Toleration", shifted)) == len(shifted)
