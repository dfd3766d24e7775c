"""Bodies with as many invalid parts as fit: the first is found without the others, and it is named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from app.api.models.questions import PlacementRequest, RequestBody
from tests.api.conftest import Asked, run
from tests.objects import node

MANY = 20_000
FEW = 150
"""Errors that one body may have: those of the fields of one object."""


def models(parent: type[RequestBody] = RequestBody) -> Iterator[type[RequestBody]]:
    for model in parent.__subclasses__():
        yield model
        yield from models(model)


FIELDS = [
    (model, field.alias or name)
    for model in dict.fromkeys(models())
    for name, field in model.model_fields.items()
]


def errors_of(model: type[RequestBody], raw: dict[str, Any]) -> int:
    try:
        model.model_validate(raw)
    except ValidationError as error:
        return error.error_count()
    return 0


@pytest.mark.parametrize(("model", "field"), FIELDS, ids=lambda item: getattr(item, "__name__", item))
def test_no_field_has_an_error_for_each_of_its_items(model: type[RequestBody], field: str) -> None:
    for value in (
        [object()] * MANY,
        [{}] * MANY,
        [{str(number): 0 for number in range(MANY)}],
        {str(number): object() for number in range(MANY)},
    ):
        assert errors_of(model, {field: value}) < FEW


@pytest.mark.parametrize("model", dict.fromkeys(models()), ids=lambda item: item.__name__)
def test_unknown_fields_are_not_each_an_error(model: type[RequestBody]) -> None:
    assert 0 < errors_of(model, {str(number): 0 for number in range(MANY)}) < FEW
    assert 0 < errors_of(model, {str(number): None for number in range(MANY)}) < FEW


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "names that are none": ({"nodes": ["n1", 0, 0]}, "nodes[1]", "Input should be a valid string"),
    "too many names": (
        {"nodes": ["n"] * 100_001},
        "nodes",
        "List should have at most 100000 items after validation, not 100001",
    ),
    "too many features": (
        {"features": {str(number): True for number in range(65)}},
        "features",
        "Dictionary should have at most 64 items, not 65",
    ),
    "objects without a kind": ({"remove": [{}] * 9_000}, "remove[0].kind", "is required"),
    "unknown fields of a taint": (
        {"taints": [{"driver": "d", "key": "k"} | {f"x{number}": 0 for number in range(200)}]},
        "taints[0].x0",
        "unknown field",
    ),
    "unknown fields": (
        {"pods": []} | {f"x{number}": 0 for number in range(200)},
        "x0",
        "unknown field",
    ),
}


def test_the_first_error_is_named(tmp_path: Path) -> None:
    path = tmp_path / "node.json"
    path.write_bytes(orjson.dumps(node("n1")))

    async def scene(service: Asked) -> None:
        for name, (body, where, message) in REFUSED.items():
            answer = await service.client.post("/api/v1/placements", json=body)
            error = {"code": "InvalidField", "message": message, "path": where}
            assert (answer.status_code, answer.json()) == (422, {"error": error}), name
        long = await service.client.post("/api/v1/placements", json={"features": {"x" * 100_000: "x"}})
        assert long.status_code == 422
        assert len(long.content) < 5_000

    run(path, scene)


def test_the_names_of_a_large_cluster_are_accepted() -> None:
    names = [f"node-{number:06}" for number in range(100_000)]
    assert PlacementRequest.model_validate({"nodes": names}).nodes == names
