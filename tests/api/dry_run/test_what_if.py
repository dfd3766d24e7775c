"""Dry runs on the cluster as it would be, all or nothing, and how many more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.json_object import JsonObject
from tests.api.conftest import Asked, run
from tests.core.diagnosis.inventory import claim, cls, dev, node, pod, pool, req, template
from tests.objects import DRIVER

Inventory = Callable[..., Path]
BLUE = f'device.attributes["{DRIVER}"].colour == "blue"'
CAT = f'device.attributes["{DRIVER}"].colour == "cat"'


def holder(name: str, node_name: str) -> JsonObject:
    """A Pod that runs on a node, with a claim of the same name."""
    raw = pod(name)
    raw["metadata"] |= {"name": name, "uid": "uid-somebody"}
    raw["spec"]["nodeName"] = node_name
    return raw


OBJECTS = (
    node("n1"),
    node("n2"),
    cls(),
    pool("n1", dev("a")),
    pool("n2", dev("a")),
    claim("busy", holds="n1/a"),
    holder("busy", "n1"),
    template("t"),
)
WANTED = pod(templates=("t",))


def place(path: Path, **body: Any) -> Any:
    async def evaluation(service: Asked) -> Any:
        before = service.app.state.service.state.revision
        answer = await service.post("/api/v1/placements", body)
        assert service.app.state.service.state.revision == before, "nothing is written"
        return answer

    return run(path, evaluation)


def nodes_of(answer: JsonObject) -> dict[str, str | None]:
    return {item["name"]: item["node"] for item in answer["pods"]}


def test_a_drained_node_is_left_and_its_pods_come_first(inventory: Inventory) -> None:
    answer = place(inventory(*OBJECTS), drain=["n1"], pods=[WANTED])
    assert nodes_of(answer) == {"busy": "n2", "p": None}
    assert [item["evictedFrom"] for item in answer["pods"]] == ["n1", None]


def test_a_drain_alone_asks_where_its_pods_would_go(inventory: Inventory) -> None:
    answer = place(inventory(*OBJECTS), drain=["n1"])
    assert (answer["placed"], answer["unplaced"]) == (1, 0)


def test_a_claim_shared_with_another_node_keeps_its_devices(inventory: Inventory) -> None:
    """It is still in use there, and so binds the Pod that has to move."""
    both = claim("busy", holds="n1/a")
    both["status"]["reservedFor"].append({"resource": "pods", "name": "o", "uid": "uid-o"})
    others = (
        item for item in OBJECTS if (item["kind"], item["metadata"]["name"]) != ("ResourceClaim", "busy")
    )
    path = inventory(*others, both)
    answer = place(path, drain=["n1"])
    assert nodes_of(answer) == {"busy": None}


def test_more_nodes_like_one_have_free_devices_of_their_own(inventory: Inventory) -> None:
    extra = [{"like": "n1", "count": 2}]
    answer = place(inventory(*OBJECTS), addNodes=extra, workloads=[WANTED], replicas=4)
    assert (answer["placed"], answer["unplaced"]) == (3, 1)
    assert {"n1-more-1", "n1-more-2"} <= {item["node"] for item in answer["pods"]}


def test_more_nodes_like_one_of_a_pool_of_several_have_whole_pools(inventory: Inventory) -> None:
    shared = [pool(name, dev(f"of-{name}"), of=2) for name in ("n1", "n2")]
    for item in shared:
        item["spec"]["pool"]["name"] = "rack"
    path = inventory(node("n1"), node("n2"), cls(), *shared, template("t"))
    answer = place(path, addNodes=[{"like": "n1", "count": 2}], workloads=[WANTED], replicas=5)
    assert (answer["placed"], answer["unplaced"]) == (4, 1)


def test_more_nodes_like_a_cordoned_one_are_schedulable(inventory: Inventory) -> None:
    cordoned = node("n1", "node.kubernetes.io/unschedulable:NoSchedule", "gpu:NoSchedule", cordoned=True)
    tolerating = pod(templates=("t",), tolerations=[{"key": "gpu", "operator": "Exists"}])
    path = inventory(cordoned, cls(), pool("n1", dev("a")), template("t"))
    evaluation = {"addNodes": [{"like": "n1", "count": 1}]}
    assert nodes_of(place(path, pods=[tolerating], **evaluation)) == {"p": "n1-more-1"}
    assert nodes_of(place(path, pods=[WANTED], **evaluation)) == {"p": None}, (
        "other taints are the node's own"
    )


def test_a_tainted_device_is_passed_over(inventory: Inventory) -> None:
    taint = {"driver": DRIVER, "pool": "n2", "device": "a", "key": "repair", "effect": "NoSchedule"}
    answer = place(inventory(*OBJECTS), taints=[taint], pods=[WANTED])
    assert answer["unplaced"] == 1
    assert "repair:NoSchedule" in answer["pods"][0]["summary"]


def test_a_removed_claim_frees_what_it_held(inventory: Inventory) -> None:
    gone = [{"kind": "ResourceClaim", "name": "busy"}]
    assert place(inventory(*OBJECTS), remove=gone, workloads=[WANTED], replicas=2)["placed"] == 2


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"drain": ["n9"]}, "drain[0]"),
        ({"addNodes": [{"like": "n9", "count": 1}]}, "addNodes[0]"),
        ({"taints": [{"driver": "nobody", "key": "k"}]}, "taints[0]"),
        ({"taints": [{"driver": DRIVER, "key": ""}]}, "taints[0].key"),
    ],
)
def test_what_is_not_there_cannot_be_changed(inventory: Inventory, change: JsonObject, path: str) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.post("/api/v1/placements", {"pods": [WANTED], **change}, 422)
        assert answer["error"]["path"] == path

    run(inventory(*OBJECTS), evaluation)


def job(parallelism: int) -> JsonObject:
    """As on the task page: a claim of all Pods together, and one for each."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "cats"},
        "spec": {
            "parallelism": parallelism,
            "completions": 10,
            "template": {"spec": pod("big-blue", templates=("cat",))["spec"]},
        },
    }


