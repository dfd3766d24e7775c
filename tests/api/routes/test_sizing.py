"""Which nodes to add so that Pods fit, over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.json_object import JsonObject
from tests.api.conftest import Asked, run
from tests.core.diagnosis.inventory import cls, dev, node, pod, pool, req, template

Inventory = Callable[..., Path]
OBJECTS = (
    node("n1"),
    node("n2"),
    cls(),
    pool("n1", dev("a"), dev("b")),
    pool("n2", dev("a")),
    template("t"),
    template("pair", req(count=2)),
)
POD = pod(templates=("t",))
PAIR = pod(templates=("pair",))


def sizing(path: Path, status: int = 200, **body: Any) -> Any:
    async def evaluation(service: Asked) -> Any:
        before = service.app.state.service.state.revision
        answer = await service.post("/api/v1/sizing", body, status)
        assert service.app.state.service.state.revision == before, "nothing is written"
        return answer

    return run(path, evaluation)


def counts(answer: JsonObject) -> dict[str, int]:
    return {item["like"]: item["count"] for item in answer["shapes"]}


def test_the_fewest_nodes_beside_those_there_are(inventory: Inventory) -> None:
    answer = sizing(inventory(*OBJECTS), workloads=[POD], replicas=7, shapes=[{"like": "n2"}, {"like": "n1"}])
    assert (answer["outcome"], answer["minimal"], answer["nodesNeeded"], answer["price"]) == (
        "fits",
        True,
        2,
        2,
    )
    assert counts(answer) == {"n2": 0, "n1": 2}
    assert sorted({item["node"] for item in answer["pods"]}) == ["n1", "n1-more-1", "n1-more-2", "n2"]


def test_the_cheapest_nodes_may_be_more(inventory: Inventory) -> None:
    shapes = [{"like": "n2", "price": 1}, {"like": "n1", "price": 2.5}]
    answer = sizing(inventory(*OBJECTS), workloads=[POD], replicas=7, shapes=shapes)
    assert counts(answer) == {"n2": 4, "n1": 0}


def test_a_node_that_only_shows_what_new_ones_are_like(inventory: Inventory) -> None:
    shape = [node("big"), pool("big", *(dev(name) for name in "abcd"))]
    wanted = {"workloads": [PAIR], "replicas": 4, "objects": shape}
    answer = sizing(inventory(*OBJECTS), **wanted, shapes=[{"like": "big", "exists": False}])
    assert counts(answer) == {"big": 2}
    assert "big" not in {item["node"] for item in answer["pods"]}


def test_pods_that_wait_for_a_node(inventory: Inventory) -> None:
    waiting = [POD | {"metadata": {"name": f"w{number}", "namespace": "default"}} for number in range(4)]
    answer = sizing(inventory(*OBJECTS, *waiting), pending=True, shapes=[{"like": "n2"}])
    assert counts(answer) == {"n2": 1}
    assert [item["name"] for item in answer["pods"]] == ["w0", "w1", "w2", "w3"]


def test_nodes_that_can_never_do(inventory: Inventory) -> None:
    answer = sizing(inventory(*OBJECTS), workloads=[PAIR], replicas=2, shapes=[{"like": "n2"}])
    assert (answer["outcome"], answer["nodesNeeded"], answer["price"]) == ("impossible", None, None)
    assert answer["text"].startswith("no number of these nodes is enough")
    assert [item["node"] for item in answer["pods"]] == [None, None]


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"shapes": [{"like": "n1"}]}, "pods", "give at least one Pod"),
        ({"pods": [POD]}, "shapes", "required"),
        ({"pods": [POD], "shapes": []}, "shapes", "at least 1"),
        (
            {"workloads": [POD], "replicas": 9, "shapes": [{"like": "other"}]},
            "shapes",
            "Node other not found",
        ),
        ({"pods": [POD], "shapes": [{"like": "n1", "price": 0}]}, "shapes.0.price", "greater than"),
        ({"workloads": [POD], "replicas": 1_000_000, "shapes": [{"like": "n1"}]}, "replicas", "more than"),
    ],
)
def test_bad_input_names_the_field(inventory: Inventory, body: JsonObject, path: str, message: str) -> None:
    error = sizing(inventory(*OBJECTS), 422, **body)["error"]
    assert message.lower() in error["message"].lower()
    assert path.split(".", maxsplit=1)[0] in error["path"]
