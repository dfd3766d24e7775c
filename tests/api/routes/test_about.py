"""The version of the cluster: what is said of it, and that verdicts follow from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.core.json_object import JsonObject
from tests.api.conftest import Asked, run
from tests.objects import claim, device, device_class, node, pod, slice_of

CLASS = "gpu.example.com"
ALTERNATIVES = claim("either") | {
    "spec": {
        "devices": {
            "requests": [
                {"name": "gpu", "firstAvailable": [{"name": "any", "deviceClassName": CLASS, "count": 1}]}
            ]
        }
    }
}
OBJECTS = (node("n1"), device_class(CLASS), slice_of("n1", device("d0")), ALTERNATIVES)
RECORDED: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "nothing": ({}, {"server": "", "version": "1.37", "gates": "defaults", "changedGates": {}}),
    "a version": (
        {"dra-extender/kubernetes-version": "v1.33.13"},
        {"server": "v1.33.13", "version": "1.33", "gates": "defaults", "changedGates": {}},
    ),
    "a version and gates": (
        {
            "dra-extender/kubernetes-version": "v1.33.13",
            "dra-extender/feature-gates": "DRAAdminAccess=false,DRAPrioritizedList=true",
        },
        {
            "server": "v1.33.13",
            "version": "1.33",
            "gates": "reported",
            "changedGates": {"DRAPrioritizedList": True},
        },
    ),
}


def snapshot(path: Path, annotations: dict[str, str]) -> Path:
    file = path / "snapshot.json"
    document = {
        "kind": "List",
        "apiVersion": "v1",
        "metadata": {"annotations": annotations},
        "items": OBJECTS,
    }
    file.write_bytes(orjson.dumps(document))
    return file


@pytest.mark.parametrize("name", RECORDED)
def test_a_snapshot_is_served_with_the_version_that_it_records(tmp_path: Path, name: str) -> None:
    annotations, said = RECORDED[name]

    async def ask(asked: Asked) -> tuple[JsonObject, str, str]:
        overview = (await asked.get("/api/v1/overview"))["cluster"]
        assert (overview["version"], overview["rules"]) == (said["server"], said["version"])
        ready = await asked.client.get("/readyz", params={"verbose": ""})
        metrics = await asked.client.get("/metrics")
        return (await asked.get("/api/v1/version"))["kubernetes"], ready.text, metrics.text

    kubernetes, ready, metrics = run(snapshot(tmp_path, annotations), ask)
    features = kubernetes.pop("features")
    assert kubernetes == said
    lists = name != "a version"
    assert features["PrioritizedList"] is lists
    assert f"kubernetes: {said['server'] or said['version']}" in ready
    assert f'dra_extender_feature_enabled{{name="PrioritizedList"}} {float(lists)}' in metrics
    info = f'gates="{said["gates"]}",server="{said["server"]}",version="{said["version"]}"'
    assert f"dra_extender_kubernetes_info{{{info}}} 1.0" in metrics


# The version of the snapshot, of the settings, and of the question; whether alternatives (since 1.34) fit.
QUESTIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any], bool]] = {
    "the default": ("", {}, {}, True),
    "the snapshot is older": ("1.33", {}, {}, False),
    "the settings are newer than the snapshot": ("1.33", {"kubernetes_version": "1.34"}, {}, True),
    "the settings switch the feature on": ("1.33", {"features": {"PrioritizedList": True}}, {}, True),
    "the question is about an upgrade": ("1.33", {}, {"kubernetesVersion": "1.38"}, True),
    "the question is about an older version": ("", {}, {"kubernetesVersion": "v1.33.1"}, False),
    "the question switches the feature on": (
        "",
        {},
        {"kubernetesVersion": "1.33", "features": {"PrioritizedList": True}},
        True,
    ),
    "the settings hold for other versions too": (
        "1.34",
        {"features": {"PrioritizedList": True}},
        {"kubernetesVersion": "1.33"},
        True,
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_verdicts_are_those_of_the_version(tmp_path: Path, name: str) -> None:
    recorded, settings, question, fits = QUESTIONS[name]
    annotations = {"dra-extender/kubernetes-version": recorded} if recorded else {}

    async def ask(asked: Asked) -> JsonObject:
        return await asked.post("/api/v1/placements", {"pods": [pod("p", "either")], **question})

    assert run(snapshot(tmp_path, annotations), ask, **settings)["placed"] == int(fits)


@pytest.mark.parametrize("version", ["1.20", "latest", "", "1"])
def test_a_version_that_is_not_known_is_refused_with_the_field(
    inventory: Callable[..., Path], version: str
) -> None:
    async def ask(asked: Asked) -> JsonObject:
        body = {"pods": [pod("p", "either")], "kubernetesVersion": version}
        return await asked.post("/api/v1/placements", body, 422)

    assert run(inventory(*OBJECTS), ask)["error"]["path"] == "kubernetesVersion"


def test_the_version_of_the_program_is_there_too(inventory: Callable[..., Path]) -> None:
    async def ask(asked: Asked) -> JsonObject:
        return await asked.get("/api/v1/version")

    assert run(inventory(*OBJECTS), ask)["version"].count(".") == 2


COUNTED = slice_of("n1", device("whole"))
COUNTED["spec"] |= {"sharedCounters": [{"name": "gpu", "counters": {"memory": {"value": "40Gi"}}}]}
COUNTED["spec"]["devices"][0] |= {
    "consumesCounters": [{"counterSet": "gpu", "counters": {"memory": {"value": "40Gi"}}}]
}


@pytest.mark.parametrize(
    ("recorded", "question", "fits"),
    [("1.33", {}, True), ("1.34", {}, True), ("1.35", {}, False), ("", {"kubernetesVersion": "1.34"}, True)],
)
def test_counters_beside_devices_show_that_their_gate_is_on(
    tmp_path: Path, recorded: str, question: JsonObject, fits: bool
) -> None:
    """They are legal until 1.34, and an API server drops them while DRAPartitionableDevices is off."""
    annotations = {"dra-extender/kubernetes-version": recorded} if recorded else {}
    file = tmp_path / "snapshot.json"
    items = [node("n1"), device_class(CLASS), COUNTED, claim("one")]
    items[-1]["spec"]["devices"]["requests"][0]["exactly"]["deviceClassName"] = CLASS
    document = {"kind": "List", "apiVersion": "v1", "metadata": {"annotations": annotations}, "items": items}
    file.write_bytes(orjson.dumps(document))

    async def ask(asked: Asked) -> JsonObject:
        return await asked.post("/api/v1/placements", {"pods": [pod("p", "one")], **question})

    assert run(file, ask)["placed"] == int(fits)
