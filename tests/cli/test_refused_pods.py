"""`plan` and a question over HTTP refuse the same Pods, for the same field and reason."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.core.json_object import JsonObject
from tests.api.conftest import Asked, run
from tests.objects import device, device_class, node, slice_of, template
from tests.refused_pods import ACCEPTED, REFUSED, job, pod

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


def planned(cli: "Cli", snapshot: Path, raw: JsonObject) -> tuple[int, str]:
    manifest = snapshot.with_name("manifest.json")
    manifest.write_text(json.dumps(raw))
    ran = cli("plan", "-f", manifest, "--snapshot", snapshot)
    return ran.code, ran.err


def asked(snapshot: Path, raw: JsonObject) -> tuple[int, dict[str, str]]:
    async def question(service: Asked) -> tuple[int, dict[str, str]]:
        answer = await service.client.post("/api/v1/placements", json={"workloads": [raw]})
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
