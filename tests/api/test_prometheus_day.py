"""The day before the start, as Prometheus has it."""

import asyncio
import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from app.api.overview_history import OverviewSample
from app.wiring.overview_samples import fill_from_prometheus
from app.wiring.prometheus_day import PREFIX, PrometheusError, day_of, queries
from tests.api.conftest import Asked, run
from tests.objects import device, device_class, node, slice_of

END = dt.datetime(2026, 1, 2, 12, 0, 30, tzinfo=dt.UTC)
AT = 1_767_355_140
"""A minute before END, and before that another."""
Respond = Callable[[httpx.Request], httpx.Response]


def series(points: list[Any], **labels: str) -> dict[str, Any]:
    return {"metric": labels, "values": points}


def matrix(*found: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"status": "success", "data": {"resultType": "matrix", "result": found}})


def form_of(request: httpx.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def prometheus(request: httpx.Request) -> httpx.Response:
    query = form_of(request)["query"]
    points = [[AT, "3"], [AT + 60, "4"]]
    if query.startswith("sum by (driver)"):
        return matrix(series(points, driver="gpu.example.com"))
    return matrix() if "pools" in query else matrix(series(points))


def day(respond: Respond, selector: str = "") -> list[OverviewSample]:
    async def ask() -> list[OverviewSample]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(respond)) as client:
            return await day_of(client, "http://prometheus/", selector, END)

    return asyncio.run(ask())


def test_series_become_samples() -> None:
    first, second = day(prometheus)
    assert (first.at, second.at) == ("2026-01-02T11:59:00Z", "2026-01-02T12:00:00Z")
    names = ("devices", "free", "inUse", "inUse gpu.example.com", "pending")
    assert first.values == dict.fromkeys(names, 3.0)
    assert second.values == dict.fromkeys(names, 4.0)


def test_a_query_is_of_a_day_in_minutes() -> None:
    forms: list[dict[str, str]] = []

    def respond(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "http://prometheus/api/v1/query_range"
        forms.append(form_of(request))
        return matrix()

    assert day(respond, 'job="dra"') == []
    assert len(forms) == len(queries(""))
    for form in forms:
        assert float(form["end"]) - float(form["start"]) == 24 * 3600
        assert float(form["step"]) == 60
        # Each selector of a metric has the matcher.
        assert form["query"].count(PREFIX) == form["query"].count('{job="dra"') == 1


def test_queries_are_of_metrics_that_are_described() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    named = {name for query in queries("").values() for name in re.findall(rf"{PREFIX}\w+", query)}
    assert len(named) == 3
    assert all(f"`{name}`" in page for name in named)


WRONG: dict[str, tuple[Respond, str]] = {
    "a refusal": (
        lambda _: httpx.Response(400, json={"status": "error", "error": "bad query"}),
        "bad query",
    ),
    "a page": (lambda _: httpx.Response(200, text="<html>"), "something else"),
    "other JSON": (lambda _: httpx.Response(200, json=[1]), "something else"),
    "no series": (lambda _: httpx.Response(200, json={"status": "success", "data": {}}), "something else"),
    "a redirect": (lambda _: httpx.Response(302, headers={"location": "http://login/"}, text="login"), "302"),
    "no credentials": (lambda _: httpx.Response(401, text="who"), "401: check the credentials"),
    "other credentials": (
        lambda _: httpx.Response(403, json={"status": "error"}),
        "403: check the credentials",
    ),
    "a failure": (lambda _: httpx.Response(502, text="bad gateway"), "502"),
    "too much": (lambda _: httpx.Response(200, content=b" " * (32 * 1024 * 1024 + 1)), "larger"),
}


def unreachable(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("respond", "text"), [*WRONG.values(), (unreachable, "refused")], ids=[*WRONG, "none"]
)
def test_what_is_wrong_is_named(respond: Respond, text: str) -> None:
    with pytest.raises(PrometheusError, match=text):
        day(respond)


def filled(inventory: Callable[..., Path], respond: Respond) -> Any:
    async def evaluation(service: Asked) -> Any:
        made = service.app.state.service
        await fill_from_prometheus(made, httpx.MockTransport(respond))
        return await service.get("/api/v1/overview/history")

    path = inventory(node("n1"), device_class(), slice_of("n1", device("d0")))
    return run(path, evaluation, overview_prometheus_url="http://127.0.0.1:1")


def test_the_history_says_that_it_is_from_prometheus(inventory: Callable[..., Path]) -> None:
    history = filled(inventory, prometheus)
    assert history["source"] == "prometheus"
    assert history["at"][:2] == ["2026-01-02T11:59:00Z", "2026-01-02T12:00:00Z"]
    assert {"name": "free", "values": [3.0, 4.0]} in [
        {"name": item["name"], "values": item["values"][:2]} for item in history["series"]
    ]


def test_without_prometheus_the_history_is_from_memory(
    inventory: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    assert filled(inventory, unreachable)["source"] == "memory"
    assert "the last 24 hours are not from Prometheus: refused" in caplog.text


def test_a_prometheus_without_samples_changes_nothing(inventory: Callable[..., Path]) -> None:
    assert filled(inventory, lambda _: matrix())["source"] == "memory"


def test_the_setting_is_read_at_the_start(
    inventory: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    async def evaluation(_: Asked) -> None:
        while "not from Prometheus" not in caplog.text:  # noqa: ASYNC110 - the service logs it
            await asyncio.sleep(0.02)

    path = inventory(node("n1"), device_class(), slice_of("n1", device("d0")))
    run(path, evaluation, overview_prometheus_url="http://127.0.0.1:1")
