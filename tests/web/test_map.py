"""The map: what it shows, searching it, and keeping up to date."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.objects import DRIVER, allocation, claim, device, device_class, node, slice_of
from tests.web.conftest import Visit, placed_on_map
from tests.web.fleets import fleet
from tests.web.what_ifs import JOB, headline, place

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
    ('attr:"model=X100"', "4 devices on 1 node"),
    ("whatif:placed", "0 devices on 0 nodes"),
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
    page.get_by_role("button", name="worker-5: gpu-0…1 (2)").click()
    expect(page.get_by_role("region", name="Device").get_by_role("heading", name="gpu-0")).to_be_visible()


def test_an_attribute_with_blanks_and_quotes_finds_its_devices(visit: Callable[..., Visit]) -> None:
    odd = 'NVIDIA "T4" \\ 16'
    objects = [
        node("n1"),
        node("n2"),
        slice_of("n1", device("d0", model=odd)),
        slice_of("n2", device("d0", model="T4")),
    ]
    page = visit(*objects).open(f"#/map?device={DRIVER}/n1/d0")
    page.get_by_role("region", name="Device").get_by_role("button", name=odd).click()
    expect(page.locator("#search-note")).to_have_text("1 device on 1 node")


SHORT = (
    (
        "cut where all are the same",
        ["gke-west-pool-1-0a1", "gke-west-pool-1-0b2", "gke-west-pool-2-0a1"],
        ["…1-0a1", "…1-0b2", "…2-0a1"],
    ),
    (
        "different at the beginning",
        ["ip-10-0-1-2.eu-west-1.compute", "ip-10-0-1-3.eu-west-1.compute"],
        ["…2.eu-west-1…", "…3.eu-west-1…"],
    ),
    ("short ones stay", ["worker-1", "worker-2"], ["worker-1", "worker-2"]),
    (
        "one is the end of another",
        ["cluster-of-the-lab-node", "cluster-of-the-lab-big-node"],
        ["cluster-of-the-lab-node", "…big…"],
    ),
    ("alone", ["a-very-long-name-of-a-node"], ["a-very-long-name-of-a-node"]),
)


def test_names_are_cut_only_where_all_are_the_same(visit: Callable[..., Visit]) -> None:
    page = visit(node("n")).open()
    cut = """names => import("/web/js/names.js")
        .then(({ Names }) => names.map(name => new Names(names).short(name)))"""
    for what, names, _ in SHORT:
        found = page.evaluate(cut, names)
        assert len(set(found)) == len(names), (what, found)
        assert all(len(short) <= len(name) for short, name in zip(found, names, strict=True))
    assert page.evaluate(cut, SHORT[0][1]) == SHORT[0][2]
    assert page.evaluate(cut, SHORT[2][1]) == SHORT[2][2]


RUNS = (
    (["gpu-7", "gpu-0", "gpu-1", "gpu-10", "gpu-2"], "gpu-0…2, gpu-7, gpu-10 (5)"),
    (["gpu-0"], "gpu-0"),
    (["nic", "gpu-1"], "gpu-1, nic (2)"),
    ([f"gpu-{number}" for number in range(8)], "gpu-0…7 (8)"),
)


def test_devices_of_a_claim_are_one_line(visit: Callable[..., Visit]) -> None:
    page = visit(node("n")).open()
    for names, text in RUNS:
        assert (
            page.evaluate("names => import('/web/js/claims.js').then(m => m.devicesOf(names))", names) == text
        )


def test_nodes_group_by_label_and_attribute_and_sort_by_what_is_free(visit: Callable[..., Visit]) -> None:
    page = visit(*fleet(12)).open()
    page.get_by_label("Group nodes").select_option("label:topology.kubernetes.io/zone")
    titles = "() => globalThis.draExtender.map.layout.titles(0, 1e6).map(item => item.text)"
    page.wait_for_function(f"() => ({titles})().length === 3")
    assert [text.split(" ")[0] for text in page.evaluate(titles)] == ["zone-a", "zone-b", "zone-c"]
    page.get_by_label("Group nodes").select_option("attribute:productName")
    page.wait_for_function(f"() => ({titles})().some(text => text.startsWith('NVIDIA T4 · 3 nodes'))")
    page.get_by_label("Group nodes").select_option("")
    page.get_by_label("Sort nodes").select_option("free")
    free = "() => globalThis.draExtender.map.layout.rows.map(row => row.free)"
    page.wait_for_function(f"() => ({titles})().length === 0 && ({free})()[0] === 8")
    found = page.evaluate(free)
    assert found == sorted(found, reverse=True)
    assert "sort=free" in page.url


RATIOS = (1, 1.25, 1.5, 2)
WHOLE = """() => new Promise(done => {
  const canvas = document.querySelector(".map-scroll canvas");
  const context = canvas.getContext("2d"), draw = context.drawImage, off = [];
  let count = 0;
  context.drawImage = function (picture, x, y, width, height) {
    const { e, f, a } = this.getTransform();
    for (const at of [x * a + e, y * a + f, width * a - picture.width, height * a - picture.height]) {
      if (Math.abs(at - Math.round(at)) > 0.01) off.push(at);
    }
    if (Math.abs(width * a - picture.width) > 0.01) off.push(width * a);
    count += 1;
    return draw.apply(this, arguments);
  };
  document.querySelector(".map-scroll").scrollTop = 7.3;
  globalThis.draExtender.map.draw();
  requestAnimationFrame(() => requestAnimationFrame(() => done({ off, count })));
})"""


@pytest.mark.parametrize("ratio", RATIOS)
def test_devices_are_drawn_on_whole_pixels(visit: Callable[..., Visit], ratio: float) -> None:
    page = visit(*fleet(100), device_scale_factor=ratio).open("#/map?density=compact")
    expect(page.get_by_role("button", name="taken 396")).to_be_visible()
    found = page.evaluate(WHOLE)
    assert found["count"] > 100
    assert found["off"] == []


def test_what_a_what_if_placed_is_shown_alone(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    page.get_by_role("button", name="Show only these devices").click()
    placed = page.evaluate("() => globalThis.draExtender.map.planned.size")
    expect(page.locator("#search-note")).to_contain_text(f"{placed} device")
    page.get_by_role("button", name="Show only these devices").click()
    expect(page.get_by_label("Search devices")).to_have_value("")


def test_the_table_sorts_totals_and_exports(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/map?as=table")
    region = page.get_by_role("region", name="Devices, a table")
    region.get_by_role("button", name="State").click()
    states = region.get_by_role("row").locator(".badge").all_inner_texts()
    assert states == sorted(states)
    region.get_by_role("button", name="State").click()
    assert region.get_by_role("row").locator(".badge").all_inner_texts() == sorted(states, reverse=True)
    expect(page.locator(".totals")).to_contain_text("26 free")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert lines[0] == "Device,Node,State,Held by,Driver,Pool"
    assert len(lines) == 33
    page.get_by_text("Columns").click()
    page.get_by_label("Pool").uncheck()
    expect(region.get_by_role("columnheader", name="Pool")).to_have_count(0)
