"""``check``: every finding at its line, and none where nothing is wrong."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.written import DEVICES, WIDE, claim, same_place

if TYPE_CHECKING:
    from conftest import Cli

PAGE = "examples/dra-task-page.yaml"
INVENTORY = "examples/inventory"


def lines_of(output: str) -> list[tuple[int, str]]:
    found = []
    for finding in output.splitlines():
        _, line, message = finding.split(":", 2)
        found.append((int(line), message.strip()))
    return found


def test_the_task_page_has_its_two_defects(cli: "Cli") -> None:
    ran = cli("check", "-f", PAGE)

    text = Path(PAGE).read_text(encoding="utf-8").splitlines()
    found = lines_of(ran.out)
    assert ran.code == 1
    assert [text[line - 1].strip() for line, _ in found] == [
        "deviceClassName: example-device-class",
        "deviceClassName: resource-driver.example.com",
        "spec:",
    ]
    assert [("exactly" in message, "restartPolicy" in message) for _, message in found] == [
        (True, False),
        (True, False),
        (False, True),
    ]


def test_the_task_page_lacks_a_class_unless_the_inventory_has_it(cli: "Cli", tmp_path: Path) -> None:
    # A classless copy of the inventory: then the class the page forgot is a third defect.
    (tmp_path / "nodes.yaml").write_text(Path("examples/inventory/nodes.yaml").read_text())

    without = cli("check", "-f", PAGE, "--snapshot", tmp_path)
    with_it = cli("check", "-f", PAGE, "--snapshot", INVENTORY)

    assert "DeviceClass resource-driver.example.com not found" in without.out
    assert "DeviceClass resource-driver.example.com not found" not in with_it.out


@pytest.mark.parametrize(
    "file", ["examples/job-with-cats.yaml", "examples/inventory", "examples/workloads/gpu-pair.yaml"]
)
def test_nothing_is_wrong_with_the_other_examples(cli: "Cli", file: str) -> None:
    ran = cli("check", "-f", file, "--snapshot", INVENTORY)

    assert (ran.code, ran.out) == (0, "")
    assert "no findings" in ran.err


def test_the_example_with_mistakes_has_as_many_as_it_says(cli: "Cli") -> None:
    ran = cli("check", "-f", "examples/workloads/with-mistakes.yaml", "--snapshot", INVENTORY)

    assert ran.code == 1
    assert len(ran.out.splitlines()) == 5


CLAIM = """\
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata:
  name: c
spec:
  devices:
    requests:
    - name: r
      exactly:
        deviceClassName: resource-driver.example.com
