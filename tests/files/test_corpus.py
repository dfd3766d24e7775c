"""Manifests in the style of each driver and platform, and what plan and check make of them."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import Ran

HERE = Path(__file__).parent
TEMPLATES = HERE / "corpus" / "templates.yaml"
CLUSTER = HERE / "clusters" / "accelerators.yaml"
Cli = Callable[..., Ran]


@dataclass(frozen=True)
class Planned:
    """``pods``: how many Pods of each name without number; ``placed`` of all; ``says`` is on stderr."""

    pods: dict[str, int]
    placed: int
    code: int
    says: str = ""
    flags: tuple[str, ...] = ()


PLANS = {
    "built-in": Planned({"render": 2, "encode": 1}, 3, 0),
    "training": Planned(
        {
            "allreduce-launcher": 1,
            "allreduce-worker": 2,
            "finetune-worker": 1,
            "sweep-trial": 2,
            "queued-main": 1,
        },
        7,
        0,
    ),
    "serving": Planned({"llm-leader": 2, "llm-worker": 2, "canary": 1, "embed": 1}, 6, 0),
    "ray": Planned({"tune-head": 1, "tune-gpu": 2}, 3, 0),
    "machines": Planned({"desk": 1, "lab": 1}, 2, 0),
    "runners": Planned({"ci": 2}, 2, 0),
    "unknown": Planned(
        {"graph-frontend": 1, "graph-decode": 1},
        2,
        1,
        "ignored, unknown kind without a Pod template: 1 Endpoint",
    ),
    "workflows": Planned(
        {
            "nightly-train": 1,
            "nightly-report": 1,
            "chat": 2,
            "partition": 1,
            "edge": 1,
            "idle": 1,
        },
        7,
        0,
        "its steps may run a template several times",
    ),
    "cliques": Planned(
        {"serving-router": 1, "serving-decode": 4},
        5,
        1,
        "its controller creates claims from spec.template.resourceClaimTemplates, and their devices are not",
    ),
    "domain": Planned({"nccl": 2}, 2, 0, "is created by the controller of ComputeDomain default/fabric"),
    "operator": Planned({"tenant": 1}, 0, 1),
    "operator, with its template named": Planned({"tenant": 1}, 1, 0, "leased", ("--generated", "leased")),
    "alternatives": Planned({"either": 1}, 1, 0),
    "nobody-offers": Planned({"sample": 1}, 0, 1),
}


@pytest.mark.parametrize(("name", "expected"), PLANS.items(), ids=PLANS)
def test_every_pod_is_planned_as_often_as_its_kind_says(cli: Cli, name: str, expected: Planned) -> None:
    file = HERE / "corpus" / f"{name.partition(',')[0]}.yaml"

    ran = cli("plan", "-f", file, TEMPLATES, "--snapshot", CLUSTER, "-o", "json", *expected.flags)

    answer = json.loads(ran.out)
    names = Counter(
        pod["name"].rpartition("-")[0] if pod["name"][-1].isdigit() else pod["name"] for pod in answer["pods"]
    )
    assert names == expected.pods
    assert (answer["placed"], ran.code) == (expected.placed, expected.code)
    assert expected.says in ran.err


GUESS = (
    "Graph default/graph: unknown kind, so spec.services.Decode.extraPodSpec is treated as a "
    "template of one Pod"
)


def test_a_guess_is_named(cli: Cli) -> None:
    ran = cli("plan", "-f", HERE / "corpus" / "unknown.yaml", TEMPLATES, "--snapshot", CLUSTER)

    assert GUESS in ran.err.splitlines()


REFUSED = (
    "the API server refuses it: namespace watch has the label resource.kubernetes.io/admin-access: "
    '"True", not "true"'
)


def test_what_the_api_server_refuses_is_not_planned(cli: Cli) -> None:
    ran = cli("plan", "-f", HERE / "corpus" / "admin.yaml", "--snapshot", CLUSTER)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith(f"{REFUSED}\n")


REQUEST = "spec.spec.devices.requests"
SELECTOR = "spec.devices.requests[0].exactly.selectors"
FINDINGS: dict[str, list[tuple[int, str]]] = {
    "templates": [],
    "built-in": [],
    "training": [],
    "serving": [],
    "ray": [],
    "machines": [
        (20, "spec.domain.devices.hostDevices[0]: the Pod has no 'nic' in spec.resourceClaims"),
        (
            20,
            "spec.domain.devices.hostDevices[1].requestName: ResourceClaimTemplate one-red has no request "
            "'gpus', did you mean gpu?",
        ),
    ],
    "runners": [],
    "unknown": [],
    "workflows": [],
    "cliques": [],
    "step-claims": [
        (
            7,
            "spec.workflowSpec.resourceClaims[0].resourceClaimTemplateName: ResourceClaimTemplate "
            "default/one-gren not found",
        ),
        (
            18,
            "spec.workflowSpec.templates[1].script.resources.claims[0].request: ResourceClaimTemplate "
            "one-red has no request 'gpuu', did you mean gpu?",
        ),
        (
            19,
            "spec.workflowSpec.templates[1].script.resources.claims[1]: the Pod has no 'nic' in "
            "spec.resourceClaims",
        ),
    ],
    "domain": [],
    "operator": [
        (
            7,
            "spec.resourceClaims[0].resourceClaimTemplateName: ResourceClaimTemplate "
            "default/leased not found",
        )
    ],
    "operator, with its template named": [],
    "alternatives": [],
    "yaml-in-cel": [
        (
            12,
            f"{REQUEST}[0].exactly.selectors[0].cel.expression: rdma is the value "
            "itself in CEL: remove .bool",
        ),
        (
            13,
            f"{REQUEST}[0].exactly.selectors[1].cel.expression: CEL separates domain and name: "
            'device.attributes["dra.net"].rdma',
        ),
        (
            14,
            f"{REQUEST}[0].exactly.selectors[2].cel.expression: an attribute is "
            'device.attributes["DOMAIN"].rdma in CEL, without its type',
        ),
        (
            19,
            f"{REQUEST}[1].exactly.selectors[0].cel.expression: memory is the value "
            "itself in CEL: remove .value",
        ),
    ],
    "cel-names": [
        (
            11,
            f"{SELECTOR}[0].cel.expression: "
            'no device has the attribute gpu.nvidia.com/memory: it is in device.capacity["gpu.nvidia.com"]',
        ),
        (
            12,
            f"{SELECTOR}[1].cel.expression: "
            "no device has the attribute gpu.nvidia.com/Type, did you mean gpu.nvidia.com/type?",
        ),
        (
            13,
            f"{SELECTOR}[2].cel.expression: "
            "no device has the attribute gpu.nvida.com/type, did you mean gpu.nvidia.com/type?",
        ),
        (
            14,
            f'{SELECTOR}[3].cel.expression: the domain is missing: device.attributes["DOMAIN"].type',
        ),
        (
            15,
            f"{SELECTOR}[4].cel.expression: "
            "CEL: syntax error: found 'and', expected the end of the expression; "
            "write && for the logical operator (column 35)",
        ),
    ],
    "many-devices": [
        (
            6,
            "spec.devices.requests: the requests are for 33 devices together, and a claim holds at most 32: "
            "ask for them in two claims",
        )
    ],
    "admin": [(12, f"{REQUEST}[0].exactly.adminAccess: {REFUSED}")],
    "nobody-offers": [
        (
            10,
            "spec.template.spec.containers[0].resources.limits[habana.ai/gaudi]: no DeviceClass and no node "
            "offers habana.ai/gaudi",
        )
    ],
    "pod-fields": [
        (3, "metadata.lables: unknown field lables, did you mean labels?"),
        (6, "spec.resourceclaims: unknown field resourceclaims, did you mean resourceClaims?"),
        (
            15,
            "spec.template.spec.containers[0].resources.claims[0].requests: unknown field requests, did "
            "you mean request?",
        ),
        (
            28,
            "spec.replicatedJobs[0].template.spec.template.spec.containers[0].resources.claims[0].request: "
            "ResourceClaimTemplate one-red has no request 'gpuu', did you mean gpu?",
        ),
        (
            42,
            "spec.template.spec.containers[0].resources.claims[0]: the Pod has no 'g' in spec.resourceClaims",
        ),
        (
            43,
            "spec.template.spec.containers[0].resourceClaims: unknown field "
            "resourceClaims here: it belongs under spec",
        ),
        (
            50,
            "spec.resourceClaims[0].source: was removed in Kubernetes 1.31: its fields are now "
            "next to the name "
            "(repair: dra-extender convert)",
        ),
        (59, "spec.predictor.resourceclaims: unknown field resourceclaims, did you mean resourceClaims?"),
    ],
    "more-kinds": [
        (
            2,
            "kind: resource.k8s.io has no kind PodSchedulingContext (gone with v1alpha3): no scheduler "
            "needs it any more",
        ),
        (6, "kind: batch has no kind JobSet, is JobSet (jobset.x-k8s.io) meant?"),
        (9, "apiVersion: lacks a version: resource.k8s.io/v1"),
        (14, "apiVersion: a Deployment is in group 'apps': apps/v1"),
        (
            19,
            "apiVersion: resource.k8s.io/v1beta1 is not served by Kubernetes 1.37: DeviceTaintRule is "
            "in resource.k8s.io/v1 and resource.k8s.io/v1alpha3 and resource.k8s.io/v1beta2 "
            "(repair: dra-extender convert)",
        ),
        (
            24,
            "apiVersion: resource.k8s.io/v1alpha3 is not served since Kubernetes 1.34: ResourceClaim "
            "is in resource.k8s.io/v1 and resource.k8s.io/v1beta1 and resource.k8s.io/v1beta2 "
            "(repair: dra-extender convert)",
        ),
    ],
    "claim-twice": [(7, "spec.resourceClaims[1].name: duplicate claim name 'gpu'")],
    "pod-claims": [
        (7, "spec.resourceClaims[1].name: duplicate claim name 'gpu'"),
        (
            8,
            "spec.resourceClaims[2].name: must be lower-case letters, digits and '-', at most 63, not 'GPU2'",
        ),
        (14, "spec.containers[0].resources.claims[0]: must be an object, like `- name: gpu`"),
        (16, "spec.containers[0].resources.claims[2]: claim 'gpu' is named twice"),
        (24, "spec.template.spec.resources.claims: belongs under resources of a container, not of the Pod"),
        (
            31,
            "spec.template.spec.containers[0].resources.limits[habana.ai/gaudi]: must be a whole "
            "number, not 500m",
        ),
        (
            31,
            "spec.template.spec.containers[0].resources.limits[habana.ai/gaudi]: no DeviceClass and no "
            "node offers habana.ai/gaudi",
        ),
        (
            33,
            "spec.template.spec.containers[0].resources.requests[habana.ai/gaudi]: must equal the "
            "limit of an extended resource: 500m, not 1",
        ),
        (
            34,
            "spec.template.spec.containers[0].resources.requests[amd.com/gpu]: an extended resource "
            "needs the same amount under limits: amd.com/gpu is missing there",
        ),
        (
            34,
            "spec.template.spec.containers[0].resources.requests[amd.com/gpu]: no DeviceClass and no "
            "node offers amd.com/gpu",
        ),
    ],
    "claim-fields": [
        (7, "spec.devices.requests[0]: a request needs exactly one of exactly and firstAvailable"),
        (
            8,
            "spec.devices.requests[0].deviceClass: unknown field deviceClass, did you mean "
            "exactly.deviceClassName?",
        ),
        (
            13,
            "spec.devices.requests[1].exactly.capacity.memory: unknown field memory: it belongs under "
            "requests",
        ),
        (19, "spec.spec: unknown field spec, is a ResourceClaimTemplate meant?"),
    ],
    "kinds": [
        (
            2,
            "kind: resource.k8s.io has no kind ResourceClass (gone with v1alpha2): use a DeviceClass",
        ),
        (7, "kind: resource.k8s.io has no kind ResourceClaimTemplates, did you mean ResourceClaimTemplate?"),
        (12, "kind: resource.k8s.io has no kind Deviceclass, did you mean DeviceClass?"),
        (15, "apiVersion: a ResourceClaim is in group 'resource.k8s.io', not 'apps'"),
        (
            21,
            "kind: parameter objects went with classic DRA (Kubernetes 1.32): selectors and "
            "config of a request "
            "have taken their place",
        ),
        (24, "apiVersion: apps/v1beta2 is not served by Kubernetes 1.37: StatefulSet is in apps/v1"),
        (30, "kind: the core group has no kind StatefullSet, is StatefulSet (apps/v1) meant?"),
        (35, "kind: kubeflow.org has no kind PytorchJob, did you mean PyTorchJob?"),
        (39, "is not a Kubernetes object: it has no apiVersion and no kind"),
    ],
    "counters-beside-devices": [
        (
            8,
            "spec.sharedCounters: a slice holds either sharedCounters or devices since Kubernetes 1.35: "
            "publish two slices",
        )
    ],
    "counters-beside-devices, 1.34": [],
    "chart": [(1, "is a Helm or Go template: render it first, as with `helm template`")],
    "variables": [(5, "has variables to be filled in, like ${COUNT}: do that first, as with `envsubst`")],
    "quoted-template": [(3, "is a Helm or Go template: render it first, as with `helm template`")],
    "classic": [
        (
            1,
            "apiVersion: resource.k8s.io/v1alpha2 is not served since Kubernetes 1.31: ResourceClaimTemplate "
            "is in resource.k8s.io/v1 and resource.k8s.io/v1beta1 and resource.k8s.io/v1beta2",
        )
    ],
    "patches": [],
    "quoted-values": [
        (10, "is a Helm or Go template: render it first, as with `helm template`"),
        (15, "has variables to be filled in, like ${CLASS}: do that first, as with `envsubst`"),
        (15, "has variables to be filled in, like ${COUNT}: do that first, as with `envsubst`"),
    ],
    "no-misspelling": [],
    "idle": [],
    "values": [(2, "is not a Kubernetes object: it has no apiVersion and no kind")],
    "job-with-variables": [
        (3, "has variables to be filled in, like ${SIZE}: do that first, as with `envsubst`")
    ],
    "indentation": [
        (6, "spec.selectors[0]: cel is missing"),
        (7, "spec.selectors[0].expression: unknown field expression: it belongs under cel"),
    ],
    "old-fields": [
        (5, "spec.controller: unknown field controller"),
        (11, "spec.suitableNodes: unknown field suitableNodes"),
        (
            19,
            "spec.skipNodeOperations: Kubernetes 1.37 ignores it unless the feature gate "
            "DRAOptionalNodeOperations is on (--feature OptionalNodeOperations=true)",
        ),
    ],
    "old-fields, 1.36": [
        (5, "spec.controller: unknown field controller"),
        (11, "spec.suitableNodes: unknown field suitableNodes"),
        (19, "spec.skipNodeOperations: unknown field skipNodeOperations before Kubernetes 1.37"),
    ],
}
NOT_PLANNED = {
    "quoted-values": "10: is a Helm or Go template: render it first, as with `helm template`",
    "classic": "resource.k8s.io/v1alpha2 was removed in Kubernetes 1.31: write it again for one of v1, ",
    "values": "values.yaml:2: is not a Kubernetes object: it has no apiVersion and no kind",
    "idle": "the workloads create no Pods, their replicas are 0: ask with another number of replicas",
    "job-with-variables": "variables.yaml:3: has variables to be filled in, like ${SIZE}: do that first",
}


@pytest.mark.parametrize(("name", "why"), NOT_PLANNED.items(), ids=NOT_PLANNED)
def test_plan_refuses_what_check_names(cli: Cli, name: str, why: str) -> None:
    ran = cli("plan", "-f", HERE / "corpus" / f"{name}.yaml", "--snapshot", CLUSTER)

    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err


OF_ANOTHER_CLUSTER = {"gpu-or-cpu", "halves"}
FLAGS = {
    "operator, with its template named": ("--generated", "leased"),
    "old-fields, 1.36": ("--kubernetes-version", "v1.36.3"),
    "counters-beside-devices, 1.34": (
        *("--kubernetes-version", "1.34"),
        *("--feature", "PartitionableDevices=true"),
    ),
}
BESIDE = (
    "idle",
    "operator",
    "machines",
    "pod-fields",
    "built-in",
    "training",
    "serving",
    "ray",
    "runners",
    "unknown",
    "domain",
    "workflows",
    "step-claims",
    "claim-twice",
    "pod-claims",
    "patches",
)


LOSE_THEIR_CLAIMS = {
    "claim-twice": "7: Pod default/a: spec.resourceClaims[1].name: duplicate claim name 'gpu'",
    "pod-claims": "14: Pod default/a: spec.containers[0].resources.claims[0]: must be an object, like "
    "`- name: gpu`",
    "pod-fields": "6: Pod default/a: spec.resourceclaims: unknown field resourceclaims, did you mean "
    "resourceClaims?",
}


@pytest.mark.parametrize(("name", "why"), LOSE_THEIR_CLAIMS.items(), ids=LOSE_THEIR_CLAIMS)
def test_pods_that_would_lose_their_claims_are_not_planned(cli: Cli, name: str, why: str) -> None:
    file = HERE / "corpus" / f"{name}.yaml"

    ran = cli("plan", "-f", file, "--snapshot", CLUSTER)

    assert (ran.code, ran.out) == (2, "")
    assert f"{file}:{why}" in ran.err


@pytest.mark.parametrize(("name", "expected"), FINDINGS.items(), ids=FINDINGS)
def test_every_finding_is_named_at_its_line(cli: Cli, name: str, expected: list[tuple[int, str]]) -> None:
    file = HERE / "corpus" / f"{name.partition(',')[0]}.yaml"
    files = [file, TEMPLATES] if file.stem in BESIDE else [file]

    ran = cli("check", "-f", *files, "--snapshot", CLUSTER, *FLAGS.get(name, ()))

    found = [line.removeprefix(f"{file}:") for line in ran.out.splitlines()]
    assert found == [f"{line}: {message}" for line, message in expected]
    assert ran.code == (1 if expected else 0)


def test_every_file_of_the_corpus_has_its_findings() -> None:
    named = {name.partition(",")[0] for name in FINDINGS} | OF_ANOTHER_CLUSTER
    assert {file.stem for file in (HERE / "corpus").iterdir()} == named


def test_devices_of_two_drivers_with_pools_of_one_name_are_told_apart(cli: Cli) -> None:
    ran = cli(
        "plan",
        "-f",
        HERE / "corpus" / "gpu-or-cpu.yaml",
        "--snapshot",
        HERE / "clusters" / "one-pool-name.yaml",
    )

    rows = [line.split(maxsplit=2)[2] for line in ran.out.splitlines() if line.startswith("default/")]
    assert rows == [
        "any: gpu.example.com/worker/dev-0 (as any/gpu)",
        "any: cpu.example.com/worker/dev-0 (as any/cpu)",
    ]


def test_pods_that_fit_together_are_pointed_to_all_or_nothing(cli: Cli) -> None:
    asked = ("-f", HERE / "corpus" / "halves.yaml", "--snapshot", HERE / "clusters" / "halves.yaml")

    alone = cli("plan", *asked)
    together = cli("plan", *asked, "--all-or-nothing")

    assert (alone.code, together.code) == (1, 0)
    assert "all 2 Pods fit together, though not one after the other: --all-or-nothing" in alone.err
    assert "fit together, though" not in together.err
