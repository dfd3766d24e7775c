"""Explanations and dry runs name nothing of namespaces that their caller may not see."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cluster.client.reviews import AccessAttributes, ReviewResult
from app.core.json_object import JsonObject
from app.main import create_app
from app.settings.settings import Settings
from tests.api.conftest import Asked
from tests.objects import claim, device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]
Allowed = Callable[[AccessAttributes], bool]

CALLERS: dict[str, Allowed] = {
    "tenant": lambda access: access.namespace == "team-a",
    "planner": lambda access: access.verb == "create",
    "planner of team-b": lambda access: access.verb == "create" or access.namespace == "team-b",
    "planner of team-a": lambda access: access.verb == "create" or access.namespace == "team-a",
    "viewer": lambda _: True,
}


class Reviews:
    async def decide(self, token: str, access: AccessAttributes) -> ReviewResult:
        return ReviewResult(token, CALLERS[token](access))


def held(name: str, namespace: str, number: int, consumer: str) -> JsonObject:
    raw = claim(name, namespace=namespace)
    result = {"request": "r", "driver": "gpu.example.com", "pool": "node-7", "device": f"d{number}"}
    raw["status"] = {
        "allocation": {"devices": {"results": [result]}},
        "reservedFor": [{"resource": "pods", "name": consumer, "uid": f"uid-{consumer}"}],
    }
    return raw


def waiting(name: str, namespace: str, priority: int = 1000) -> JsonObject:
    raw = pod(name, "wanted")
    raw["metadata"]["namespace"] = namespace
    raw["spec"]["priority"] = priority
    return raw


def running(name: str, namespace: str, claim_name: str) -> JsonObject:
    raw = pod(name, claim_name)
    raw["metadata"]["namespace"] = namespace
    raw["spec"] |= {"nodeName": "node-7", "priority": 1}
    return raw


@pytest.fixture
def served(inventory: Inventory) -> Path:
    return inventory(
        node("node-7"),
        device_class(),
        slice_of("node-7", *(device(f"d{number}") for number in range(4))),
        # Of Pods that run, and of one that is gone.
        held("secret-0", "team-b", 0, "secret-pod"),
        running("secret-pod", "team-b", "secret-0"),
        held("secret-1", "team-b", 1, "secret-gone"),
        held("secret-2", "team-c", 2, "secret-other"),
        running("secret-other", "team-c", "secret-2"),
        held("known", "team-a", 3, "mine"),
        running("mine", "team-a", "known"),
        claim("wanted", namespace="team-a"),
        claim("wanted", namespace="team-b"),
        waiting("p", "team-a"),
    )


def asked(path: Path, caller: str, evaluation: Callable[[Asked], Awaitable[Any]]) -> Any:
    settings = Settings(snapshot=(str(path),)).model_copy(update={"auth": "token"})

    async def serve() -> Any:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            app.state.service = replace(app.state.service, reviewer=Reviews())
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
            headers = {"Authorization": f"Bearer {caller}"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost", headers=headers
            ) as client:
                return await evaluation(Asked(app, client))

    return asyncio.run(serve())


def text_of(path: Path, caller: str, method: str, target: str, body: Any = None) -> str:
    async def evaluation(service: Asked) -> str:
        answer = await service.client.request(method, target, json=body)
        assert answer.status_code == 200, answer.text
        return answer.text

    found: str = asked(path, caller, evaluation)
    return found


EXPLAIN = ("GET", "/api/v1/pods/team-a/p/explain", None)
PLACE = (
    "POST",
    "/api/v1/placements",
    {"pods": [waiting("q", "team-a")], "explain": "full", "preemption": True},
)
CAPACITY = ("POST", "/api/v1/capacity", {"pod": waiting("q", "team-a")})


def test_a_tenant_gets_reasons_without_names_of_others_and_of_nodes(served: Path) -> None:
    text = text_of(served, "tenant", *EXPLAIN)
    assert "secret" not in text
    assert "node-7" not in text
    assert "team-b" not in text
    assert '"summary":"0/1 nodes fit' in text
    assert '"nodesOmitted":1' in text
    assert "if claim team-a/known were released" in text
    assert "if a claim of another namespace were released" in text


@pytest.mark.parametrize("question", [PLACE, CAPACITY], ids=["placements", "capacity"])
def test_a_planner_gets_nodes_and_no_names_of_others(served: Path, question: Any) -> None:
    text = text_of(served, "planner", *question)
    assert "secret" not in text
    assert "node-7" in text
    assert "another namespace" in text


def lost(name: str) -> JsonObject:
    """A Pod whose template only team-b has."""
    raw = waiting(name, "team-a")
    raw["spec"]["resourceClaims"] = [{"name": "c", "resourceClaimTemplateName": "gpu"}]
    return raw


LOST: dict[str, tuple[str, str, Any]] = {
    "explain": ("GET", "/api/v1/pods/team-a/lost/explain?explain=full", None),
    "placements": ("POST", "/api/v1/placements", {"pods": [lost("q")], "explain": "full"}),
    "capacity": ("POST", "/api/v1/capacity", {"pod": lost("q")}),
    "sizing": ("POST", "/api/v1/sizing", {"pods": [lost("q")], "shapes": [{"like": "node-7"}]}),
}


@pytest.mark.parametrize("question", LOST.values(), ids=LOST)
def test_a_template_of_a_hidden_namespace_is_not_named(inventory: Inventory, question: Any) -> None:
    raw = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": "gpu", "namespace": "team-b"},
        "spec": {"spec": claim("c")["spec"]},
    }
    path = inventory(node("node-7"), device_class(), raw, lost("lost"))

    assert "team-b" not in text_of(path, "planner of team-a", *question)
    if question[1] != "/api/v1/sizing":  # it says nothing of other namespaces to anyone
        assert "namespace team-b has one of this name" in text_of(path, "viewer", *question)


def test_the_numbers_stay(served: Path) -> None:
    async def evaluation(service: Asked) -> Any:
        return await service.post("/api/v1/placements", PLACE[2])

    def holders(caller: str) -> Any:
        (answer,) = asked(served, caller, evaluation)["pods"][0]["nodes"]
        (reason,) = answer["reasons"]
        assert reason["claim"] == "team-a/wanted", "the caller has named it"
        return reason["evidence"]["holders"]

    assert len(holders("viewer")) == 4
    assert holders("planner") == [{"claim": "another namespace", "devices": 4, "state": ""}]


def test_names_of_a_namespace_that_the_pods_are_in_are_shown_to_those_who_may_get_claims_there(
    served: Path,
) -> None:
    question = ("POST", "/api/v1/placements", {"pods": [waiting("q", "team-b")], "explain": "full"})
    text = text_of(served, "planner of team-b", *question)
    assert "team-b/secret-0" in text
    assert "secret-2" not in text


@pytest.mark.parametrize("question", [EXPLAIN, PLACE, CAPACITY], ids=["explain", "placements", "capacity"])
def test_a_viewer_sees_all(served: Path, question: Any) -> None:
    text = text_of(served, "viewer", *question)
    assert "team-b/secret-0" in text
    assert "another namespace" not in text