"""

MISTAKES = {
    "no YAML": ("kind: ]", 1, "not valid YAML"),
    "a key twice": ("kind: Pod\nmetadata: {}\nkind: Pod\n", 3, "duplicate key 'kind'"),
    "no apiVersion": ("kind: ResourceClaim\nmetadata: {name: c}\n", 1, "apiVersion: is missing"),
    "unknown version": (CLAIM.replace("k8s.io/v1", "k8s.io/v9"), 1, "v9 is an unknown version"),
    "a version that is served no more": (
        CLAIM.replace("k8s.io/v1", "k8s.io/v1alpha3"),
        1,
        "v1alpha3 is not served since Kubernetes 1.34",
    ),
    "no name": (CLAIM.replace("  name: c\n", "  labels: {}\n"), 3, "metadata.name: is missing"),
    "wrong type": (CLAIM + "        count: many\n", 11, "must be a whole number"),
    "misspelt field": (
        CLAIM.replace("deviceClassName", "deviceClasName"),
        10,
        "did you mean deviceClassName?",
    ),
    "class missing": (CLAIM.replace("        deviceClassName", "        count: 1 #"), 9, "is missing"),
    "too many devices": (CLAIM + "        count: 33\n", 11, "at most 32 devices"),
    "all of a number": (CLAIM + "        allocationMode: All\n        count: 2\n", 12, "takes no count"),
    "unknown mode": (CLAIM + "        allocationMode: Most\n", 11, "ExactCount or All"),
    "unknown class": (CLAIM.replace("example.com", "example.org"), 10, "org not found"),
    "both forms": (
        CLAIM + "      firstAvailable:\n      - {name: s, deviceClassName: resource-driver.example.com}\n",
        8,
        "exactly one of",
    ),
    "constraint on no request": (
        CLAIM + "    constraints:\n    - requests: [r, q]\n"
        "      matchAttribute: resource-driver.example.com/color\n",
        12,
        "no request 'q'",
    ),
    "attribute of no device": (
        CLAIM + "    constraints:\n    - matchAttribute: resource-driver.example.com/colour\n",
        12,
        "no device has the attribute resource-driver.example.com/colour",
    ),
    "attribute in CEL of no device": (
        CLAIM + "        selectors:\n        - cel:\n"
        '            expression: device.attributes["gpu.example.com"].modell == "X100"\n',
        13,
        "no device has the attribute gpu.example.com/modell",
    ),
    "CEL on the second line of a block": (
        CLAIM + "        selectors:\n        - cel:\n            expression: |-\n"
        '              device.driver == "a" &&\n              device.driver === "b"\n',
        15,
        "CEL: ",
    ),
    "CEL that gives no boolean": (
        CLAIM + "        selectors:\n        - cel: {expression: device.driver}\n",
        12,
        "CEL: ",
    ),
    "CEL that the API server finds too complex": (
        CLAIM + "        selectors:\n        - cel:\n            expression: |-\n"
        '              device.driver == "a" &&\n              lists.range(200000).all(x, x > 1)\n',
        15,
        "the estimated cost is 1,200,015, the API server takes at most 1,000,000; all() takes up to 200,000",
    ),
    "CEL for a feature gate that is off": (
        CLAIM + "        selectors:\n"
        '        - cel: {expression: \'device.attributes["gpu.example.com"].model.includes("a")\'}\n',
        12,
        "only with the feature gate DRAListTypeAttributes on",
    ),
    "a derived attribute that is too complex": (
        CLAIM + "        derivedAttributes:\n        - name: a.example.com/b\n"
        "          expression: string(lists.range(1000).distinct().size())\n",
        13,
        "too complex",
    ),
    "derived attributes that are too complex together": (
        CLAIM
        + "        derivedAttributes:\n"
        + "".join(
            f"        - name: a.example.com/b{number}\n"
            "          expression: string(lists.range(600).distinct().size())\n"
            for number in range(3)
        ),
        15,
        "together, but with this one it is 1,441,2",
    ),
    "container uses no claim of its Pod": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n"
        "    resources:\n      claims:\n      - name: gpu\n",
        9,
        "no 'gpu' in spec.resourceClaims",
    ),
    "claim of a Pod that is nowhere": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  resourceClaims:\n"
        "  - name: a\n    resourceClaimName: nowhere\n",
        7,
        "ResourceClaim default/nowhere not found",
    ),
    "a Job that restarts always": (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  template:\n    spec:\n"
        "      containers: []\n      restartPolicy: Always\n",
        8,
        "restartPolicy",
    ),
    "basic in a v1 slice": (
        "apiVersion: resource.k8s.io/v1\nkind: ResourceSlice\nmetadata: {name: s}\nspec:\n  driver: d\n"
        "  pool: {name: p, generation: 1, resourceSliceCount: 1}\n  nodeName: n\n  devices:\n"
        "  - name: d\n    basic: {}\n",
        10,
        "basic",
    ),
    "claims of a Pod that are no list": (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  resourceClaims: 1.5\n"
        "  containers: [{name: c, resources: {claims: [{name: [c]}]}}]\n",
        5,
        "must be a list",
    ),
    "a constraint's request that is no text": (
        CLAIM + "    constraints:\n    - matchAttribute: d/a\n      requests: [[x]]\n",
        CLAIM.count("\n") + 3,
        "must be a string",
    ),
    "a kind that is no text": ("apiVersion: v1\nkind: [Pod]\n", 2, "must be a string"),
    "inside a list": (
        "kind: List\napiVersion: v1\nitems:\n"
        + "".join(
            f"  {line}\n" if line != CLAIM.splitlines()[0] else f"- {line}\n" for line in CLAIM.splitlines()
        )
        + "          count: many\n",
        14,
        "whole number",
    ),
}


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_found_at_its_line(
    cli: "Cli", tmp_path: Path, text: str, line: int, message: str
) -> None:
    file = tmp_path / "mistake.yaml"
    file.write_text(text)

    ran = cli("check", "-f", file, "--snapshot", INVENTORY)

    assert ran.code == 1
    assert [found for found, words in lines_of(ran.out) if message in words] == [line], ran.out


@pytest.mark.parametrize(("devices", "refused"), DEVICES.values(), ids=DEVICES)
def test_a_claim_is_refused_where_an_api_server_refuses_it(
    cli: "Cli", tmp_path: Path, devices: dict[str, object], refused: str | None
) -> None:
    file = tmp_path / "claim.json"
    file.write_text(json.dumps(claim(devices)))

    ran = cli("check", "-f", file)

    assert ran.code == (refused is not None), ran.out
    for _, message in lines_of(ran.out):
        assert same_place(message.partition(": ")[0], f"spec.devices.{refused}"), ran.out


@pytest.mark.parametrize(("raw", "refused"), WIDE.values(), ids=WIDE)
def test_classes_and_taint_rules_are_refused_where_an_api_server_refuses_them(
    cli: "Cli", tmp_path: Path, raw: dict[str, object], refused: str | None
) -> None:
    file = tmp_path / "object.json"
    file.write_text(json.dumps(raw))

    ran = cli("check", "-f", file)

    assert ran.code == (refused is not None), ran.out
    for _, message in lines_of(ran.out):
        assert same_place(message.partition(": ")[0], f"spec.{refused}"), ran.out


def test_the_flat_request_of_v1beta1_is_in_its_place(cli: "Cli", tmp_path: Path) -> None:
    file = tmp_path / "claim.yaml"
    file.write_text(
        CLAIM.replace("/v1", "/v1beta1").replace("      exactly:\n", "").replace("        d", "      d")
    )

    assert cli("check", "-f", file, "--snapshot", INVENTORY).code == 0


def test_other_kinds_are_let_be(cli: "Cli", tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: b}\n")

    assert cli("check", "-f", file).code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing option"),
        (("-f", "examples/nowhere.yaml"), "examples/nowhere.yaml: No such file"),
        (("-f", "docs"), "no manifests"),
        (("-f", PAGE, "--snapshot", INVENTORY, "--kubeconfig", "x"), "are mutually exclusive"),
    ],
    ids=["no file", "no such file", "folder without manifests", "two inventories"],
)
def test_bad_usage_ends_with_2(cli: "Cli", arguments: tuple[str, ...], message: str) -> None:
    ran = cli("check", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err


def test_columns_are_those_of_the_file(cli: "Cli", tmp_path: Path) -> None:
    """In block texts, in plain and in quoted ones: where an editor has to jump to."""
    file = tmp_path / "claim.yaml"
    head = CLAIM + "        selectors:\n"
    for text in (
        "        - cel:\n            expression: |-\n             true &&\n             device.driver = 1\n",
        "        - cel: {expression: device.driver = 1}\n",
        "        - cel: {expression: 'device.driver = 1'}\n",
    ):
        file.write_text(head + text)
        ran = cli("check", "-f", file, "-o", "wide")
        _, line, column, _ = ran.out.split(":", 3)
        row = file.read_text().splitlines()[int(line) - 1]
        assert row[int(column) - 1 :].startswith("= 1"), ran.out


def test_findings_as_data(cli: "Cli") -> None:
    found = json.loads(cli("check", "-f", PAGE, "-o", "json").out)

    assert [(item["file"], item["line"], item["column"]) for item in found] == [
        (PAGE, 24, 7),
        (PAGE, 43, 9),
        (PAGE, 58, 5),
    ]


@pytest.mark.parametrize(
    ("wish", "finding"),
    [
        ("count: 4", None),  # two are in use, but need not be for ever
        ("count: 5", "node(s) had too few matching devices for request r"),
        ("selectors: [{cel: {expression: 'device.driver == \"nobody\"'}}]", 'driver == "nobody"'),
    ],
)
def test_a_claim_that_no_node_could_ever_meet(
    cli: "Cli", tmp_path: Path, wish: str, finding: str | None
) -> None:
    file = tmp_path / "claim.yaml"
    file.write_text(CLAIM.replace("resource-driver", "gpu") + f"        {wish}\n")

    ran = cli("check", "-f", file, "--snapshot", INVENTORY)

    if finding is None:
        assert (ran.code, ran.out) == (0, "")
        return
    assert ran.code == 1
    assert ran.out.startswith(f"{file}:8: spec.devices.requests[0]: no node of the inventory has enough ")
    assert finding in ran.out


def test_a_feature_that_the_cluster_has_switched_on(cli: "Cli", tmp_path: Path) -> None:
    file = tmp_path / "claim.yaml"
    text = 'device.attributes["gpu.example.com"].model.includes("a")'
    file.write_text(CLAIM + f"        selectors:\n        - cel: {{expression: '{text}'}}\n")

    assert cli("check", "-f", file).code == 1
    assert cli("check", "-f", file, "--feature", "ListTypeAttributes=true").code == 0


@pytest.mark.parametrize("switch", ["DeviceTaintRules=false", "Nothing=true"])
def test_a_feature_that_check_does_not_go_by_is_bad_usage(cli: "Cli", switch: str) -> None:
    ran = cli("check", "-f", PAGE, "--feature", switch)

    assert (ran.code, ran.out) == (2, "")
    name = switch.partition("=")[0]
    assert f"check does not depend on the feature {name!r}; only on AdminAccess, Comp" in ran.err


SHARED = """\
apiVersion: v1
kind: Node
metadata: {name: node}
---
apiVersion: resource.k8s.io/v1
kind: DeviceClass
metadata: {name: any}
---
apiVersion: resource.k8s.io/v1
kind: ResourceSlice
metadata: {name: s}
spec:
  driver: gpu.example.com
  nodeName: node
  pool: {name: node, generation: 1, resourceSliceCount: 1}
  devices:
  - {name: a, allowMultipleAllocations: true, attributes: {sides: {strings: [left, top]}}}
  - {name: b, attributes: {sides: {strings: [top, right]}}}
