"""--kubernetes-version, and the version that a snapshot records."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from app.core.versions import API_ENDS
from app.manifests.reader import load_manifests

EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "examples").rglob("*.yaml")
    if "resource.k8s.io/v" in path.read_text()
)

if TYPE_CHECKING:
    from conftest import Cli

INVENTORY = Path("examples/inventory")
POD = """
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: either}
spec:
  devices:
    requests:
    - name: cat
      firstAvailable:
      - {name: any, deviceClassName: resource.example.com}
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers: [{name: main, image: none, resources: {claims: [{name: cat}]}}]
  resourceClaims: [{name: cat, resourceClaimName: either}]
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: resource.example.com}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pod.yaml"
    path.write_text(POD)
    return path


@pytest.mark.parametrize(("flags", "code"), [((), 0), (("1.34",), 0), (("1.33",), 1), (("v1.33.4",), 1)])
def test_plan_has_the_rules_of_the_version(cli: "Cli", file: Path, flags: tuple[str, ...], code: int) -> None:
    version = [word for flag in flags for word in ("--kubernetes-version", flag)]
    ran = cli("plan", "-f", file, "--snapshot", INVENTORY, *version)
    assert ran.code == code, ran.err + ran.out


def test_a_version_that_is_not_known_is_bad_input(cli: "Cli", file: Path) -> None:
    ran = cli("plan", "-f", file, "--snapshot", INVENTORY, "--kubernetes-version", "1.2")
    assert ran.code == 2
    assert "--kubernetes-version" in ran.err
    assert "the oldest supported version is 1.33" in ran.err


def test_a_snapshot_with_a_broken_record_is_bad_input(cli: "Cli", file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    metadata = {"annotations": {"dra-extender/kubernetes-version": "soon"}}
    broken.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "metadata": metadata, "items": []}))
    for command in (("plan", "-f", file), ("check", "-f", file)):
        ran = cli(*command, "--snapshot", INVENTORY, "--snapshot", broken)
        assert ran.code == 2
        assert "'soon' is not a version of Kubernetes" in ran.err


@pytest.mark.parametrize("to", ["v1beta2", "v1beta1"])
@pytest.mark.parametrize("example", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_every_example_can_be_written_for_kubernetes_1_33(
    cli: "Cli", tmp_path: Path, example: Path, to: str
) -> None:
    file = tmp_path / "converted.yaml"
    ran = cli("convert", "-f", example, "--to", to)
    file.write_text(ran.out)
    versions = {
        raw["apiVersion"].partition("/")[2]
        for raw in load_manifests(ran.out, "converted")
        if raw["apiVersion"].startswith("resource.k8s.io/")
    }
    assert versions <= {to, "v1alpha3"}
    assert f"Kubernetes {API_ENDS[to]} and later do not serve resource.k8s.io/{to}" in ran.err
    found = cli("check", "-f", file, "--kubernetes-version", "1.33").out.splitlines()
    assert [line for line in found if "apiVersion" in line or "unknown field" in line] == []


OLD = """
apiVersion: resource.k8s.io/v1beta1
kind: DeviceClass
metadata: {name: c}
spec:
  selectors: [{cel: {expression: EXPRESSION}}]
"""
# What the API server of a version refuses.
REFUSED = {
    "v1beta1 is gone": (
        "true",
        "1.38",
        "apiVersion: resource.k8s.io/v1beta1 is not served since Kubernetes 1.38",
    ),
    "v1beta1 is served": ("true", "1.37", ""),
    "sharing is not known": ("device.allowMultipleAllocations", "1.35", "allowMultipleAllocations"),
    "sharing is known": ("device.allowMultipleAllocations", "1.36", ""),
}


@pytest.mark.parametrize(("expression", "version", "message"), REFUSED.values(), ids=REFUSED)
def test_check_finds_what_the_api_server_of_a_version_refuses(
    cli: "Cli", tmp_path: Path, expression: str, version: str, message: str
) -> None:
    file = tmp_path / "class.yaml"
    file.write_text(OLD.replace("EXPRESSION", json.dumps(expression)))
    ran = cli("check", "-f", file, "--kubernetes-version", version)
    end = "1 object is in resource.k8s.io/v1beta1, which Kubernetes 1.38 and later do not serve"
    assert (end in ran.err) is (version != "1.38")
    assert message in ran.out
    assert (ran.code, bool(ran.out)) == (bool(message), bool(message))


ADMIN = """
apiVersion: v1
kind: Namespace
metadata: {name: watch, labels: {LABEL: "true"}}
---
apiVersion: resource.k8s.io/v1beta2
kind: ResourceClaim
metadata: {name: every, namespace: watch}
spec:
  devices:
    requests:
    - {name: all, exactly: {deviceClassName: resource.example.com, allocationMode: All, adminAccess: true}}
"""


@pytest.mark.parametrize(
    ("label", "version", "missing"),
    [
        ("resource.k8s.io/admin-access", "1.33", ""),
        ("resource.kubernetes.io/admin-access", "1.33", "lacks the label resource.k8s.io/admin-access"),
        ("resource.kubernetes.io/admin-access", "1.34", ""),
        ("resource.k8s.io/admin-access", "1.34", "lacks the label resource.kubernetes.io/admin-access"),
    ],
)
def test_check_knows_the_namespace_label_of_a_version(
    cli: "Cli", tmp_path: Path, label: str, version: str, missing: str
) -> None:
    file = tmp_path / "claim.yaml"
    file.write_text(ADMIN.replace("LABEL", label))
    ran = cli("check", "-f", file, "--kubernetes-version", version)
    assert missing in ran.out
    assert ("lacks the label" in ran.out) is bool(missing)


ADMIN_POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: NAMESPACE}
spec:
  containers: [{name: main, image: registry.invalid/none}]
  resourceClaims: [{name: c, resourceClaimName: CLAIM}]
