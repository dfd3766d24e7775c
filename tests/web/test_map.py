"""The map: what it shows, searching it, and keeping up to date."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.objects import DRIVER, allocation, claim, device, device_class, node, slice_of
from tests.web.conftest import Visit, placed_on_map

GPU = "gpu.example.com/worker-5/gpu-0"


def test_a_device_tells_what_holds_it(visit: Callable[..., Visit]) -> None:
    page = visit().open()
    page.mouse.click(*placed_on_map(page, GPU))
    panel = page.get_by_role("region", name="Device")
    expect(panel.get_by_role("heading", name="gpu-0")).to_be_focused()
    for text in ("taken", "ml-team/llm-training", "llm-training-0", "80Gi", "X100"):
        expect(panel).to_contain_text(text)
    panel.get_by_role("button", name="X100").click()
    expect(page.get_by_label("Search devices")).to_have_value("attr:model=X100")
    expect(page.locator("#search-note")).to_have_text("4 devices on 1 node")
    page.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()


SEARCHES = (
    ("", ""),
    ("state:tainted", "2 devices on 2 nodes"),
    ("state:tainted,taken -driver:gpu", "3 devices on 2 nodes"),
    ("worker-6", "4 devices on 1 node"),
    ("claim:ml-team", "2 devices on 1 node"),
    ("device:cat-0 node:worker-1", "1 device on 1 node"),
    ("attr:color=blue", "6 devices on 5 nodes"),
    ("attr:memory=40Gi state:free", "1 device on 1 node"),
    ('cel:device.driver == "gpu.example.com"', "6 devices on 2 nodes"),
    ("nothing-like-it", "0 devices on 0 nodes"),
)


def test_search(visit: Callable[..., Visit]) -> None:
    page = visit().open()
    for query, found in SEARCHES:
        page.get_by_label("Search devices").fill(query)
        expect(page.locator("#search-note"), query).to_have_text(found)


def test_a_selector_that_is_wrong_or_fails_is_told(visit: Callable[..., Visit]) -> None:
    page = visit().open()
    page.get_by_label("Search devices").fill("cel:device.nothing")
    expect(page.locator("#search-note")).to_contain_text("undefined field")
    page.get_by_label("Search devices").fill('cel:device.attributes["gpu.example.com"].model == "X100"')
    expect(page.locator("#search-note")).to_contain_text(
        "4 devices on 1 node. Some devices cannot be evaluated"
    )


def test_chips_filter_and_the_url_shows_the_same_to_others(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.open()
    page.get_by_role("button", name="tainted 2").click()
    page.get_by_role("button", name="gpu.example.com").click()
    expect(page.locator("#search-note")).to_have_text("1 device on 1 node")
    page.mouse.click(*placed_on_map(page, "gpu.example.com/worker-6/gpu-1"))
    expect(page.get_by_role("region", name="Device")).to_contain_text("gpu.example.com/ecc-errors")
    other = visit(served=seen.served)
    copy = other.open(page.url.partition("/#")[2] and "#" + page.url.partition("/#")[2])
    expect(copy.locator("#search-note")).to_have_text("1 device on 1 node")
    expect(copy.get_by_role("button", name="tainted 2")).to_have_attribute("aria-pressed", "true")
    expect(copy.get_by_role("region", name="Device")).to_contain_text("uncorrectable")


def test_the_table_says_the_same_as_the_map(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.open("#/map?as=table&q=state:taken")
    rows = page.get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(rows).to_have_count(4)
    expect(rows.filter(has_text="gpu-1")).to_contain_text("ml-team/llm-training")


def test_news_is_read_for_the_changed_nodes_alone(visit: Callable[..., Visit]) -> None:
    names = [f"n{number}" for number in range(50)]
    seen = visit(
        device_class(), *(node(name) for name in names), *(slice_of(name, device("d0")) for name in names)
    )
    page = seen.open(f"#/map?device={DRIVER}/n7/d0")
    panel = page.get_by_role("region", name="Device")
    expect(panel).to_contain_text("No claim.")
    read = int(page.locator("body").get_attribute("data-read") or 0)
    held = claim("mine") | {
        "status": {"allocation": allocation("n7", "d0") | {"allocationTimestamp": "2026-01-01T00:00:00Z"}}
    }
    seen.served.put(held)
    expect(panel).to_contain_text("default/mine")
    expect(panel.locator("time")).to_have_attribute("datetime", "2026-01-01T00:00:00Z")
    assert int(page.locator("body").get_attribute("data-read") or 0) - read == 1
    seen.served.do(lambda: seen.served.service.state.delete("ResourceSlice", ("", "n7-slice")))
    expect(panel).to_contain_text("This device does not exist")


def test_an_inventory_without_devices_says_so(visit: Callable[..., Visit]) -> None:
    page = visit(node("lonely")).open("#/claims")
    expect(page.get_by_text("There are no claims.")).to_be_visible()
    page.get_by_role("link", name="Map").click()
    page.get_by_label("Search devices").fill("x")
    expect(page.get_by_text("No device matches this search.")).to_be_visible()


def test_claims_lead_to_their_devices(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/claims")
    page.get_by_label("Filter claims").fill("llm")
    expect(page.get_by_role("status").filter(has_text="1 claim")).to_be_visible()
    page.get_by_role("button", name="worker-5/gpu-1").click()
    expect(page.get_by_role("region", name="Device").get_by_role("heading", name="gpu-1")).to_be_visible()
