"""No question is answered for a Pod that the API server refuses, wherever the question has it."""

import pytest
import yaml

from app.core.json_object import JsonObject
from app.core.model.errors import path_text
from tests.api.conftest import Asked, run
from tests.api.placement_objects import OBJECTS, Inventory
from tests.refused_pods import REFUSED, job, pod, spec

MISSPELT = REFUSED["resourceClaims in lower case"][0]
INVALID = REFUSED["a claim used twice"][0]
GOOD = pod(spec(), "good")
SHAPES = {"shapes": [{"like": "n1"}]}
QUESTIONS: dict[str, tuple[str, JsonObject, str]] = {
    "Pods to place": ("placements", {"pods": [GOOD, pod(MISSPELT)]}, "pods[1]"),
    "workloads to place": ("placements", {"workloads": [GOOD, job(MISSPELT)]}, "workloads[1].spec.template"),
    "objects": ("placements", {"pods": [GOOD], "objects": [pod(MISSPELT)]}, "objects[0]"),
    "a Pod to count": ("capacity", {"pod": pod(MISSPELT)}, "pod"),
    "a workload to count": ("capacity", {"workload": job(MISSPELT)}, "workload.spec.template"),
    "objects of a count": ("capacity", {"pod": GOOD, "objects": [pod(MISSPELT)]}, "objects[0]"),
    "Pods to buy nodes for": ("sizing", {"pods": [pod(MISSPELT)], **SHAPES}, "pods[0]"),
    "workloads to buy nodes for": (
        "sizing",
        {"workloads": [job(MISSPELT)], **SHAPES},
        "workloads[0].spec.template",
    ),
    "objects to buy nodes for": (
        "sizing",
        {"pods": [GOOD], "objects": [pod(MISSPELT)], **SHAPES},
        "objects[0]",
    ),
    "Pods to make room for": ("repack", {"pods": [pod(MISSPELT)]}, "pods[0]"),
    "workloads to make room for": ("repack", {"workloads": [job(MISSPELT)]}, "workloads[0].spec.template"),
    "waiting Pods among objects": ("repack", {"objects": [pod(MISSPELT)], "pending": True}, "objects[0]"),
}


@pytest.mark.parametrize(("route", "body", "where"), QUESTIONS.values(), ids=QUESTIONS)
def test_a_misspelt_field_is_refused_everywhere(
    inventory: Inventory, route: str, body: JsonObject, where: str
) -> None:
    async def question(service: Asked) -> None:
        answer = await service.post(f"/api/v1/{route}", body, 422)
        kind = "Job" if "template" in where else "Pod"
        assert answer["error"] == {
            "code": "InvalidObject",
            "message": f"{kind} default/p: unknown field resourceclaims, did you mean resourceClaims?",
            "path": f"{where}.spec.resourceclaims",
        }

    run(inventory(*OBJECTS), question)


