"""The OpenAPI document is whole: what client generators depend on stays as it is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.api.openapi.errors import ERRORS
from app.api.openapi.examples import REQUESTS
from app.api.openapi.schemas import tidy_schemas
from app.api.openapi.version_30 import as_openapi_30
from app.main import create_app
from app.settings.settings import Settings
from tests.api.conftest import Asked, run

DOCUMENT = create_app(Settings(snapshot=("x",))).openapi()
OPERATIONS = {
    "GET /api/v1/version": "getVersion",
    "GET /api/v1/overview/history": "getOverviewHistory",
    "GET /api/v1/changes": "getChanges",
    "GET /api/v1/claims": "listClaims",
    "GET /api/v1/classes": "listClasses",
    "GET /api/v1/decisions": "listDecisions",
    "GET /api/v1/devices": "listDevices",
    "GET /api/v1/devices/{driver}/{pool}/{device}": "getDevice",
    "GET /api/v1/dry-runs": "listDryRuns",
    "GET /api/v1/fleet": "listFleet",
    "GET /api/v1/matches": "matchDevices",
    "GET /api/v1/nodes": "listNodes",
    "GET /api/v1/overview": "getOverview",
    "GET /api/v1/pods": "listPods",
    "GET /api/v1/pods/{namespace}/{name}/explain": "explainPod",
    "GET /api/v1/policies": "listPolicies",
    "GET /api/v1/pools": "listPools",
    "GET /api/v1/stream": "streamChanges",
    "GET /api/v1/usage": "listUsage",
    "GET /healthz": "healthz",
    "GET /livez": "livez",
    "GET /metrics": "metrics",
    "GET /readyz": "readyz",
    "POST /api/v1/capacity": "countCapacity",
    "POST /api/v1/documents": "parseDocuments",
    "POST /api/v1/placements": "placePods",
    "POST /api/v1/repack": "planRepack",
    "POST /api/v1/sizing": "sizeNodes",
    "POST /scheduler/bind": "bindPod",
    "POST /scheduler/filter": "filterNodes",
    "POST /scheduler/preempt": "selectVictims",
    "POST /scheduler/prioritize": "prioritizeNodes",
}
"""Names of functions in clients: a new operation gets a line, and no line changes."""
CODES_IN = re.compile(r"HttpError\(\s*(\d{3}),\s*\"(\w+)\"")


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_operations_keep_their_names() -> None:
    assert {name: operation["operationId"] for name, operation in operations()} == OPERATIONS


@pytest.mark.parametrize("document", [DOCUMENT, as_openapi_30(DOCUMENT)], ids=["3.1", "3.0"])
def test_every_reference_has_a_target_and_every_component_is_used(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    references = set(re.findall(r'"#/components/(\w+/\w+)"', text))
    components = {
        f"{kind}/{name}"
        for kind, found in document["components"].items()
        if kind != "securitySchemes"
        for name in found
    }
    assert references == components


def test_every_body_is_a_type_by_name() -> None:
    for name, operation in operations():
        for body in (operation.get("requestBody", {}), operation["responses"]["200"]):
            for kind, content in body.get("content", {}).items():
                schema = content["schema"]
                assert kind != "application/json" or "$ref" in schema.get("items", schema), name


@pytest.mark.parametrize(
    ("name", "operation"), [*operations()], ids=lambda item: item if isinstance(item, str) else ""
)
def test_every_operation_says_what_it_may_refuse(name: str, operation: dict[str, Any]) -> None:
    statuses = set(operation["responses"])
    assert {"200", "400", "421", "500", "default"} <= statuses
    if "/api/" in name:
        assert {"401", "403", "429", "503"} <= statuses
    if name.startswith("POST"):
        assert {"408", "413", "415", "422"} <= statuses
    if "{" in name:
        assert "404" in statuses


def test_every_status_that_the_program_returns_is_in_the_document() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path("app").rglob("*.py"))
    assert {int(status) for status, _ in CODES_IN.findall(sources)} <= set(ERRORS)
    assert len(CODES_IN.findall(sources)) > 20


def test_answers_may_grow_and_requests_may_not() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert "additionalProperties" not in schemas["PlacementAnswer"]
    assert "additionalProperties" not in schemas["NodeItem"]
    assert schemas["PlacementRequest"]["additionalProperties"] is False
    assert schemas["MoreNodes"]["additionalProperties"] is False


def test_version_30_has_nothing_of_31() -> None:
    document = as_openapi_30(DOCUMENT)
    text = json.dumps(document)
    assert document["openapi"] == "3.0.3"
    assert '"type": "null"' not in text
    assert '"const":' not in text
    node = document["components"]["schemas"]["PodAnswer"]["properties"]["node"]
    assert node == {"type": "string", "nullable": True}
    gang = document["components"]["schemas"]["PlacementAnswer"]["properties"]["gang"]
    assert (gang["allOf"], gang["nullable"]) == ([{"$ref": "#/components/schemas/GangModel"}], True)


def test_two_types_of_one_name_are_a_mistake() -> None:
    schemas = [
        {"title": "Thing", "type": "object", "properties": {"a": {"type": kind}}}
        for kind in ("string", "integer")
    ]
    paths = {
        f"/{number}": {"get": {"responses": {"200": {"content": {"application/json": {"schema": schema}}}}}}
        for number, schema in enumerate(schemas)
    }
    with pytest.raises(ValueError, match="two types of the API have the name Thing"):
        tidy_schemas({"paths": paths, "components": {"schemas": {}}})


@pytest.mark.parametrize("name", REQUESTS)
def test_an_example_is_answered(name: str) -> None:
    (path,) = (key.removeprefix("POST ") for key, value in OPERATIONS.items() if value == name)

    async def evaluation(service: Asked) -> None:
        assert await service.post(path, REQUESTS[name])

    run(Path("examples/inventory"), evaluation)


def test_examples_are_in_the_document() -> None:
    body = DOCUMENT["paths"]["/api/v1/placements"]["post"]["requestBody"]["content"]["application/json"]
    assert body["example"] == REQUESTS["placePods"]
