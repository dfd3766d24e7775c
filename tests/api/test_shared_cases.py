"""Cases with the in-tree allocator's answers, through POST /api/v1/placements.

The larger sets lie beside the repository where it is developed; the corpus of tests/core/allocator,
which is recorded from the same allocator, serves a clone that stands alone.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.api.conftest import Asked, run
from tests.objects import node

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared" / "data"


def cases(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) as lines:
        for line in lines:
            yield orjson.loads(line)


@pytest.mark.parametrize(("name", "engine"), [("fuzz", "fast"), ("cel", "fast"), ("cel", "reference")])
def test_verdicts_are_those_of_the_in_tree_allocator(name: str, engine: str, tmp_path: Path) -> None:
    path = SHARED / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip("only where the shared cases lie beside the repository")
    stand_in = tmp_path / "inventory.json"
    stand_in.write_bytes(orjson.dumps(node("unused")))

    async def evaluation(service: Asked) -> tuple[int, list[str]]:
        compared, wrong = 0, []
        for case in cases(path):
            answer = await service.post("/api/v1/placements", case["request"])
            found = {item["name"]: item["verdict"] for item in answer["pods"][0]["nodes"]}
            for where, expected in case["expect"]["nodes"].items():
                if expected["verdict"] != "order-dependent":
                    compared += 1
                    if found[where] != expected["verdict"]:
                        wrong.append(f"{case['name']} {where}: {found[where]}, not {expected['verdict']}")
        return compared, wrong

    compared, wrong = run(stand_in, evaluation, cel_engine=engine)
    assert compared > 250
    assert wrong == []