"""
REQUESTS = """\
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: c}
spec:
  devices:
    requests:
"""
THREE = (
    REQUESTS
    + """\
    - {name: r, exactly: {deviceClassName: any}}
    - {name: s, exactly: {deviceClassName: any}}
    - {name: t, exactly: {deviceClassName: any}}
"""
)
MATCHED = (
    REQUESTS
    + """\
    - {name: r, exactly: {deviceClassName: any, count: 2}}
    constraints:
    - {matchAttribute: gpu.example.com/sides}
"""
)


@pytest.mark.parametrize(
    ("claim", "met_with", "not_with"),
    [
        (THREE, "ConsumableCapacity=true", "ConsumableCapacity=false"),
        (MATCHED, "ListTypeAttributes=true", "ListTypeAttributes=false"),
    ],
    ids=["a device that is shared", "lists that have an element in common"],
)
def test_devices_are_looked_for_with_the_features_of_the_cluster(
    cli: "Cli", tmp_path: Path, claim: str, met_with: str, not_with: str
) -> None:
    file, inventory = tmp_path / "claim.yaml", tmp_path / "inventory.yaml"
    file.write_text(claim)
    inventory.write_text(SHARED)

    met, missed = (
        cli("check", "-f", file, "--snapshot", inventory, "--feature", switch)
        for switch in (met_with, not_with)
    )

    assert (met.code, met.out) == (0, "")
    assert missed.code == 1
    assert "no node of the inventory has enough matching devices" in missed.out
