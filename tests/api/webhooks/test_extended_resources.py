"""Extended resources that a DeviceClass stands for, over HTTP: webhooks, dry runs, explain."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.api.conftest import Asked, run
from tests.objects import device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]
GPU = "example.com/gpu"


def backed_class() -> dict[str, Any]:
    raw = device_class()
    raw["spec"]["extendedResourceName"] = GPU
    return raw


def gpu_pod(name: str, resource: str = GPU) -> dict[str, Any]:
    raw = pod(name)
    del raw["spec"]["resourceClaims"]
    raw["spec"]["containers"][0]["resources"] = {"limits": {resource: "1"}}
    return raw


OBJECTS = (backed_class(), node("n1"), node("bare"), slice_of("n1", device("d0")))
ARGS = {"Nodes": None, "NodeNames": ["n1", "bare"]}


def test_filter_prioritize_and_bind_know_the_devices_behind_the_resource(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        answer = await service.post("/scheduler/filter", {"Pod": gpu_pod("p"), **ARGS})
        assert answer["NodeNames"] == ["n1"]
        assert list(answer["FailedNodes"]) == ["bare"]
        body = {"PodName": "p", "PodNamespace": "default", "PodUID": "uid-p", "Node": "n1"}
        assert (await service.post("/scheduler/bind", body))["Error"] == ""
        answer = await service.post("/scheduler/filter", {"Pod": gpu_pod("q"), **ARGS})
        assert not answer["NodeNames"]
        assert "in use" in answer["FailedAndUnresolvableNodes"]["n1"]
        shown = await service.get("/api/v1/pods/default/q/explain")
        reasons = {found["name"]: found["reasons"][0]["code"] for found in shown["nodes"]}
        assert reasons["n1"] == "DevicesInUse"

    run(inventory(*OBJECTS), evaluation)


def test_a_pod_whose_resources_no_class_stands_for_is_a_plain_one(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        raw = gpu_pod("p", "other.example.com/gpu") | {"metadata": "not even read"}
        service.app.state.service = replace(service.app.state.service, learns_pods=False)
        answer = await service.post("/scheduler/filter", {"Pod": raw, **ARGS})
        assert answer["NodeNames"] == ["n1", "bare"]

    run(inventory(*OBJECTS), evaluation)


def test_a_dry_run_places_pods_by_their_extended_resources(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        body = {"pods": [gpu_pod("p"), gpu_pod("q")]}
        answer = await service.post("/api/v1/placements", body)
        assert [item["node"] for item in answer["pods"]] == ["n1", None]
        (shown,) = answer["pods"][0]["claims"]
        assert shown["podClaim"] == "extended-resources"
        assert shown["claim"].startswith("p-extended-resources-")
        assert shown["allocation"]["devices"]["results"][0]["device"] == "d0"
        assert "in use" in answer["pods"][1]["summary"]

    run(inventory(*OBJECTS), evaluation)
