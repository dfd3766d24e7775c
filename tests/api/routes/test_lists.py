"""Lists: what they select on the service's side, and the groups of the usage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.core.json_object import JsonObject
from tests.api.conftest import Asked, run
from tests.objects import allocation, claim, device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]
BORN = "2026-01-02T03:04:05Z"


def labelled(raw: JsonObject, **labels: str) -> JsonObject:
    return raw | {"metadata": raw["metadata"] | {"labels": labels, "creationTimestamp": BORN}}


def held(name: str, namespace: str, node_name: str, *devices: str) -> JsonObject:
    return claim(name, namespace=namespace) | {"status": {"allocation": allocation(node_name, *devices)}}


def waiting(name: str, message: str, reason: str = "Unschedulable") -> JsonObject:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return pod(name, "team") | {"status": {"phase": "Pending", "conditions": [condition]}}


def on_node(raw: JsonObject) -> JsonObject:
    return raw | {"spec": raw["spec"] | {"nodeName": "n1"}}


MEMORY = {"capacity": {"memory": {"value": "80Gi"}}}
OBJECTS = (
    labelled(node("n1"), zone="a", pool="gold"),
    labelled(node("n2"), zone="b"),
    node("n3", zone="b") | {"spec": {"unschedulable": True}},
    labelled(device_class("big", 'device.attributes["gpu.example.com"].model == "X100"'), tier="gold"),
    device_class("broken", "device.nothing"),
    slice_of(
        "n1", device("d0", model="X100") | MEMORY, device("d1", model="X100"), device("d2", model="X40")
    ),
    slice_of("n2", device("d0", model="X100"), device("d1", model="X40")),
    slice_of("n3", device("d0", model="X40"), count=2),
    labelled(held("team", "team-a", "n1", "d0"), app="train"),
    held("other", "team-b", "n1", "d2"),
    claim("free"),
    labelled(pod("p", "free"), app="train"),
    waiting("told", "0/3 nodes are available: 3 Insufficient cpu."),
    waiting("gated", "", "SchedulingGated")
    | {"spec": {"schedulingGates": [{"name": "g"}], "containers": []}},
    on_node(pod("placed", "free")),
    on_node(pod("running", "free")) | {"status": {"phase": "Running"}},
)
LISTS = {
    "nodes by name": ("nodes", {"name": ["n1", "n9"]}, "name", ["n1"]),
    "nodes by label": ("nodes", {"labelSelector": "zone in (b)"}, "name", ["n2", "n3"]),
    "devices by name": ("devices", {"name": "d2"}, "device", ["d2"]),
    "devices by pool and name": ("devices", {"name": "n2/d1"}, "pool", ["n2"]),
    "devices by whole name": ("devices", {"name": "gpu.example.com/n1/d1"}, "pool", ["n1"]),
    "devices by label of nodes": ("devices", {"labelSelector": "pool=gold"}, "device", ["d0", "d1", "d2"]),
    "devices of no node": ("devices", {"labelSelector": "zone=z"}, "device", []),
    "claims by name": ("claims", {"name": "team"}, "name", ["team"]),
    "claims by namespace and name": ("claims", {"name": "team-b/other"}, "name", ["other"]),
    "claims by label": ("claims", {"labelSelector": "app=train"}, "name", ["team"]),
    "pods by name": ("pods", {"name": "default/p"}, "name", ["p"]),
    "pods by label": ("pods", {"labelSelector": "app"}, "name", ["p"]),
    "pending pods": ("pods", {"pending": True}, "name", ["gated", "p", "told"]),
    "pools by name": ("pools", {"name": ["n1", "gpu.example.com/n2"]}, "pool", ["n1", "n2"]),
    "pools by label of nodes": ("pools", {"labelSelector": "zone=b"}, "pool", ["n2", "n3"]),
    "pools of a node": ("pools", {"node": "n3"}, "pool", ["n3"]),
    "pools of a driver": ("pools", {"driver": "nobody"}, "pool", []),
    "classes by label": ("classes", {"labelSelector": "tier=gold"}, "name", ["big"]),
    "classes by name": ("classes", {"name": "broken"}, "name", ["broken"]),
}


@pytest.mark.parametrize(("path", "params", "field", "found"), LISTS.values(), ids=LISTS)
def test_a_list_is_narrowed_by_the_service(
    inventory: Inventory, path: str, params: dict[str, Any], field: str, found: list[str]
) -> None:
    async def evaluation(service: Asked) -> None:
        assert [item[field] for item in (await service.get(f"/api/v1/{path}", **params))["items"]] == found
        # Page by page the same.
        paged, cursor = [], ""
        while cursor is not None:
            page = await service.get(f"/api/v1/{path}", limit=1, cursor=cursor, **params)
            paged += [item[field] for item in page["items"]]
            cursor = page["next"]
        assert paged == found

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize("path", ["nodes", "devices", "claims", "pods", "pools", "classes", "usage"])
def test_a_selector_of_labels_that_is_none_is_refused(inventory: Inventory, path: str) -> None:
    async def evaluation(service: Asked) -> None:
        refusal = await service.get(f"/api/v1/{path}", 400, labelSelector="a in b")
        assert refusal["error"]["path"] == "query.labelSelector"

    run(inventory(*OBJECTS), evaluation)


def test_devices_show_the_attributes_and_capacities_that_are_requested(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        [first, second, *_] = (await service.get("/api/v1/devices", show=["model", "memory"]))["items"]
        assert first["values"] == {"memory": "80Gi", "model": "X100"}
        assert second["values"] == {"model": "X100"}
        [plain, *_] = (await service.get("/api/v1/devices"))["items"]
        assert "values" not in plain
        [whole, *_] = (await service.get("/api/v1/devices", show="*"))["items"]
        assert whole["values"] == first["values"]

    run(inventory(*OBJECTS), evaluation)


def test_a_pod_has_a_status_and_the_reason_of_whoever_gave_one(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        pods = {item["name"]: item for item in (await service.get("/api/v1/pods"))["items"]}
        assert {name: item["status"] for name, item in pods.items()} == {
            "gated": "SchedulingGated",
            "p": "Pending",
            "placed": "Scheduled",
            "running": "Running",
            "told": "Pending",
        }
        assert pods["told"]["reason"] == "0/3 nodes are available: 3 Insufficient cpu."
        assert pods["gated"]["reason"] == "SchedulingGated"
        assert (pods["p"]["reason"], pods["p"]["labels"], pods["p"]["created"]) == (
            "",
            {"app": "train"},
            BORN,
        )
        body = {"Pod": waiting("told", "old news"), "NodeNames": ["n3"], "Nodes": None}
        await service.post("/scheduler/filter", body)
        [told] = (await service.get("/api/v1/pods", name="told"))["items"]
        assert told["reason"] == told["said"] != ""

    run(inventory(*OBJECTS), evaluation)


def test_nodes_pools_and_classes_have_a_status(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        nodes = (await service.get("/api/v1/nodes"))["items"]
        assert [item["status"] for item in nodes] == ["Ready", "Ready", "Ready,SchedulingDisabled"]
        pools = (await service.get("/api/v1/pools"))["items"]
        assert [(item["slices"], item["sliceCount"], item["status"]) for item in pools] == [
            (1, 1, "Ready"),
            (1, 1, "Ready"),
            (1, 2, "pool incomplete: 1 of 2 slices"),
        ]
        big, broken = (await service.get("/api/v1/classes"))["items"]
        assert (big["devices"]["taken"], big["devices"]["free"], big["status"]) == (1, 2, "Ready")
        assert "undefined field" in broken["status"]
        assert sum(broken["devices"].values()) == 0

    run(inventory(*OBJECTS), evaluation)


Row = tuple[str, int, int, int, int]
USAGE: dict[str, tuple[dict[str, Any], list[Row]]] = {
    "driver": ({}, [("gpu.example.com", 6, 2, 3, 2)]),
    "node": ({"by": "node"}, [("n1", 3, 2, 1, 1), ("n2", 2, 0, 2, 2), ("n3", 1, 0, 0, 0)]),
    "attribute": ({"by": "attribute:model"}, [("X100", 3, 1, 2, 1), ("X40", 3, 1, 1, 1)]),
    "capacity": ({"by": "attribute:memory"}, [("", 5, 1, 3, 2), ("80Gi", 1, 1, 0, 0)]),
    "label": ({"by": "label:zone"}, [("a", 3, 2, 1, 1), ("b", 3, 0, 2, 2)]),
    "namespace": ({"by": "namespace"}, [("", 4, 0, 3, 2), ("team-a", 1, 1, 0, 0), ("team-b", 1, 1, 0, 0)]),
    "two": (
        {"by": ["label:zone", "attribute:model"], "driver": "gpu.example.com"},
        [("a X100", 2, 1, 1, 1), ("a X40", 1, 1, 0, 0), ("b X100", 1, 0, 1, 1), ("b X40", 2, 0, 1, 1)],
    ),
    "one node": ({"node": "n2"}, [("gpu.example.com", 2, 0, 2, 2)]),
    "held in a namespace": ({"heldIn": "team-a"}, [("gpu.example.com", 1, 1, 0, 0)]),
    "labels of nodes": ({"labelSelector": "zone=a"}, [("gpu.example.com", 3, 2, 1, 1)]),
    "nothing": ({"driver": "nobody"}, []),
}


@pytest.mark.parametrize(("params", "rows"), USAGE.values(), ids=USAGE)
def test_usage_by(inventory: Inventory, params: dict[str, Any], rows: list[Row]) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.get("/api/v1/usage", **params)
        assert [
            (
                " ".join(item["group"].values()),
                *(item[name] for name in ("devices", "taken", "free", "largestFree")),
            )
            for item in answer["items"]
        ] == rows
        # These groups do not overlap.
        assert answer["total"]["devices"] == sum(row[1] for row in rows)
        assert all(sum(item["states"].values()) == item["devices"] for item in answer["items"])

    run(inventory(*OBJECTS), evaluation)


def test_usage_by_more_groups_than_a_response_has(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.state.occupancy.MAX_GROUPS", 2)

    async def evaluation(service: Asked) -> None:
        error = (await service.get("/api/v1/usage", 400, by="node"))["error"]
        assert (error["code"], error["path"]) == ("InvalidParameter", "query.by")
        assert error["message"].startswith("more than 2 groups: select devices by driver,")
        assert len((await service.get("/api/v1/usage", by="label:zone"))["items"]) == 2

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize(
    "by", ["nothing", "label:", "attribute:", ["node", "node"], ["a", "b", "c", "d", "e"]]
)
def test_usage_by_something_else_is_refused(inventory: Inventory, by: Any) -> None:
    async def evaluation(service: Asked) -> None:
        assert (await service.get("/api/v1/usage", 400, by=by))["error"]["path"] == "query.by"

    run(inventory(*OBJECTS), evaluation)


def test_a_device_that_several_namespaces_share_counts_once_in_the_total(inventory: Inventory) -> None:
    port = device("port") | {"allowMultipleAllocations": True, "capacity": {"rate": {"value": "10"}}}

    def share(name: str, namespace: str) -> JsonObject:
        raw = held(name, namespace, "n1", "port")
        raw["status"]["allocation"]["devices"]["results"][0] |= {
            "shareID": f"id-{name}",
            "consumedCapacity": {"rate": "1"},
        }
        return raw

    async def evaluation(service: Asked) -> None:
        answer = await service.get("/api/v1/usage", by="namespace")
        assert [item["group"]["namespace"] for item in answer["items"]] == ["a", "b"]
        assert (answer["total"]["devices"], answer["total"]["percent"]) == (1, 100.0)

    run(inventory(node("n1"), slice_of("n1", port), share("x", "a"), share("y", "b")), evaluation)