@pytest.mark.parametrize(("number", "greedy", "together", "outcome"), [
    (1, 1, 1, "fits"), (3, 3, 3, "fits"), (4, 3, 0, "impossible"),
])  # fmt: skip
def test_all_or_nothing_goes_back_where_one_after_the_other_is_stuck(
    inventory: Inventory, number: int, greedy: int, together: int, outcome: str
) -> None:
    path = inventory(
        node("few"),
        node("many"),
        cls(),
        pool("few", dev("blue", colour="blue"), dev("cat", colour="cat")),
        pool("many", dev("blue", colour="blue"), *(dev(f"cat{i}", colour="cat") for i in range(3))),
        claim("big-blue", req(where=BLUE, allocationMode="All")),
        template("cat", req(where=CAT)),
    )
    assert place(path, workloads=[job(number)])["placed"] == greedy
    answer = place(path, workloads=[job(number)], allOrNothing=True)
    assert (answer["placed"], answer["gang"]["outcome"]) == (together, outcome)
    assert answer["placed"] + answer["unplaced"] == number


def test_how_many_more_says_what_the_next_one_lacks(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> Any:
        return await service.post(
            "/api/v1/capacity", {"pod": WANTED, "addNodes": [{"like": "n2", "count": 1}]}
        )

    answer = run(inventory(*OBJECTS), evaluation)
    assert answer["fits"] == 2
    assert answer["nodes"] == [{"name": "n2", "count": 1}, {"name": "n2-more-1", "count": 1}]
    assert answer["summary"] == "0/3 nodes fit: 3 node(s) had all matching devices in use for request r"
    texts = [item["text"] for item in answer["nearMisses"]]
    assert "if claim default/busy were released (node n1)" in texts
    assert not any("default/p-" in text for text in texts), "the Pods of the question are not to go"


@pytest.mark.parametrize(("priority", "victims"), [(5, ["busy"]), (0, [])])
def test_a_dry_run_says_whom_preemption_would_evict(
    inventory: Inventory, priority: int, victims: list[str]
) -> None:
    path = inventory(
        node("n1"),
        cls(),
        pool("n1", dev("a")),
        claim("busy", holds="n1/a"),
        holder("busy", "n1"),
        template("t"),
    )
    wanted = pod(templates=("t",))
    wanted["spec"]["priority"] = priority
    (told,) = place(path, pods=[wanted], preemption=True)["pods"]
    assert [item["name"] for item in told["preemption"]["victims"]] == victims
    assert told["preemption"]["node"] == ("n1" if victims else None)
    (silent,) = place(path, pods=[wanted])["pods"]
    assert silent["preemption"] is None
