"""The first screen: how full, what is free, who waits, and why, with the numbers of the API."""

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from app.api.overview_history import OverviewSample
from app.settings.settings import Settings
from tests.objects import device_class, node, pod
from tests.web.conftest import Served, Visit
from tests.web.fleets import PRODUCTS, fleet, name_of, pending
from tests.web.waiting_pods import FOUR

NODES = 5_000
NUMBERS = """() => Object.fromEntries([...document.querySelectorAll("[data-number]")]
    .map(item => [item.dataset.number, item.textContent]))"""
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    import orjson  # noqa: PLC0415 - as conftest writes it

    path = tmp_path_factory.mktemp("fleet") / "inventory.json"
    objects = [*fleet(NODES), *pending()]
    path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    served = Served(Settings(snapshot=(str(path),), cluster_name="training-eu"))
    yield served
    served.stop()


def numbers(page: Page) -> dict[str, str]:
    return dict(page.evaluate(NUMBERS))


def answered(page: Page) -> None:
    page.locator(".answers").wait_for(timeout=60_000)


def overview_of(page: Page, served: Served, query: str = "") -> dict[str, Any]:
    answer = page.request.get(f"{served.url}/api/v1/overview{query}")
    assert answer.ok
    return dict(answer.json())


def test_the_first_screen_of_a_large_cluster_answers_with_the_numbers_of_the_api(
    visit: Callable[..., Visit], large: Served
) -> None:
    page = visit(served=large).open("", live=False)
    answered(page)
    # What takes longer than an answer is evaluated for the next one.
    expect(page.get_by_role("region", name="Why?")).not_to_contain_text("Not evaluated yet", timeout=240_000)
    expect(page.get_by_role("region", name="Pending Pods")).not_to_contain_text("Not evaluated yet")
    seen = overview_of(page, large)
    total, waiting = seen["total"], seen["pending"]
    shown = numbers(page)
    expect(page.locator(".overview-head")).to_contain_text(f"rules of Kubernetes {seen['cluster']['rules']}")
    # How full?
    assert shown["percent"] == f"{total['percent']:g} %"
    assert (shown["inUse"], shown["devices"]) == (f"{total['inUse']:,}", f"{total['devices']:,}")
    assert total["devices"] == NODES * 8
    # What is free?
    assert (shown["free"], shown["largest"]) == (f"{total['free']:,}", str(total["largestFreeBlock"]))
    assert shown["fragmentation"] == f"{round(total['fragmentation'] * 100, 1):g} %"
    # Who waits?
    assert (shown["pending"], waiting["pods"]) == ("40", 40)
    # Why?
    why = page.get_by_role("region", name="Why?")
    groups = page.get_by_role("region", name="Pending Pods").get_by_role("listitem")
    expect(groups).to_have_count(len(waiting["groups"]))
    for at, group in enumerate(waiting["groups"]):
        expect(groups.nth(at)).to_contain_text(f"{group['pods']} Pod")
        expect(groups.nth(at)).to_contain_text(group["reason"])
        if at < 3:
            expect(why).to_contain_text(str(group["pods"]))
    assert sum(group["pods"] for group in waiting["groups"]) == 40
    # All of it without scrolling.
    for place in (*page.locator(".answer").all(), groups.first):
        expect(place).to_be_in_viewport(ratio=0.99)
    rows = page.get_by_role("region", name="Devices, a table").get_by_role("row")
    products = {item["name"]: item for item in seen["attribute"]["items"]}
    assert sorted(products) == sorted(PRODUCTS)
    for name, item in products.items():
        row = rows.filter(has_text=name)
        for text in (
            f"{item['percent']:g} %",
            f"{item['inUse']:,}",
            f"{item['devices']:,}",
            f"{item['free']:,}",
        ):
            expect(row).to_contain_text(text)


