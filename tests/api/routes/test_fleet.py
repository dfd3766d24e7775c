"""What the page reads: nodes with their devices, what has changed, one device, matches, Pods, decisions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.api.cursors import cursor_after
from app.core.model.parse import parse
from tests.api.conftest import Asked, run
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]
HELD = claim("held") | {
    "status": {
        "allocation": allocation("n1", "d0") | {"allocationTimestamp": "2026-01-02T03:04:05Z"},
        "reservedFor": [{"resource": "pods", "name": "user", "uid": "u"}],
    }
}
GPU = device("d0", model="X100") | {
    "capacity": {"memory": {"value": "80Gi"}},
    "taints": [{"key": "worn", "value": "out", "effect": "NoSchedule"}],
}
NETWORK = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "ResourceSlice",
    "metadata": {"name": "network"},
    "spec": {
        "driver": "net.example.com",
        "allNodes": True,
        "pool": {"name": "switch", "generation": 1, "resourceSliceCount": 1},
        "devices": [device("port")],
    },
}
OBJECTS = (
    node("n1"),
    node("n2"),
    node("bare"),
    device_class(),
    slice_of("n1", GPU, device("d1", model="X40")),
    slice_of("n2", device("d0", model="X100")),
    NETWORK,
    HELD,
    claim("free", expression='device.driver == "gpu.example.com"'),
)


async def everything(service: Asked, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await service.get("/api/v1/fleet", limit=2, cursor=cursor, **params)
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


YAML = {"Content-Type": "application/yaml"}


def test_the_fleet_is_every_node_once_with_its_devices(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        items = await everything(service)
        assert [item["name"] for item in items] == ["*", "bare", "n1", "n2"]
        shared, bare, first, _ = items
        assert shared["kind"] == "shared"
        assert shared["pools"][0]["devices"][0] == {
            "device": "port",
            "state": "free",
            "nodes": ["*"],
            "nodesOmitted": 0,
        }
        assert bare["pools"] == []
        assert first["pools"] == [
            {
                "driver": "gpu.example.com",
                "pool": "n1",
                "devices": [
                    {"device": "d0", "state": "taken", "claims": ["default/held"]},
                    {"device": "d1", "state": "free"},
                ],
            }
        ]
        some = await service.get("/api/v1/fleet", node=["n2", "gone"])
        assert [item["name"] for item in some["items"]] == ["n2"]

    run(inventory(*OBJECTS), evaluation)


def test_after_a_change_only_its_nodes_are_to_be_read_again(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        first = await service.get("/api/v1/changes")
        assert first["changed"] is None
        state = service.app.state.service.state
        nothing = await service.get("/api/v1/changes", since=first["cursor"])
        assert nothing["changed"] == []
        state.upsert(parse(slice_of("n2", device("d0"), device("d1"))))
        state.upsert(parse(node("bare") | {"spec": {"unschedulable": True}}))
        second = await service.get("/api/v1/changes", since=first["cursor"])
        assert second["changed"] == ["bare", "n2"]
        assert (await service.get("/api/v1/changes", since=second["cursor"]))["changed"] == []
        state.delete("ResourceSlice", ("", "network"))
        assert (await service.get("/api/v1/changes", since=second["cursor"]))["changed"] is None

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize("cursor", ["", "nonsense", "another.1", ".", "x.99999999999999999999999999", "²"])
def test_a_cursor_that_means_nothing_asks_for_everything(inventory: Inventory, cursor: str) -> None:
    async def evaluation(service: Asked) -> None:
        assert (await service.get("/api/v1/changes", since=cursor))["changed"] is None
        epoch = service.app.state.service.epoch
        assert (await service.get("/api/v1/changes", since=f"{epoch}.{cursor}9"))["changed"] is None
        zeros = f"{epoch}.{'0' * 5000}"
        assert (await service.get("/api/v1/changes", since=zeros))["changed"] is None

    run(inventory(*OBJECTS), evaluation)


def test_a_device_tells_who_holds_it_and_since_when(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.get("/api/v1/devices/gpu.example.com/n1/d0")
        assert answer["state"] == "taken"
        assert answer["attributes"] == {"model": "X100"}
        assert answer["capacity"] == [{"name": "memory", "value": "80Gi", "consumed": None}]
        assert answer["taints"][0]["key"] == "worn"
        [holder] = answer["holders"]
        assert holder["since"] == "2026-01-02T03:04:05Z"
        assert holder["reservedFor"] == [{"resource": "pods", "name": "user", "uid": "u"}]
        for missing in ("gpu.example.com/n1/d9", "other/n1/d0", "gpu.example.com/a/b/d0"):
            refusal = await service.get(f"/api/v1/devices/{missing}", 404)
            assert refusal["error"]["code"] == "NotFound"

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"attribute": "model=X100"}, ["gpu.example.com/n1/d0", "gpu.example.com/n2/d0"]),
        ({"attribute": ["model=X100", "memory=80Gi"]}, ["gpu.example.com/n1/d0"]),
        ({"attribute": "model=none"}, []),
        (
            {"selector": 'device.attributes["gpu.example.com"].?model.orValue("") == "X40"'},
            ["gpu.example.com/n1/d1"],
        ),
        (
            {"selector": 'device.driver == "gpu.example.com"', "attribute": "model=X100"},
            ["gpu.example.com/n1/d0", "gpu.example.com/n2/d0"],
        ),
    ],
)
def test_matches(inventory: Inventory, params: dict[str, Any], found: list[str]) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.get("/api/v1/matches", **params)
        assert answer["items"] == found
        assert answer["failures"] == []

    run(inventory(*OBJECTS), evaluation)


def test_matches_tells_of_wrong_selectors_and_failing_evaluations(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        broken = await service.get("/api/v1/matches", 422, selector="device.nothing")
        assert broken["error"]["code"] == "InvalidSelector"
        assert (await service.get("/api/v1/matches", 400))["error"]["path"] == "query.selector"
        assert (await service.get("/api/v1/matches", 400, attribute="x"))["error"][
            "path"
        ] == "query.attribute"
        answer = await service.get(
            "/api/v1/matches", selector='device.attributes["gpu.example.com"].model == "X40"'
        )
        assert answer["items"] == ["gpu.example.com/n1/d1"]
        assert answer["failures"][0]["shapes"] == 1  # the port has no model

    run(inventory(*OBJECTS), evaluation)


def test_pending_pods_come_with_what_was_said_last(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        body = {"Pod": pod("p", "free"), "NodeNames": ["bare"], "Nodes": None}
        await service.post("/scheduler/filter", body)
        await service.post("/scheduler/filter", body)
        [item] = (await service.get("/api/v1/pods", pending=True))["items"]
        assert (item["name"], item["node"], item["claims"]) == ("p", None, ["free"])
        assert item["said"].startswith("0/1 nodes fit: 1 node(s) had no matching device for request r")
        [decision] = (await service.get("/api/v1/decisions"))["items"]
        assert (decision["verb"], decision["outcome"], decision["times"]) == ("filter", "refused", 2)

    run(inventory(*OBJECTS), evaluation)


def test_decisions_are_paged_newest_first(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        uid = pod("p", "free")["metadata"]["uid"]
        await service.post("/scheduler/filter", {"Pod": pod("p", "free"), "NodeNames": ["n1"], "Nodes": None})
        bind = {"PodName": "p", "PodNamespace": "default", "PodUID": uid, "Node": "n1"}
        assert (await service.post("/scheduler/bind", bind))["Error"] == ""
        await service.post("/scheduler/filter", {"Pod": pod("plain"), "NodeNames": ["n1"], "Nodes": None})
        first = await service.get("/api/v1/decisions", limit=1)
        assert [item["outcome"] for item in first["items"]] == ["bound"]
        second = await service.get("/api/v1/decisions", limit=1, cursor=first["next"])
        assert [item["outcome"] for item in second["items"]] == ["passed"]
        assert second["next"] is None
        assert (await service.get("/api/v1/decisions", name="q"))["items"] == []
        await service.get("/api/v1/decisions", 400, cursor="x")
        for text in ("9" * 5000, "0" * 5000, "٣", "-1"):
            error = (await service.get("/api/v1/decisions", 400, cursor=cursor_after(text)))["error"]
            assert (error["code"], error["path"]) == ("InvalidParameter", "query.cursor")

    run(inventory(*OBJECTS), evaluation)


def test_documents_sorts_manifests_into_what_a_dry_run_takes(inventory: Inventory) -> None:
    text = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {resourceClaims: [{name: c, resourceClaimName: free}]}
---
apiVersion: v1
kind: Pod
metadata: {name: there}
spec: {nodeName: n1}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
---
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: c}
spec: {devices: {requests: []}}
"""

    async def evaluation(service: Asked) -> None:
        answer = await service.client.post("/api/v1/documents", content=text, headers=YAML)
        items = answer.json()["items"]
        assert [item["role"] for item in items] == ["workload", "object", "ignored", "object"]
        placed = await service.post("/api/v1/placements", {"workloads": [items[0]["object"]]})
        assert placed["placed"] == 1

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize(
    ("text", "status", "says"),
    [
        ("a: [", 400, "manifests:2:"),
        ("- 1", 422, "manifests[0]"),
        ("kind: Pod\napiVersion: v1\nmetadata: {name: p}\nspec: {resourceClaims: 3}", 422, "resourceClaims"),
        ("kind: 3", 422, "manifests[0].apiVersion"),
        ("apiVersion: v1\nkind: [Pod]", 422, "manifests[0].kind"),
        ("apiVersion: v1\nkind: {}", 422, "manifests[0].kind"),
        ('{"kind": "X", "deep": ' + "[" * 300 + "]" * 300 + "}", 400, "nested"),
    ],
)
def test_documents_names_the_place_of_an_error(
    inventory: Inventory, text: str, status: int, says: str
) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.client.post("/api/v1/documents", content=text, headers=YAML)
        assert answer.status_code == status
        error = answer.json()["error"]
        assert says in error["message"] + error["path"]

    run(inventory(*OBJECTS), evaluation)


def test_policies_are_named_and_described(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.get("/api/v1/policies")
        names = [item["name"] for item in answer["items"]]
        assert answer["default"] in names
        assert {"binpack", "spread"} <= set(names)
        assert all(item["summary"] for item in answer["items"])

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", "multipart/form-data"]
)
def test_documents_takes_manifests_and_no_form_of_another_page(inventory: Inventory, kind: str) -> None:
    async def evaluation(service: Asked) -> None:
        headers = {"Content-Type": kind} if kind else {}
        answer = await service.client.post("/api/v1/documents", content=b"a: 1", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (415, "UnsupportedMediaType")

    run(inventory(*OBJECTS), evaluation)
