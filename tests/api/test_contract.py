"""Every endpoint under generated requests: none fails, and none answers what /openapi.json does not say."""

import asyncio
import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from app.main import create_app
from app.settings.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
INVENTORY = REPOSITORY / "examples" / "inventory"
WITHOUT_END = {"/api/v1/stream"}
"""Answers that in-process clients would wait for."""


class Served:
    """The application on a loop that stays, for tests that are called again and again."""

    def __init__(self, **chosen: Any) -> None:
        self.runner = asyncio.Runner()
        self.app = create_app(Settings(snapshot=(str(INVENTORY),), dry_run_timeout_seconds=2, **chosen))
        self._lifespan = self.app.router.lifespan_context(self.app)
        self.runner.run(self._lifespan.__aenter__())
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        return self.runner.run(self.client.request(method, path, **what))

    def close(self) -> None:
        self.runner.run(self.client.aclose())
        self.runner.run(self._lifespan.__aexit__(None, None, None))
        self.runner.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    served = Served()
    yield served
    served.close()


def assert_honest(answer: httpx.Response) -> None:
    """No failure, and refusals in the one form."""
    assert answer.status_code < 500 or answer.json()["error"]["code"] == "TimeUp", answer.text
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert set(error) == {"code", "message", "path"}
        assert error["code"].isalpha()
        assert error["message"]
        assert "Traceback" not in answer.text


SCHEMA = schemathesis.openapi.from_dict(create_app(Settings(snapshot=(str(INVENTORY),))).openapi())
OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (found.ok() for found in SCHEMA.get_all_operations())
    if operation.path not in WITHOUT_END
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_generated_requests_are_answered_as_documented(served: Served, operation: Any) -> None:
    @seed(1)
    @settings(
        max_examples=20,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode))
    )
    def check(case: Any) -> None:
        given_ = case.as_transport_kwargs(base_url="http://localhost")
        given_.pop("cookies", None)
        if isinstance(given_.get("data"), str | bytes):
            given_["content"] = given_.pop("data")
        try:
            request = httpx.Request(
                given_.pop("method"), given_.pop("url"), **{k: v for k, v in given_.items() if v is not None}
            )
        except (httpx.InvalidURL, UnicodeError, TypeError, ValueError):
            return  # nothing that could be sent
        answer = served.runner.run(served.client.send(request))
        assert_honest(answer)
        documented = operation.responses
        assert any(
            str(status) in (str(answer.status_code), f"{answer.status_code // 100}XX")
            for status in documented.status_codes
        ), answer.status_code

    check()


def documents(*files: str) -> list[Any]:
    return [item for file in files for item in yaml.safe_load_all((REPOSITORY / file).read_text())]


def workloads() -> list[Any]:
    return [item for item in documents("examples/dra-task-page.yaml") if item["kind"] in ("Job", "Pod")]


def objects() -> list[Any]:
    files = sorted(str(file.relative_to(REPOSITORY)) for file in INVENTORY.glob("*.yaml"))
    return documents(*files, "examples/job-with-cats.yaml")


def real_bodies() -> dict[str, Any]:
    claims = [{"name": "animals", "resourceClaimName": "petting-zoo"}]
    visitor = {
        "metadata": {"name": "visitor", "namespace": "default", "uid": "1"},
        "spec": {"resourceClaims": claims, "containers": [{"name": "c", "image": "i"}]},
    }
    laid_over = objects()
    return {
        "/scheduler/filter": {"Pod": visitor, "NodeNames": ["worker-1", "worker-6"]},
        "/scheduler/prioritize": {
            "Pod": visitor,
            "Nodes": {"metadata": {}, "items": [item for item in laid_over if item["kind"] == "Node"]},
        },
        "/scheduler/bind": {
            "PodName": "visitor",
            "PodNamespace": "default",
            "PodUID": "1",
            "Node": "worker-6",
        },
        "/api/v1/placements": {
            "inventory": "request",
            "workloads": [item for item in laid_over if item["kind"] == "Job"],
            "objects": [item for item in laid_over if item["kind"] != "Job"],
            "remove": [{"kind": "Node", "name": "worker-2"}],
            "features": {"PartitionableDevices": True},
            "explain": "full",
        },
        "/api/v1/capacity": {"pod": {**visitor, "apiVersion": "v1", "kind": "Pod"}, "limit": 3},
        "/api/v1/sizing": {
            "pods": [{**visitor, "apiVersion": "v1", "kind": "Pod"}],
            "shapes": [{"like": "worker-5", "price": 2, "limit": 3}],
        },
        "/api/v1/repack": {"pods": [{**visitor, "apiVersion": "v1", "kind": "Pod"}], "maxMoves": 3},
    }


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a body: its collection, and the key or index there."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(entries):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def nested(depth: int) -> Any:
    value: Any = {}
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


STRANGE = (
    None,
    True,
    -1,
    2**63,
    2**64 - 1,
    1e308,
    0.5,
    "",
    "\x00",
    "\U0001f431" * 300,
    [],
    {},
    [None],
    {"": None},
)


def mutated(body: Any, chance: random.Random) -> Any:
    """A copy with one to three places dropped, of another type, deeper, or there many times."""
    body = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        found = list(places(body))
        if not found:
            break
        parent, key = chance.choice(found)
        match chance.randrange(5):
            case 0:
                del parent[key]
            case 1 | 2:
                parent[key] = copy.deepcopy(chance.choice(STRANGE))
            case 3:
                parent[key] = nested(chance.choice((3, 90, 190)))
            case _ if isinstance(parent, list):
                parent.extend(copy.deepcopy(parent[key]) for _ in range(chance.choice((1, 40))))
            case _:
                parent[f"{key}X"] = copy.deepcopy(parent[key])
    return body


@pytest.mark.parametrize("path", real_bodies())
def test_mutated_real_bodies_are_answered_or_refused(served: Served, path: str) -> None:
    body = real_bodies()[path]
    first = served.ask("POST", path, json=body)
    assert first.status_code == 200, first.text
    chance = random.Random(20261124)  # noqa: S311 - the same mutations each time
    statuses = set()
    for _ in range(150):
        answer = served.ask("POST", path, json=mutated(body, chance))
        assert_honest(answer)
        statuses.add(answer.status_code)
    assert len(statuses) > 1, "no mutation was noticed"