def test_devices_group_by_what_is_chosen_and_a_link_shows_the_same(
    visit: Callable[..., Visit], large: Served
) -> None:
    page = visit(served=large).open("", live=False)
    answered(page)
    choice = page.get_by_label("Group devices by")
    choice.select_option("label:topology.kubernetes.io/zone")
    rows = page.get_by_role("region", name="Devices, a table").get_by_role("row")
    for item in overview_of(page, large, "?label=topology.kubernetes.io/zone")["labels"][0]["items"]:
        expect(rows.filter(has_text=item["name"])).to_contain_text(f"{item['inUse']:,}")
    choice.select_option("namespace")
    expect(page.get_by_role("region", name="Namespaces, a table")).to_contain_text("research")
    assert "by=namespace" in page.url


def test_a_product_with_blanks_in_its_name_leads_to_its_devices(visit: Callable[..., Visit]) -> None:
    seen = visit(*fleet(40))
    page = seen.open("")
    answered(page)
    page.get_by_role("button", name="NVIDIA T4").click()
    expect(page.locator("#search-note")).to_have_text("80 devices on 10 nodes")
    assert name_of(3) in str(page.evaluate("() => globalThis.draExtender.map.rows().map(row => row.name)"))


def test_it_follows_the_cluster_and_leads_to_the_pod(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.open("")
    answered(page)
    expect(page.get_by_role("region", name="Who waits?")).to_contain_text("No Pod is pending")
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    expect(page.get_by_role("region", name="Who waits?").locator(".big")).to_have_text("1")
    expect(page.get_by_role("region", name="Why?")).to_contain_text("4 x gpu.example.com")
    page.get_by_role("button", name="default/trainer").click()
    expect(page.get_by_role("heading", name="trainer")).to_be_visible()


def test_lines_of_the_last_day_say_what_they_show(visit: Callable[..., Visit]) -> None:
    seen = visit()
    history, end = seen.served.service.overview_history, dt.datetime.now(dt.UTC)
    for hour in range(23, 0, -1):
        at = (end - dt.timedelta(hours=hour)).isoformat(timespec="seconds").replace("+00:00", "Z")
        sample = OverviewSample(at, {"inUse": float(30 + hour), "free": None, "pending": 0.0})
        seen.served.do(lambda sample=sample: history.add(sample))
    page = seen.open("")
    line = page.get_by_role("region", name="How full?").get_by_role("img")
    said = re.compile(r"^Devices in use over the last 2[23] h: from 53 to \d+, between \d+ and 53$")
    expect(line).to_have_attribute("aria-label", said)


EMPTY = (
    ("no devices", (node("n"),), "No devices."),
    ("nothing to tell", (node("n"), device_class()), "Nothing keeps Pods waiting"),
)


@pytest.mark.parametrize(("_name", "objects", "text"), EMPTY, ids=[item[0] for item in EMPTY])
def test_what_is_empty_is_said(
    visit: Callable[..., Visit], _name: str, objects: tuple[Any, ...], text: str
) -> None:
    page = visit(*objects).open("")
    expect(page.locator(".overview")).to_contain_text(text)


def test_who_may_not_see_the_cluster_is_offered_a_namespace(visit: Callable[..., Visit]) -> None:
    seen = visit()
    seen.served.put(FOUR, pod("trainer", "four-gpus"))

    def answer(route: Any) -> None:
        if "namespace=" in route.request.url:
            route.continue_()
        else:
            body = '{"error": {"code": "Forbidden", "message": "jane may not get overview", "path": ""}}'
            route.fulfill(status=403, content_type="application/json", body=body)

    seen.page.route("**/api/v1/overview*", answer)
    page = seen.open("")
    expect(page.get_by_role("alert")).to_contain_text("jane may not get overview")
    page.get_by_label("Show one namespace instead").fill("default")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Namespace default")).to_be_visible()
    expect(page.get_by_role("region", name="Who waits?").locator(".big")).to_have_text("1")


def test_on_a_phone_nothing_scrolls_sideways(visit: Callable[..., Visit]) -> None:
    seen = visit(*fleet(20), *pending(), viewport=PHONE)
    page = seen.open("")
    answered(page)
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    for name in ("How full?", "What is free?", "Who waits?", "Why?"):
        expect(page.get_by_role("region", name=name)).to_be_in_viewport()
