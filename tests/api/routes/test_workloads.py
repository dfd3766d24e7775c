"""Workloads of any kind over HTTP: what the command line takes, the service takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.api.conftest import Asked, run
from tests.objects import claim, device, device_class, node, pod, slice_of, template

Inventory = Callable[..., Path]
Json = dict[str, Any]
OBJECTS = (
    node("n1"),
    device_class(),
    slice_of("n1", device("d0"), device("d1"), device("d2")),
    template("t"),
)


def pod_template(*templates: str) -> Json:
    return {"spec": pod("x", templates=templates)["spec"]}


def mpi_job(workers: int) -> Json:
    return {
        "apiVersion": "kubeflow.org/v2beta1",
        "kind": "MPIJob",
        "metadata": {"name": "train"},
        "spec": {
            "mpiReplicaSpecs": {
                "Launcher": {"template": pod_template()},
                "Worker": {"replicas": workers, "template": pod_template("t")},
            }
        },
    }


def unknown(*templates: Json) -> Json:
    return {
        "apiVersion": "ml.example.com/v1",
        "kind": "Training",
        "metadata": {"name": "some"},
        "spec": {"roles": [{"name": f"r{index}", "template": item} for index, item in enumerate(templates)]},
    }


NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
DOMAIN = {
    "apiVersion": "resource.nvidia.com/v1beta1",
    "kind": "ComputeDomain",
    "metadata": {"name": "domain"},
    "spec": {"channel": {"resourceClaimTemplate": {"name": "channel"}}},
}


def test_sets_of_pods_are_placed_with_their_own_numbers(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        answer = await service.post("/api/v1/placements", {"workloads": [mpi_job(4)]})

        assert [item["name"] for item in answer["pods"]] == [
            "train-launcher-0",
            *(f"train-worker-{n}" for n in range(4)),
        ]
        assert (answer["placed"], answer["unplaced"], answer["notes"]) == (4, 1, [])

    run(inventory(*OBJECTS), question)


def test_a_kind_that_is_not_known_is_planned_with_a_note(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        answer = await service.post("/api/v1/placements", {"workloads": [unknown(pod_template("t"))]})

        assert [item["name"] for item in answer["pods"]] == ["some-0"]
        [note] = answer["notes"]
        assert note.startswith("Training default/some: unknown kind, so spec.roles[0].template.spec")

    run(inventory(*OBJECTS), question)


def test_what_makes_no_pods_is_refused(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        service_object = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}}
        for raw in (service_object, unknown()):
            refused = await service.post("/api/v1/placements", {"workloads": [raw]}, 422)
            assert refused["error"]["path"] == "workloads[0].kind"

    run(inventory(*OBJECTS), question)


def test_replicas_are_for_workloads_with_one_template(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        refused = await service.post("/api/v1/placements", {"workloads": [mpi_job(1)], "replicas": 2}, 422)
        assert refused["error"]["path"] == "replicas"
        assert "MPIJob train has 2 Pod templates" in refused["error"]["message"]
        one = await service.post(
            "/api/v1/placements", {"workloads": [unknown(pod_template("t"))], "replicas": 2}
        )
        assert one["placed"] == 2

    run(inventory(*OBJECTS), question)


def test_capacity_counts_the_pods_that_ask_for_devices(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        answer = await service.post("/api/v1/capacity", {"workload": mpi_job(1)})
        assert (answer["fits"], answer["notes"]) == (3, [])
        guessed = await service.post("/api/v1/capacity", {"workload": unknown(pod_template("t"))})
        assert (guessed["fits"], len(guessed["notes"])) == (3, 1)
        two = unknown(pod_template("t"), pod_template("t"))
        refused = await service.post("/api/v1/capacity", {"workload": two}, 422)
        assert "several Pod templates (r0, r1)" in refused["error"]["message"]

    run(inventory(*OBJECTS), question)


def test_a_template_that_a_controller_makes_asks_for_nothing_and_is_named(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        asked = {"pods": [pod("p", templates=("channel",))]}
        without = await service.post("/api/v1/placements", asked)
        assert without["placed"] == 0
        for more in ({"objects": [DOMAIN]}, {"generated": [{"name": "channel"}]}):
            answer = await service.post("/api/v1/placements", asked | more)
            assert answer["placed"] == 1
            assert answer["notes"][0].startswith("ResourceClaimTemplate default/channel is created by ")

    run(inventory(*OBJECTS), question)


def test_a_template_that_is_there_is_judged_as_it_is(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        asked = {"pods": [pod(f"p{index}", templates=("t",)) for index in range(4)]}
        answer = await service.post("/api/v1/placements", asked | {"generated": [{"name": "t"}]})
        assert (answer["placed"], answer["notes"]) == (3, [])

    run(inventory(*OBJECTS), question)


def test_documents_are_told_apart_by_what_they_hold(inventory: Inventory) -> None:
    async def question(service: Asked) -> None:
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
        text = yaml.safe_dump_all(
            [mpi_job(1), unknown(pod_template()), unknown(), DOMAIN, config, template("u"), NAMESPACE]
        )
        answer = await service.client.post(
            "/api/v1/documents", content=text, headers={"Content-Type": "application/yaml"}
        )
        roles = ["workload", "workload", "ignored", "object", "ignored", "object", "object"]
        assert [item["role"] for item in answer.json()["items"]] == roles

    run(inventory(*OBJECTS), question)


def with_admin_access(raw: Json) -> Json:
    spec = raw["spec"]["spec"] if raw["kind"] == "ResourceClaimTemplate" else raw["spec"]
    spec["devices"]["requests"][0]["exactly"]["adminAccess"] = True
    return raw


REQUEST = "devices.requests[0]"
ADMIN: list[tuple[Json, str, str, str]] = [
    (with_admin_access(claim("look")), "true", "1.37", ""),
    (with_admin_access(claim("look")), "yes", "1.37", f"objects[1].spec.{REQUEST}.exactly.adminAccess"),
    (
        with_admin_access(template("look")),
        "yes",
        "1.37",
        f"objects[1].spec.spec.{REQUEST}.exactly.adminAccess",
    ),
    (with_admin_access(claim("look")), "true", "1.33", f"objects[1].spec.{REQUEST}.exactly.adminAccess"),
    (claim("look"), "yes", "1.37", ""),
]


@pytest.mark.parametrize(("asked", "label", "version", "path"), ADMIN)
def test_admin_access_needs_the_label_of_the_namespace(
    inventory: Inventory, asked: Json, label: str, version: str, path: str
) -> None:
    labels = {"resource.kubernetes.io/admin-access": label}
    namespace = NAMESPACE | {"metadata": {"name": "default", "labels": labels}}

    async def question(service: Asked) -> None:
        body = {"pods": [pod("p")], "objects": [namespace, asked], "kubernetesVersion": version}
        answer = await service.post("/api/v1/placements", body, 422 if path else 200)
        if path:
            assert answer["error"]["path"] == path
            assert answer["error"]["message"].startswith("the API server refuses it: namespace default ")

    run(inventory(*OBJECTS), question)
