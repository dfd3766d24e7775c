"""`plan` and a question over HTTP refuse the same Pods, for the same field and reason."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.core.json_object import JsonObject
from tests.api.conftest import Asked, run
from tests.objects import device, device_class, node, slice_of, template
from tests.refused_pods import ACCEPTED, REFUSED, REFUSED_CLAIMS, job, pod, spec

if TYPE_CHECKING:
    from conftest import Cli

OBJECTS = (node("n1"), device_class(), slice_of("n1", device("d0"), device("d1")), template("t"))
STEP = {"name": "main", "resources": {"claim": [{"name": "gpu"}]}}
ELSEWHERE: dict[str, tuple[str, str, JsonObject, str]] = {
    "a step of a workflow": (
        "argoproj.io/v1alpha1",
        "Workflow",
        {"templates": [{"name": "t", "container": STEP}]},
        "templates[0].container",
    ),
    "a model": (
        "serving.kserve.io/v1beta1",
        "InferenceService",
        {"predictor": {"model": STEP}},
        "predictor.model",
    ),
}
"""Containers in other places than those of a Pod."""
KINDS: dict[str, tuple[Callable[[JsonObject], JsonObject], str]] = {
    "Pod": (pod, "spec"),
    "Job": (job, "spec.template.spec"),
}


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": OBJECTS}))
    return path


def planned(cli: "Cli", snapshot: Path, *raw: JsonObject) -> tuple[int, str]:
    manifest = snapshot.with_name("manifest.json")
    manifest.write_text("\n".join(map(json.dumps, raw)))
    ran = cli("plan", "-f", manifest, "--snapshot", snapshot)
    return ran.code, ran.err


def asked(snapshot: Path, raw: JsonObject, *objects: JsonObject) -> tuple[int, dict[str, str]]:
    async def question(service: Asked) -> tuple[int, dict[str, str]]:
        body = {"workloads": [raw], "objects": objects}
        answer = await service.client.post("/api/v1/placements", json=body)
        return answer.status_code, answer.json().get("error", {})

    return run(snapshot, question)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", REFUSED)
def test_both_refuse_it_for_the_same_field(cli: "Cli", snapshot: Path, case: str, kind: str) -> None:
    spec, below, message = REFUSED[case]
    make, above = KINDS[kind]

    code, printed = planned(cli, snapshot, make(spec))
    status, error = asked(snapshot, make(spec))

    assert code == 2
    assert f": {kind} default/p: {above}.{below}: {message}" in printed
    assert (status, error["code"]) == (422, "InvalidObject")
    assert error["path"] == f"workloads[0].{above}.{below}"
    assert error["message"] == f"{kind} default/p: {message}"


@pytest.mark.parametrize(("version", "kind", "spec", "at"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_both_refuse_it_in_containers_of_other_kinds(
    cli: "Cli", snapshot: Path, version: str, kind: str, spec: JsonObject, at: str
) -> None:
    meta = {"name": "p", "namespace": "default"}
    raw = {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec}

    code, printed = planned(cli, snapshot, raw)
    status, error = asked(snapshot, raw)

    assert (code, status) == (2, 422)
    assert f"spec.{at}.resources.claim: unknown field claim, did you mean claims?" in printed
    assert error["path"] == f"workloads[0].spec.{at}.resources.claim"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ACCEPTED)
def test_both_accept_it(cli: "Cli", snapshot: Path, case: str, kind: str) -> None:
    raw = KINDS[kind][0](ACCEPTED[case])

    assert planned(cli, snapshot, raw)[0] == 0
    assert asked(snapshot, raw) == (200, {})


CLAIM_KINDS = {"ResourceClaim": "spec", "ResourceClaimTemplate": "spec.spec"}


def claim_of(kind: str, spec: JsonObject, name: str = "t") -> JsonObject:
    meta = {"name": name, "namespace": "default"}
    below = spec if kind == "ResourceClaim" else {"spec": spec}
    return {"apiVersion": "resource.k8s.io/v1", "kind": kind, "metadata": meta, "spec": below}


@pytest.mark.parametrize("kind", CLAIM_KINDS)
@pytest.mark.parametrize("case", REFUSED_CLAIMS)
def test_both_refuse_a_claim_for_the_same_field(cli: "Cli", snapshot: Path, case: str, kind: str) -> None:
    devices, below, message = REFUSED_CLAIMS[case]
    raw, path = claim_of(kind, devices), f"{CLAIM_KINDS[kind]}.devices.requests[0].{below}"

    code, printed = planned(cli, snapshot, pod(spec()), raw)
    status, error = asked(snapshot, pod(spec()), raw)

    assert code == 2
    assert f": {kind} default/t: {path}: {message}" in printed
    assert (status, error["code"]) == (422, "InvalidObject")
    assert error["path"] == f"objects[0].{path}"
    assert error["message"] == f"{kind} default/t: {message}"


@pytest.mark.parametrize("name", ["\0", "P", "a_b", "a" * 254])
def test_both_refuse_a_name_that_no_object_has(cli: "Cli", snapshot: Path, name: str) -> None:
    code, printed = planned(cli, snapshot, pod(spec(), name))
    status, error = asked(snapshot, pod(spec(), name))

    text = "must be lower-case letters, digits, '-' and '.', at most 253, not"
    assert (code, status) == (2, 422)
    assert f"metadata.name: {text} " in printed
    assert error["path"] == "workloads[0].metadata.name"
    assert text in error["message"]


def test_a_claim_that_is_allocated_is_taken_as_it_is(cli: "Cli", snapshot: Path) -> None:
    """An API server has accepted it, maybe one with other rules."""
    devices, _, _ = REFUSED_CLAIMS["an unknown operator"]
    raw = claim_of("ResourceClaim", devices, "allocated")
    raw["status"] = {"allocation": {"devices": {"results": []}}}

    assert planned(cli, snapshot, pod(spec()), raw)[0] == 0
    assert asked(snapshot, pod(spec()), raw) == (200, {})
