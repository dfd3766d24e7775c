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
from app.core.state.state import State
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


LISTS = {
    "devices": "/api/v1/devices",
    "devices of a node": "/api/v1/devices?node=node-7&state=taken&show=*",
    "a device": "/api/v1/devices/gpu.example.com/node-7/d0",
    "fleet": "/api/v1/fleet",
    "fleet by attribute": "/api/v1/fleet?node=node-7&attribute=model",
    "decisions": "/api/v1/decisions",
    "usage by namespace": "/api/v1/usage?by=namespace&by=driver",
    "overview": "/api/v1/overview",
}
NAMED = {"decisions": "/api/v1/decisions?namespace=team-b", "usage": "/api/v1/usage?heldIn=team-b"}
REFUSED = [
    {"Pod": waiting("p", "team-a"), "NodeNames": ["node-7"]},
    {"Pod": waiting("secret-p", "team-b"), "NodeNames": ["node-7"]},
]
CALLERS |= {
    "lister": lambda access: access.resource != "claims",
    "lister of team-a": lambda access: access.resource != "claims" or access.namespace == "team-a",
}


async def after_filters(service: Asked, target: str, status: int = 200) -> str:
    """A list after a filter of each Pod has been refused."""
    for body in REFUSED:
        answer = await service.client.post("/scheduler/filter", json=body)
        assert answer.status_code == 200, answer.text
    found = await service.client.get(target)
    assert found.status_code == status, found.text
    return found.text


@pytest.mark.parametrize("target", LISTS.values(), ids=LISTS)
def test_a_list_names_nothing_of_namespaces_that_its_reader_may_not_see(served: Path, target: str) -> None:
    text = asked(served, "lister of team-a", lambda service: after_filters(service, target))
    assert "secret" not in text
    assert "team-b" not in text
    everything = asked(served, "viewer", lambda service: after_filters(service, target))
    assert "team-b" in everything


@pytest.mark.parametrize("target", ["/api/v1/devices", "/api/v1/fleet"])
def test_a_list_names_what_its_reader_may_see(served: Path, target: str) -> None:
    text = asked(served, "lister of team-a", lambda service: after_filters(service, target))
    assert "team-a/known" in text
    assert "another namespace" in text
    nothing = asked(served, "lister", lambda service: after_filters(service, target))
    assert "team-" not in nothing


@pytest.mark.parametrize("target", ["pods", "claims", "overview"])
def test_a_list_of_one_namespace_names_no_other(served: Path, target: str) -> None:
    path = f"/api/v1/{target}?namespace=team-a"
    text = asked(served, "tenant", lambda service: after_filters(service, path))
    assert "team-a" in text
    assert "secret" not in text
    assert "team-b" not in text


def test_lines_of_devices_name_nothing_else_either(served: Path) -> None:
    async def lines(service: Asked) -> str:
        headers = {"Accept": "application/x-ndjson"}
        answer = await service.client.get("/api/v1/devices", headers=headers)
        assert answer.status_code == 200
        return answer.text

    assert "secret" not in asked(served, "lister of team-a", lines)
    assert "secret" in asked(served, "viewer", lines)


@pytest.mark.parametrize("target", NAMED.values(), ids=NAMED)
def test_a_namespace_that_is_asked_for_has_to_be_visible(served: Path, target: str) -> None:
    asked(served, "lister of team-a", lambda service: after_filters(service, target, 403))
    asked(served, "viewer", lambda service: after_filters(service, target))


def test_numbers_of_hidden_namespaces_are_added_up(served: Path) -> None:
    async def evaluation(service: Asked) -> Any:
        usage = await service.get("/api/v1/usage", by="namespace")
        overview = await service.get("/api/v1/overview")
        return (
            {item["group"]["namespace"]: item["taken"] for item in usage["items"]},
            {item["name"]: item["inUse"] for item in overview["namespaces"]},
        )

    usage, overview = asked(served, "lister of team-a", evaluation)
    assert usage == {"team-a": 1, "another namespace": 3}
    assert overview == {"team-a": 1, "another namespace": 3}
    usage, overview = asked(served, "viewer", evaluation)
    assert usage == {"team-a": 1, "team-b": 2, "team-c": 1}


def test_a_caller_who_may_see_all_costs_two_reviews(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reviewed: list[AccessAttributes] = []
    decide = Reviews.decide

    async def counted(self: Reviews, token: str, access: AccessAttributes) -> ReviewResult:
        reviewed.append(access)
        return await decide(self, token, access)

    monkeypatch.setattr(Reviews, "decide", counted)
    read: list[str] = []
    keys = State.keys

    def noted(self: State, kind: str) -> Any:
        read.append(kind)
        return keys(self, kind)

    monkeypatch.setattr(State, "keys", noted)
    asked(served, "viewer", lambda service: service.get("/api/v1/devices"))
    assert {(access.resource, access.namespace) for access in reviewed[1:]} <= {("nodes", ""), ("claims", "")}
    assert not read
