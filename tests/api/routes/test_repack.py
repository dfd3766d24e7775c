"""Which Pods to move, over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.json_object import JsonObject
from tests.api.conftest import Asked, run
from tests.objects import node
from tests.packed import OBJECTS, PAIR, running

Inventory = Callable[..., Path]


def repack(path: Path, status: int = 200, **body: Any) -> Any:
    async def evaluation(service: Asked) -> Any:
        before = service.app.state.service.state.revision
        answer = await service.post("/api/v1/repack", body, status)
        assert service.app.state.service.state.revision == before, "nothing is written"
        return answer

    return run(path, evaluation)


def test_the_pod_to_move_its_devices_and_the_place_of_the_waiting_one(inventory: Inventory) -> None:
    path = inventory(*OBJECTS, *running("x", "n1", "a"), *running("y", "n2", "b"))

    answer = repack(path, workloads=[PAIR])

    assert (answer["outcome"], answer["minimal"], answer["text"]) == (
        "fits",
        True,
        "1 Pod(s) to move: no fewer are enough",
    )
    (move,) = answer["moves"]
    assert (move["name"], move["from"], move["to"]) == ("x", "n1", "n2")
    assert move["claims"] == [
        {"claim": "x-claim", "before": ["gpu.example.com/n1/a"], "after": ["gpu.example.com/n2/a"]}
    ]
    assert [item["node"] for item in answer["pods"]] == ["n1"]


def test_pending_pods_of_the_inventory(inventory: Inventory) -> None:
    path = inventory(*OBJECTS, *running("x", "n1", "a"), *running("y", "n2", "b"), PAIR)
    assert len(repack(path, pending=True)["moves"]) == 1


def test_a_plan_is_checked_on_the_inventory_as_it_is(inventory: Inventory) -> None:
    path = inventory(*OBJECTS, *running("x", "n1", "a"), *running("y", "n2", "b"))
    step = {"namespace": "default", "name": "x", "to": "n2"}

    answer = repack(path, workloads=[PAIR], moves=[step])
    assert (answer["outcome"], answer["text"]) == ("fits", "1 Pod(s) to move, as planned")
    assert [(move["uid"], move["from"], move["to"]) for move in answer["moves"]] == [("x", "n1", "n2")]

    answer = repack(path, workloads=[PAIR], moves=[step | {"name": "z"}])
    assert (answer["outcome"], answer["moves"]) == ("impossible", [])
    # Nobody waits any more: that is no mistake of a plan.
    assert repack(path, pending=True, moves=[])["outcome"] == "fits"


def test_moves_until_fragmentation_is_below_a_bound(inventory: Inventory) -> None:
    path = inventory(*OBJECTS, *running("x", "n1", "a"), *running("y", "n2", "b"))

    async def evaluation(service: Asked) -> Any:
        return await service.get("/api/v1/overview")

    shown = run(path, evaluation)["total"]["fragmentation"]
    assert shown > 0

    answer = repack(path, fragmentationBelow=0.01)
    assert (answer["outcome"], answer["minimal"], len(answer["moves"]), answer["pods"]) == (
        "fits",
        True,
        1,
        [],
    )
    assert answer["fragmentation"] == {"before": pytest.approx(shown, abs=1e-3), "after": 0}

    steps = [{name: answer["moves"][0][name] for name in ("namespace", "name", "to")}]
    assert repack(path, fragmentationBelow=0.01, moves=steps)["outcome"] == "fits"
    stale = repack(path, fragmentationBelow=0.01, moves=[steps[0] | {"to": "n3"}])
    assert (stale["outcome"], stale["text"][:7]) == ("impossible", "step 1:")


def test_a_bound_that_no_moves_reach_is_told_with_the_lowest(inventory: Inventory) -> None:
    path = inventory(*OBJECTS, node("n3"), *running("x", "n1", "a"), *running("y", "n2", "b"))
    answer = repack(path, fragmentationBelow=0.01, nodes=["n3"])
    assert (answer["outcome"], answer["moves"]) == ("impossible", [])
    assert answer["text"] == "no sequence of up to 50 moves leads to fragmentation below 1.0%"
    assert answer["fragmentation"]["after"] == answer["fragmentation"]["before"]


def test_none_is_found_where_none_may_move(inventory: Inventory) -> None:
    alone, held = running("x", "n1", "a")
    del alone["metadata"]["ownerReferences"]
    path = inventory(*OBJECTS, alone, held, *running("y", "n2", "b"))

    answer = repack(path, workloads=[PAIR], remove=[{"kind": "Node", "name": "n2"}])

    assert (answer["outcome"], answer["moves"]) == ("impossible", [])
    assert answer["stays"]["no controller would create it again"] == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "pods"),
        ({"workloads": [PAIR], "maxMoves": 0}, "maxMoves"),
        ({"workloads": [PAIR], "fragmentationBelow": 0.5}, "fragmentationBelow"),
        ({"fragmentationBelow": 0}, "fragmentationBelow"),
        ({"fragmentationBelow": 1.5}, "fragmentationBelow"),
        ({"workloads": [PAIR], "maxMoves": True}, "maxMoves"),
        ({"workloads": [PAIR], "moves": 3}, "moves"),
    ],
    ids=[
        "nothing to place",
        "no moves",
        "with Pods",
        "a bound of 0",
        "a bound above 1",
        "true is no number",
        "unknown field",
    ],
)
def test_bad_input_names_the_field(inventory: Inventory, body: JsonObject, path: str) -> None:
    assert repack(inventory(*OBJECTS), 422, **body)["error"]["path"] == path
