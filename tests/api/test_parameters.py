"""Parameters of every route in the reference: unknown, repeated, oddly written, damaged."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.api.cursors import cursor_after
from app.main import create_app
from app.settings.settings import Settings
from tests.api.conftest import Asked, run
from tests.objects import claim, device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]
PATHS = create_app(Settings(snapshot=("x",))).openapi()["paths"]
OBJECTS = (
    node("n1"),
    node("n2"),
    device_class(),
    slice_of("n1", device("d0"), device("d1")),
    slice_of("n2", device("d0")),
    claim("c1"),
    claim("c2"),
    pod("p1", "c1"),
    pod("p2", "c2"),
)
FILLED = {
    "{namespace}": "default",
    "{name}": "p1",
    "{driver}": "gpu.example.com",
    "{pool}": "n1",
    "{device}": "d0",
}
NEEDED = {"/api/v1/matches": "selector=true&"}
"""What else a request needs to be answered."""


def routes() -> Iterator[Any]:
    for path, methods in PATHS.items():
        for method, operation in methods.items():
            if path != "/api/v1/stream":  # which goes on; its parameters are checked before it begins
                yield pytest.param(method, path, operation.get("parameters", []), id=f"{method} {path}")


def url_of(path: str) -> str:
    for hole, value in FILLED.items():
        path = path.replace(hole, value)
    return path


async def ask(service: Asked, method: str, path: str, query: str) -> httpx.Response:
    return await service.client.request(method, f"{url_of(path)}?{NEEDED.get(path, '')}{query}")


def refused(answer: httpx.Response, parameter: str) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["path"] == f"query.{parameter}"


@pytest.mark.parametrize(("method", "path", "parameters"), [*routes()])
def test_a_route_refuses_what_is_not_its_parameter(
    inventory: Inventory, method: str, path: str, parameters: list[dict[str, Any]]
) -> None:
    names = [item["name"] for item in parameters if item["in"] == "query"]
    odd = {"nodez", "no de", "%F0%9F%90%88", "name[]"} | {name.upper() for name in names}
    odd |= {f"{name}%20" for name in names} | {f"%20{name}" for name in names}

    async def evaluation(service: Asked) -> None:
        for name in sorted(odd):
            answer = await ask(service, method, path, f"{name}=1")
            assert answer.status_code == 400, (name, answer.text)
            assert answer.json()["error"]["code"] == "UnknownParameter"
        refused(await ask(service, method, path, f"{'x' * 5000}="), "x" * 100)

    run(inventory(*OBJECTS), evaluation)


SINGLE = [
    pytest.param(method, path, item["name"], id=f"{path} {item['name']}")
    for path, methods in PATHS.items()
    for method, operation in methods.items()
    for item in operation.get("parameters", [])
    if item["in"] == "query" and item["schema"].get("type") != "array" and "array" not in str(item["schema"])
]


@pytest.mark.parametrize(("method", "path", "name"), SINGLE)
@pytest.mark.parametrize("second", ["{name}=", "{name}=1", "{encoded}=1", "{name}"])
def test_a_parameter_that_is_given_twice_is_refused(
    inventory: Inventory, method: str, path: str, name: str, second: str
) -> None:
    encoded = "".join(f"%{ord(letter):02x}" for letter in name)

    async def evaluation(service: Asked) -> None:
        query = f"{name}=1&" + second.format(name=name, encoded=encoded)
        refused(await ask(service, method, path, query), name)

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize("state", ["fre", "FREE", "free,taken", "0"])
def test_an_unknown_state_is_refused(inventory: Inventory, state: str) -> None:
    async def evaluation(service: Asked) -> None:
        error = (await service.get("/api/v1/devices", 400, state=state))["error"]
        assert error["path"] == "query.state"
        assert "free" in error["message"]

    run(inventory(*OBJECTS), evaluation)


def test_no_state_is_every_state(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        assert len((await service.get("/api/v1/devices", state=""))["items"]) == 3

    run(inventory(*OBJECTS), evaluation)


PAGED = [
    path for path, methods in PATHS.items() if "'cursor'" in str(methods.get("get", {}).get("parameters"))
]


def test_there_are_paged_lists() -> None:
    assert {"/api/v1/nodes", "/api/v1/devices", "/api/v1/decisions", "/api/v1/pools"} <= set(PAGED)


@pytest.mark.parametrize("path", PAGED)
def test_a_damaged_cursor_is_refused(inventory: Inventory, path: str) -> None:
    cursor = cursor_after("gpu.example.com/n1/d0") or ""
    damaged = {
        "cut off": cursor[:-1],
        "cut off by four": cursor[:-4],
        "longer": f"{cursor}A",
        "padded": f"{cursor}=",
        "changed": cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1],
        "in capitals": cursor.upper(),
        "with a space": f"{cursor} ",
        "a name": "n1",
        "nothing but a check": cursor[:6],
        "not ASCII": "²",
        "a null character": "%00",
    }

    async def evaluation(service: Asked) -> None:
        for what, text in damaged.items():
            query = text if text.startswith("%") else quote(text)
            answer = await ask(service, "get", path, f"cursor={query}")
            assert answer.status_code == 400, (what, answer.text)
            assert answer.json()["error"]["path"] == "query.cursor"

    run(inventory(*OBJECTS), evaluation)


@pytest.mark.parametrize("path", ["nodes", "devices", "claims", "pods", "fleet", "pools"])
def test_a_list_in_pages_is_the_whole_list(inventory: Inventory, path: str) -> None:
    async def evaluation(service: Asked) -> None:
        whole = (await service.get(f"/api/v1/{path}"))["items"]
        items, cursor = [], ""
        for _ in whole:
            page = await service.get(f"/api/v1/{path}", limit=1, cursor=cursor)
            items += page["items"]
            cursor = page["next"] or ""
        assert (items, cursor) == (whole, "")
        assert len(whole) > 1

    run(inventory(*OBJECTS), evaluation)


def test_the_query_of_a_page_is_its_own(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        for path in ("/", "/docs"):
            assert (await service.client.get(f"{path}?theme=dark")).status_code == 200

    run(inventory(*OBJECTS), evaluation)
