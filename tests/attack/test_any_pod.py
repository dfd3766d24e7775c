"""Pods and workloads of a question, as large as its body may be: they are read and checked in short steps."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.api.dry_run.request_objects import read_placed
from app.core.json_object import JsonObject
from app.core.versions import DEFAULT
from app.manifests.validation.api_table import api_table
from tests.api.conftest import Asked, run
from tests.attack.dear_selectors import MAX_CALLS
from tests.attack.loop_meter import LoopMeter
from tests.objects import device_class, node
from tests.pausing import Meter
from tests.refused_pods import GPU, pod, spec

MANY = 5_000
MOST_CALLS = 20_000
"""Between two pauses: less than any of these takes without one."""

_CONTAINER = {"name": "c", "image": "i"}
_REQUESTS = {"limits": {GPU: 1}, "requests": {GPU: 1}, "claims": [{"name": "a"}]}


def _pod(**fields: Any) -> JsonObject:
    return pod({"containers": [_CONTAINER]} | fields)


def _workflow(**fields: Any) -> JsonObject:
    meta = {"name": "w", "namespace": "default"}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": meta, "spec": fields}


def _names(stem: str) -> list[JsonObject]:
    return [{"name": f"{stem}{index}", "resourceClaimName": "c"} for index in range(MANY)]


PODS: dict[str, JsonObject] = {
    "containers": _pod(containers=[_CONTAINER] * MANY),
    "init containers": _pod(initContainers=[_CONTAINER] * MANY),
    "containers with requests": _pod(
        containers=[_CONTAINER | {"resources": _REQUESTS}] * MANY,
        resourceClaims=[{"name": "a", "resourceClaimName": "c"}],
    ),
    "containers that are no objects": _pod(containers=[1] * 4 * MANY),
    "unknown fields": _pod(**{f"k{index}": 1 for index in range(4 * MANY)}),
    "unknown fields of a container": _pod(
        containers=[_CONTAINER | {f"k{index}": 1 for index in range(4 * MANY)}]
    ),
    "extended resources": pod(
        spec(resources={"limits": {f"example.com/{index}": "1" for index in range(MANY)}})
    ),
    "extended resources without limits": pod(
        spec(resources={"requests": {f"example.com/{index}": "1" for index in range(MANY)}})
    ),
    "claims": pod(spec(resources={"claims": _names("b")}, resourceClaims=_names("b"))),
    "claims that are no objects": _pod(resourceClaims=[1] * 4 * MANY),
    "requests of a claim, then claims": pod(
        spec(resources={"claims": [{"name": "a", "request": str(n)} for n in range(MANY)] + _names("b")})
    ),
    "templates": _workflow(templates=[{"name": "t", "container": _CONTAINER}] * MANY),
    "templates of nothing": _workflow(templates=[{}] * MANY),
    "claims of a workflow": _workflow(
        templates=[{"name": "t", "container": _CONTAINER}] * 5, resourceClaims=_names("b")
    ),
    "templates of an unknown kind": {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "x"},
        "spec": {"parts": [{"containers": [_CONTAINER]}] * MANY},
    },
}


@pytest.mark.parametrize("raw", PODS.values(), ids=PODS)
def test_a_pod_of_any_size_is_checked_in_short_steps(raw: JsonObject) -> None:
    meter = Meter()

    meter.measure(lambda: read_placed(raw, "pods[0]", DEFAULT))

    assert meter.total > MOST_CALLS
    assert meter.most < MOST_CALLS, meter.where


def test_the_table_of_fields_is_read_in_short_steps() -> None:
    meter = Meter()

    meter.measure(api_table.__wrapped__)

    assert meter.total > 10_000
    assert meter.most < 3_000, meter.where


def test_a_claim_of_many_requests_is_checked_in_linear_time() -> None:
    def calls(number: int) -> int:
        named = [{"name": "a", "request": str(index)} for index in range(number)]
        claims = named + [{"name": f"b{index}"} for index in range(number)]
        meter = Meter()
        meter.measure(lambda: read_placed(pod(spec(resources={"claims": claims})), "pods[0]", DEFAULT))
        return meter.total

    calls(1)
    assert calls(2_000) < 2.2 * calls(1_000)


@pytest.fixture
def served(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.json"
    objects = [node("n1"), device_class()]
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return path


@pytest.mark.parametrize("misspelt", ["resourceclaims", "resourceClaims" * 50])
def test_a_question_with_many_misspelt_pods_holds_nobody_up(served: Path, misspelt: str) -> None:
    """The first of them ends it: no hint is looked for twice."""
    bad = {f"{misspelt}{index}": [] for index in range(20)}
    body = {"pods": [_pod(**bad)] * 10, "objects": [_pod(nodeName="n1") | {"metadata": {"name": "r"}}] * 500}
    meter = LoopMeter()

    async def scene(service: Asked) -> None:
        with meter.measuring():
            task = asyncio.create_task(
                service.client.post("/api/v1/placements", json=body, timeout=60),
            )
            assert (await service.client.get("/livez")).status_code == 200
            answer = await task
        assert answer.status_code == 422
        assert answer.json()["error"]["path"].startswith(f"pods[0].spec.{misspelt[:100]}")

    run(served, scene)
    assert meter.most_calls < MAX_CALLS, meter.where