"""


@pytest.mark.parametrize(
    ("label", "version", "missing"),
    [
        ("resource.k8s.io/admin-access", "1.33", ""),
        ("resource.k8s.io/admin-access", "1.34", "claim.yaml:"),
        ("resource.k8s.io/admin-access", "", "objects[1]."),
        ("resource.kubernetes.io/admin-access", "", ""),
    ],
)
def test_plan_refuses_admin_access_by_the_label_of_the_version(
    cli: "Cli", tmp_path: Path, label: str, version: str, missing: str
) -> None:
    """With file and line if the version is given, else by the version of the snapshot or the service."""
    file = tmp_path / "claim.yaml"
    text = ADMIN.replace("LABEL", label)
    claim = list(yaml.safe_load_all(text))[1]["metadata"]
    file.write_text(text + ADMIN_POD.replace("NAMESPACE", claim["namespace"]).replace("CLAIM", claim["name"]))
    flags = ("--kubernetes-version", version) if version else ()
    ran = cli("plan", "-f", file, "--snapshot", INVENTORY, *flags)
    assert ("lacks the label" in ran.err) is bool(missing)
    assert missing in ran.err


GATED = """
apiVersion: resource.k8s.io/v1beta2
kind: ResourceClaim
metadata: {name: c}
spec:
  devices:
    requests:
    - name: r
      exactly:
        deviceClassName: gpu
        capacity: {requests: {memory: 1Gi}}
        tolerations: [{operator: Exists}]
        adminAccess: true
        derivedAttributes: [{name: a.example.com/x, expression: "1"}]
    - name: s
      firstAvailable:
      - {name: x, deviceClassName: gpu, tolerations: [{operator: Exists}]}
    constraints:
    - {distinctAttribute: gpu.example.com/x}
---
apiVersion: resource.k8s.io/v1beta2
kind: DeviceClass
metadata: {name: gpu}
spec: {extendedResourceName: example.com/gpu}
---
apiVersion: resource.k8s.io/v1beta2
kind: ResourceSlice
metadata: {name: s}
spec:
  driver: gpu.example.com
  allNodes: true
  pool: {name: p, generation: 1, resourceSliceCount: 1}
  skipNodeOperations: ["*"]
  devices:
  - name: d
    allowMultipleAllocations: true
    attributes: {a: {strings: [x]}}
    capacity: {m: {value: 1Gi, requestPolicy: {default: 1Gi}}}
    consumesCounters: [{counterSet: c, counters: {m: {value: 1Gi}}, compatibilityGroups: [g]}]
    taints: [{key: a.example.com/b, effect: NoSchedule}]
    bindingConditions: [ready]
    bindingFailureConditions: [broken]
