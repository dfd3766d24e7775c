"""ETag and If-None-Match of lists."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.api.middleware.revalidation import LISTS
from app.core.model.parse import parse
from app.main import create_app
from app.settings.settings import Settings
from tests.api.conftest import Asked, run
from tests.objects import claim, device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]
OBJECTS = (node("n1"), device_class(), slice_of("n1", device("d0")), claim("c"), pod("p", "c"))


def test_every_list_has_a_tag() -> None:
    paths = create_app(Settings(snapshot=("x",))).openapi()["paths"]
    lists = {
        path
        for path, methods in paths.items()
        if methods.get("get", {}).get("operationId", "").startswith("list") and path != "/api/v1/dry-runs"
    }
    assert lists | {"/api/v1/overview"} == LISTS


@pytest.mark.parametrize("path", sorted(LISTS))
def test_a_list_is_sent_again_only_when_something_has_changed(inventory: Inventory, path: str) -> None:
    async def evaluation(service: Asked) -> None:
        first = await service.client.get(path)
        tag = first.headers["etag"]
        assert tag.startswith('W/"')
        for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            again = await service.client.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
        for unknown in ('"other"', tag[:-2] + '"', tag[3:-1], ""):
            assert (await service.client.get(path, headers={"If-None-Match": unknown})).status_code == 200
        service.app.state.service.state.upsert(parse(node("n2")))
        changed = await service.client.get(path, headers={"If-None-Match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag

    run(inventory(*OBJECTS), evaluation)


def test_each_query_has_its_own_tag(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        queries = ("", "?limit=1", "?state=free", "?state=taken")
        tags = {(await service.client.get(f"/api/v1/devices{query}")).headers["etag"] for query in queries}
        assert len(tags) == len(queries)

    run(inventory(*OBJECTS), evaluation)


def test_a_filter_changes_the_pods_that_show_its_reason(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        tag = (await service.client.get("/api/v1/pods")).headers["etag"]
        await service.post("/scheduler/filter", {"Pod": pod("p", "c"), "NodeNames": ["n1"]})
        assert (await service.client.get("/api/v1/pods", headers={"If-None-Match": tag})).status_code == 200

    run(inventory(*OBJECTS), evaluation)


def test_errors_and_probes_have_no_tag(inventory: Inventory) -> None:
    async def evaluation(service: Asked) -> None:
        for path in ("/api/v1/nodes?limit=0", "/livez", "/api/v1/pods/default/p/explain"):
            assert "etag" not in (await service.client.get(path)).headers

    run(inventory(*OBJECTS), evaluation)
