"""Snapshots without names: the same verdicts, and none of the names."""

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from fuzz import inventory
from fuzz.generator import case

from app.cli.anonymous.snapshots import anonymized
from app.core.json_object import JsonObject

if TYPE_CHECKING:
    from conftest import Cli

ROOT = Path(__file__).parents[2]


def verdicts(request: JsonObject) -> list[tuple[str, list[str]]]:
    """The verdict of each node and the codes of its reasons, in the order of the nodes."""
    return [
        (inventory.verdict(outcome), [reason.code for reason in getattr(outcome, "reasons", ())])
        for outcome in inventory.answer(request).values()
    ]


def without_names(request: JsonObject) -> JsonObject:
    found = anonymized([*request["objects"], *request["pods"]])
    return request | {"objects": found[: -len(request["pods"])], "pods": found[-len(request["pods"]) :]}


@pytest.mark.parametrize("seed", range(150))
def test_verdicts_stay_the_same(seed: int) -> None:
    request = case(seed)
    before = copy.deepcopy(request)
    assert verdicts(without_names(request)) == verdicts(request)
    assert request == before  # nothing is changed in place


def texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for item in value.items() for part in item for text in texts(part)}
    if isinstance(value, list):
        return {text for item in value for text in texts(item)}
    return {value} if isinstance(value, str) else set()


SECRET = """
apiVersion: v1
kind: Node
metadata:
  name: titan.corp
  labels: {kubernetes.io/hostname: titan.corp, corp/rack: berlin-7, corp/slot: "3"}
  annotations: {a: hush}
spec: {taints: [{key: corp/owner, value: alice, effect: NoSchedule}]}
status: {addresses: [{type: Hostname, address: titan.corp}], nodeInfo: {machineID: hush}}
---
apiVersion: resource.k8s.io/v1beta1
kind: ResourceSlice
metadata: {name: titan-slice}
spec:
  driver: gpu.example.com
  nodeName: titan.corp
  pool: {name: titan-pool, generation: 1, resourceSliceCount: 1}
  devices:
  - {name: alice-gpu, basic: {attributes: {model: {string: X100}, serial: {string: SN-hush}, n: {int: 1}}}}
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: alice-class}
spec:
  selectors: [{cel: {expression: 'device.attributes["gpu.example.com"].model == "X100"'}}]
  config: [{opaque: {driver: gpu.example.com, parameters: {password: hush}}}]
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: alice-claim, namespace: alice-team, uid: hush-uid, managedFields: [{manager: hush}]}
spec: {devices: {requests: [{name: alice-request, exactly: {deviceClassName: alice-class}}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: alice-pod, namespace: alice-team, uid: hush-pod}
spec:
  nodeSelector: {corp/rack: berlin-7}
  tolerations: [{key: corp/owner, value: alice}]
  serviceAccountName: hush
  containers:
  - {name: alice-main, image: corp/hush, env: [{name: T, value: hush}],
     resources: {claims: [{name: alice-entry}]}}
  resourceClaims: [{name: alice-entry, resourceClaimName: alice-claim}]
status: {conditions: [{type: PodScheduled, status: "False", message: hush}]}
---
apiVersion: v1
kind: Secret
metadata: {name: hush}
"""


def test_no_name_is_left_and_hardware_is() -> None:
    found = anonymized(list(yaml.safe_load_all(SECRET)))
    text = json.dumps(found)
    for secret in ("titan", "alice", "hush", "berlin", "corp"):
        assert secret not in text
    for hardware in ("gpu.example.com", "X100", '"int": 1', "serial"):
        assert hardware in text
    assert [item["kind"] for item in found] == [
        "Node",
        "ResourceSlice",
        "DeviceClass",
        "ResourceClaim",
        "Pod",
    ]


def test_what_belongs_together_still_does() -> None:
    node, slice_, class_, claim, pod = anonymized(list(yaml.safe_load_all(SECRET)))
    name = node["metadata"]["name"]
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == name == slice_["spec"]["nodeName"]
    [(rack, value)] = pod["spec"]["nodeSelector"].items()
    assert node["metadata"]["labels"][rack] == value
    assert "3" in node["metadata"]["labels"].values()
    assert class_["metadata"]["name"] in texts(claim)
    assert pod["spec"]["resourceClaims"][0]["resourceClaimName"] == claim["metadata"]["name"]
    assert pod["metadata"]["namespace"] == claim["metadata"]["namespace"]
    entry = pod["spec"]["containers"][0]["resources"]["claims"][0]["name"]
    assert pod["spec"]["resourceClaims"][0]["name"] == entry


def test_pseudonyms_sort_as_the_names_did() -> None:
    names = [f"n{number}" for number in (10, 9, 100, 1)]
    nodes = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}} for name in names]
    given = [item["metadata"]["name"] for item in anonymized(nodes)]
    assert [name for _, name in sorted(zip(given, names, strict=True))] == sorted(names)


def test_the_command_reads_what_kubectl_prints_and_writes_what_plan_reads(
    program: "Cli", tmp_path: Path
) -> None:
    target = tmp_path / "anonymous.yaml"
    kubectl = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": list(yaml.safe_load_all(SECRET))})
    ran = program("snapshot", "--snapshot", "-", "--anonymize", "-o", str(target), stdin=kubectl)
    assert (ran.code, "left out" in ran.err) == (0, True)
    explained = program("pods", "-A", "--snapshot", str(target), "-o", "jsonpath={.items[*].name}")
    assert explained.out == "pod-1"


def test_a_whole_inventory_gives_the_same_counts(cli: "Cli", tmp_path: Path) -> None:
    target = tmp_path / "anonymous.yaml"
    assert cli("snapshot", "--snapshot", "examples/inventory", "--anonymize", "-o", target).code == 0
    flags = ("--by", "driver", "-o=jsonpath={.items[*].states}")
    counts = [cli("top", *flags, "--snapshot", path).out for path in (target, "examples/inventory")]
    assert counts[0] == counts[1] != ""
