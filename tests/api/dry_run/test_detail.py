"""``explain: none | summary | full``: what an answer has of its nodes, and how large it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Asked, run
from tests.objects import claim, device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]
CLASS = device_class()
TEMPLATE = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceClaimTemplate",
    "metadata": {"name": "one", "namespace": "default"},
    "spec": {
        "spec": {
            "devices": {
                "requests": [
                    {
                        "name": "gpu",
                        "exactly": {
                            "deviceClassName": CLASS["metadata"]["name"],
                            "selectors": [
                                {
                                    "cel": {
                                        "expression": 'device.attributes["gpu.example.com"].model == "X100"'
                                    }
                                }
                            ],
                        },
                    }
                ]
            }
        }
    },
}


def job(pods: int) -> dict[str, Any]:
    claims = [{"name": "gpu", "resourceClaimTemplateName": "one"}]
    template = {"spec": {"containers": [{"name": "c", "image": "i"}], "resourceClaims": claims}}
    spec = {"parallelism": pods, "completions": pods, "template": template}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "default"},
        "spec": spec,
    }


def cluster(nodes: int) -> list[Any]:
    """Of ten nodes one has no devices, three have others, and six have two that match."""
    objects: list[Any] = [CLASS, TEMPLATE]
    for index in range(nodes):
        name = f"node-{index:04}.example.internal"
        objects.append(node(name))
        if index % 10:
            model = "X40" if index % 10 < 4 else "X100"
            objects.append(slice_of(name, device("d0", model=model), device("d1", model=model)))
    return objects


def placed(inventory: Inventory, nodes: int, pods: int, **body: Any) -> Any:
    async def evaluation(service: Asked) -> Any:
        return await service.post("/api/v1/placements", {"workloads": [job(pods)], **body})

    return run(inventory(*cluster(nodes)), evaluation)


def test_a_hundred_pods_on_a_large_cluster_are_a_small_answer(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        body = {"workloads": [job(100)]}
        sizes = {}
        for level in ("none", "summary"):
            answer = await service.client.post("/api/v1/placements", json={**body, "explain": level})
            assert answer.json()["placed"] == 100
            sizes[level] = len(answer.content)
        assert sizes["none"] < sizes["summary"] < 300_000

    run(inventory(*cluster(1000)), evaluation)


def test_a_summary_has_reasons_by_group_and_evidence_once(inventory: Inventory) -> None:
    answer = placed(inventory, 1000, 3)
    first, second, _ = answer["pods"]
    counts = {group["headline"]: group["count"] for group in first["groups"]}
    assert sorted(counts.values()) == [100, 300]
    assert first["fitting"] == 600
    assert [group["distance"] for group in first["groups"]] == sorted(
        group["distance"] for group in first["groups"]
    )
    for group, again in zip(first["groups"], second["groups"], strict=True):
        assert group["explainedBy"] is None
        assert len(group["nodes"]) == 10
        assert group["reasons"][0]["code"] in ("NoDevices", "SelectorRejected")
        assert (again["headline"], again["count"]) == (group["headline"], group["count"])
        assert (again["nodes"], again["reasons"], again["explainedBy"]) == ([], [], "default/j-0")
    assert first["groups"][0]["reasons"][0]["evidence"] or first["groups"][1]["reasons"][0]["evidence"]
    assert first["fittingNodes"][0] == first["node"]
    assert len(first["fittingNodes"]) == 600, "all names, as there is room"
    assert [item["name"] for item in first["nodes"]] == [first["node"]]
    assert first["nodesOmitted"] == 999


@pytest.mark.parametrize("explain", [{}, {"explain": "summary"}])
def test_a_summary_of_few_nodes_has_each_of_them_too(inventory: Inventory, explain: dict[str, str]) -> None:
    first = placed(inventory, 20, 2, **explain)["pods"][0]
    verdicts = [item["verdict"] for item in first["nodes"]]
    assert (len(verdicts), verdicts.count("fits")) == (20, first["fitting"])
    assert all(item["reasons"] for item in first["nodes"] if item["verdict"] != "fits")
    assert sum(group["count"] for group in first["groups"]) + first["fitting"] == 20


def test_full_has_each_node_and_the_groups(inventory: Inventory) -> None:
    first = placed(inventory, 1000, 3, explain="full")["pods"][0]
    assert len(first["nodes"]) == 1000
    assert first["nodesOmitted"] == 0
    grouped = {group["headline"]: group["count"] for group in first["groups"]}
    listed: dict[str, int] = {}
    for item in first["nodes"]:
        if item["verdict"] != "fits":
            listed[item["headline"]] = listed.get(item["headline"], 0) + 1
    assert grouped == listed


def test_none_has_the_placement_alone(inventory: Inventory) -> None:
    first = placed(inventory, 20, 1, explain="none")["pods"][0]
    assert first["node"]
    assert first["claims"][0]["allocation"]
    about_nodes = ("nodes", "groups", "fittingNodes", "nearMisses")
    assert [first[name] for name in about_nodes] == [[], [], [], []]
    assert first["nodesOmitted"] == 20


def test_none_looks_for_no_near_misses(inventory: Inventory) -> None:
    answer = placed(inventory, 10, 13, explain="none")
    assert (answer["placed"], answer["unplaced"]) == (12, 1)
    assert answer["pods"][-1]["summary"]
    assert answer["pods"][-1]["nearMisses"] == []
    assert placed(inventory, 10, 13)["pods"][-1]["nearMisses"]


@pytest.mark.parametrize("nodes", [10, 1000])
def test_all_or_nothing_has_groups_too(inventory: Inventory, nodes: int) -> None:
    first = placed(inventory, nodes, 3, allOrNothing=True)["pods"][0]
    assert first["fitting"] == nodes * 6 // 10
    assert sum(group["count"] for group in first["groups"]) == nodes * 4 // 10


@pytest.mark.parametrize(
    ("level", "shown"),
    [({}, 20), ({"explain": "full"}, 20), ({"explain": "summary"}, 20), ({"explain": "none"}, 0)],
)
def test_explain_of_a_pod_has_the_same_levels(
    inventory: Inventory, level: dict[str, str], shown: int
) -> None:
    asking = pod("p", "c")

    async def evaluation(service: Asked) -> None:
        answer = await service.get("/api/v1/pods/default/p/explain", **level)
        assert len(answer["nodes"]) == shown
        assert answer["nodesOmitted"] == 20 - shown
        if shown:
            assert sum(group["count"] for group in answer["groups"]) == 2
            assert len(answer["fittingNodes"]) == answer["fitting"] == 18
            assert answer["groups"][0]["nodes"] == [
                "node-0000.example.internal",
                "node-0010.example.internal",
            ]
        else:
            assert (answer["groups"], answer["fittingNodes"]) == ([], [])

    run(inventory(*cluster(20), asking, claim("c")), evaluation)


def test_an_unknown_level_is_refused(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        body = {"workloads": [job(1)], "explain": "all"}
        assert (await service.post("/api/v1/placements", body, 422))["error"]["path"] == "explain"
        error = (await service.get("/api/v1/pods/default/p/explain", 400, explain="all"))["error"]
        assert error["path"] == "query.explain"

    run(inventory(*cluster(1), pod("p", "c"), claim("c")), evaluation)