"""
REFUSES, IGNORES, UNKNOWN, TAKES = "refuses it", "ignores it", "unknown field", ""
# What each version does with a field by default, from 1.33 to 1.38.
BY_DEFAULT = {
    "exactly.capacity": (UNKNOWN, IGNORES, IGNORES, TAKES, TAKES, TAKES),
    "exactly.tolerations": (IGNORES, IGNORES, IGNORES, TAKES, TAKES, TAKES),
    "exactly.adminAccess": (IGNORES, TAKES, TAKES, TAKES, TAKES, TAKES),
    "exactly.derivedAttributes": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, IGNORES, IGNORES),
    "firstAvailable": (REFUSES, TAKES, TAKES, TAKES, TAKES, TAKES),
    "firstAvailable[0].tolerations": (TAKES, IGNORES, IGNORES, TAKES, TAKES, TAKES),
    "distinctAttribute": (UNKNOWN, REFUSES, REFUSES, TAKES, TAKES, TAKES),
    "extendedResourceName": (UNKNOWN, IGNORES, IGNORES, TAKES, TAKES, TAKES),
    "skipNodeOperations": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, IGNORES, IGNORES),
    "allowMultipleAllocations": (UNKNOWN, IGNORES, IGNORES, TAKES, TAKES, TAKES),
    "attributes.a.strings": (UNKNOWN, UNKNOWN, UNKNOWN, IGNORES, IGNORES, IGNORES),
    "capacity.m.requestPolicy": (UNKNOWN, IGNORES, IGNORES, TAKES, TAKES, TAKES),
    "compatibilityGroups": (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, IGNORES, IGNORES),
    "consumesCounters": (IGNORES, IGNORES, IGNORES, TAKES, TAKES, TAKES),
    "devices[0].taints": (IGNORES, IGNORES, IGNORES, TAKES, TAKES, TAKES),
    "bindingConditions": (UNKNOWN, IGNORES, IGNORES, TAKES, TAKES, TAKES),
    "bindingFailureConditions": (UNKNOWN, IGNORES, IGNORES, TAKES, TAKES, TAKES),
}


@pytest.mark.parametrize("minor", range(33, 39))
def test_check_tells_fields_of_features_that_are_off(cli: "Cli", tmp_path: Path, minor: int) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(GATED)
    lines = cli("check", "-f", file, "--kubernetes-version", f"1.{minor}").out.splitlines()
    for field, answers in BY_DEFAULT.items():
        found = [line for line in lines if f"{field}: " in line]
        told = [text for text in (REFUSES, IGNORES, UNKNOWN) if any(text in line for line in found)]
        assert told == ([answers[minor - 33]] if answers[minor - 33] else []), (field, found)


@pytest.mark.parametrize(
    ("version", "told"),
    [("1.33", "unknown field capacity before Kubernetes 1.34"), ("1.34", "ignores it"), ("1.36", "")],
)
def test_check_tells_them_in_the_form_of_v1beta1(cli: "Cli", tmp_path: Path, version: str, told: str) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text(GATED)
    file.write_text(cli("convert", "-f", file, "--to", "v1beta1").out)
    lines = cli("check", "-f", file, "--kubernetes-version", version).out.splitlines()
    found = [line for line in lines if "spec.devices.requests[0].capacity: " in line]
    assert [told in line for line in found] == ([True] if told else [])
    assert any("spec.devices[0].basic.taints: " in line for line in lines) is (version != "1.36")


def test_check_takes_a_field_whose_feature_the_flag_or_the_cluster_has_on(cli: "Cli", tmp_path: Path) -> None:
    file, inventory = tmp_path / "class.yaml", tmp_path / "snapshot.yaml"
    file.write_text(
        OLD.replace("v1beta1", "v1").replace("EXPRESSION", "'true'") + "  extendedResourceName: a/b\n"
    )
    annotations = {
        "dra-extender/kubernetes-version": "v1.35.2",
        "dra-extender/feature-gates": "DRAExtendedResource=true",
    }
    snapshot = {"apiVersion": "v1", "kind": "List", "metadata": {"annotations": annotations}, "items": []}
    inventory.write_text(yaml.safe_dump(snapshot))
    version = ("--kubernetes-version", "1.35")
    ran = cli("check", "-f", file, *version)
    assert (
        "extendedResourceName: Kubernetes 1.35 ignores it unless the feature gate DRAExtendedRes" in ran.out
    )
    assert "(--feature ExtendedResource=true)" in ran.out
    assert cli("check", "-f", file, *version, "--feature", "ExtendedResource=true").out == ""
    assert "ignores it" not in cli("check", "-f", file, "--snapshot", inventory).out
    off = cli("check", "-f", file, "--snapshot", inventory, "--feature", "ExtendedResource=false")
    assert "ignores it" in off.out


EFFECT = """
apiVersion: resource.k8s.io/v1alpha3
kind: DeviceTaintRule
metadata: {name: r}
spec:
  deviceSelector: {driver: d.example.com}
  taint: {key: a.example.com/b, effect: None}
---
apiVersion: resource.k8s.io/v1beta2
kind: ResourceClaim
metadata: {name: c}
spec:
  devices:
    requests: [{name: r, exactly: {deviceClassName: gpu, tolerations: [{operator: Exists, effect: None}]}}]
"""


@pytest.mark.parametrize(("version", "refused"), [("1.33", 2), ("1.34", 2), ("1.35", 0), ("1.38", 0)])
def test_a_taint_is_without_effect_since_1_35(cli: "Cli", tmp_path: Path, version: str, refused: int) -> None:
    file = tmp_path / "rule.yaml"
    file.write_text(EFFECT)
    assert cli("check", "-f", file, "--kubernetes-version", version).out.count("not 'None'") == refused


def test_the_selectors_of_a_taint_rule_are_checked(cli: "Cli", tmp_path: Path) -> None:
    file = tmp_path / "rule.yaml"
    selectors = "deviceSelector: {selectors: [{cel: {expression: device.modle}}]}"
    file.write_text(EFFECT.replace("deviceSelector: {driver: d.example.com}", selectors))
    ran = cli("check", "-f", file, "--kubernetes-version", "1.34")
    assert "spec.deviceSelector.selectors[0].cel.expression: CEL: " in ran.out