def test_what_validation_refuses_is_refused_in_pods_and_among_objects(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        for body, where in (
            ({"pods": [pod(INVALID)]}, "pods[0]"),
            ({"pods": [GOOD], "objects": [GOOD, pod(INVALID)]}, "objects[1]"),
        ):
            answer = await service.post("/api/v1/placements", body, 422)
            assert answer["error"]["path"] == f"{where}.spec.containers[0].resources.claims[1]"
            assert answer["error"]["message"] == "Pod default/p: claim 'gpu' is named twice"

    run(inventory(*OBJECTS), question)


@pytest.mark.parametrize("bad", [MISSPELT, INVALID], ids=["misspelt", "invalid"])
def test_documents_are_refused_as_the_question_for_them_would_be(
    inventory: Inventory, bad: JsonObject
) -> None:
    async def question(service: Asked) -> None:
        text = yaml.safe_dump_all([GOOD, pod(bad)])
        headers = {"Content-Type": "application/yaml"}
        answer = await service.client.post("/api/v1/documents", content=text, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["error"]["path"].startswith("manifests[1].spec.")

    run(inventory(*OBJECTS), question)


@pytest.mark.parametrize("bad", [MISSPELT, INVALID], ids=["misspelt", "invalid"])
def test_a_pod_that_runs_is_taken_as_it_is(inventory: Inventory, bad: JsonObject) -> None:
    """An API server has accepted it: it dropped the unknown field, or had other rules."""

    async def question(service: Asked) -> None:
        body = {"pods": [GOOD], "objects": [pod(bad | {"nodeName": "n1"})]}
        assert (await service.post("/api/v1/placements", body))["placed"] == 1

    run(inventory(*OBJECTS), question)


@pytest.mark.parametrize("bad", [MISSPELT, INVALID], ids=["misspelt", "invalid"])
def test_waiting_pods_of_the_cluster_are_taken_as_they_are(inventory: Inventory, bad: JsonObject) -> None:
    async def question(service: Asked) -> None:
        waiting = pod(spec(), "waiting")
        assert (await service.post("/api/v1/placements", {"pods": [GOOD]}))["placed"] == 1
        body = {"pods": [waiting], "pending": True, **SHAPES}
        assert (await service.post("/api/v1/sizing", body))["pods"]

    run(inventory(*OBJECTS, pod(bad, "live")), question)


def test_the_first_of_several_problems_is_a_misspelt_field(inventory: Inventory) -> None:
    """That the container's claim is missing in the Pod is its consequence."""
    fields = MISSPELT | {
        "containers": [{"name": "c", "image": "i", "resources": {"claims": [{"name": "gpu"}]}}]
    }

    async def question(service: Asked) -> None:
        answer = await service.post("/api/v1/placements", {"pods": [pod(fields)]}, 422)
        assert answer["error"]["path"] == "pods[0].spec.resourceclaims"

    run(inventory(*OBJECTS), question)


@pytest.mark.parametrize("size", [100, 1_000_000])
def test_a_name_of_any_length_is_shown_in_part(inventory: Inventory, size: int) -> None:
    name = "resourceClaims".ljust(size, "s")
    bad = (
        {name: []},
        {"resourceClaims": [{"name": "gpu", "resourceClaimName": "c", name: 1}]},
        {"resourceClaims": [{"name": name, "resourceClaimName": "c"}]},
    )

    async def question(service: Asked) -> None:
        for fields in bad:
            made = pod({"containers": [{"name": "c", "image": "i"}]} | fields)
            answer = await service.client.post("/api/v1/placements", json={"pods": [made]})
            assert answer.status_code == 422
            assert path_text(("pods", 0, "spec")) in answer.json()["error"]["path"]
            assert len(answer.content) < 5_000

    run(inventory(*OBJECTS), question)


ODD: dict[str, JsonObject] = {
    "no spec": {"spec": None},
    "a spec that is a list": {"spec": []},
    "containers that are a map": {"spec": {"containers": {"resourceclaims": 1}}},
    "containers that are no objects": {"spec": {"containers": [1, None, "x"]}},
    "claims that are no objects": {"spec": {"containers": [], "resourceClaims": [1, None, []]}},
    "resources that are a list": {"spec": {"containers": [{"name": "c", "resources": [1]}]}},
    "limits that are a list": {"spec": {"containers": [{"name": "c", "resources": {"limits": [1]}}]}},
    "a kind that is a list": {"kind": ["Pod"]},
    "a version that is a number": {"apiVersion": 1},
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_pods_of_wrong_types_are_refused_too(inventory: Inventory, change: JsonObject) -> None:
    async def question(service: Asked) -> None:
        for body in ({"pods": [pod(spec()) | change]}, {"pods": [GOOD], "objects": [pod(spec()) | change]}):
            answer = await service.send("/api/v1/placements", body)
            assert answer.status_code == 422, answer.text
            assert answer.json()["error"]["code"] in ("InvalidObject", "InvalidField")

    run(inventory(*OBJECTS), question)


@pytest.mark.parametrize("raw", [None, 1, "Pod", [], {}])
def test_what_is_no_object_is_refused(inventory: Inventory, raw: object) -> None:
    async def question(service: Asked) -> None:
        answer = await service.send("/api/v1/placements", {"pods": [raw]})
        assert answer.status_code == 422

    run(inventory(*OBJECTS), question)
