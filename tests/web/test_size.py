"""Five thousand nodes with eight devices each: what is drawn and read is what is in view or has changed."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.objects import allocation, claim, device, device_class, node, slice_of
from tests.web.conftest import Visit

NODES, DEVICES = 5_000, 8
WATCH = """() => {
  globalThis.long = [];
  const note = (list) => list.getEntries().forEach((entry) => globalThis.long.push(entry.duration));
  new PerformanceObserver(note).observe({ type: "longtask" });
}"""
SCROLL = """async () => {
  const scroller = document.querySelector(".map-scroll");
  const canvas = scroller.querySelector("canvas");
  const before = Number(canvas.dataset.frames), drawn = [];
  for (let step = 0; step < 60; step += 1) {
    scroller.scrollTop += scroller.clientHeight * 0.8;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    drawn.push(Number(canvas.dataset.drawn));
  }
  return { frames: Number(canvas.dataset.frames) - before, most: Math.max(...drawn), long: globalThis.long };
}"""


def cluster() -> list[dict[str, object]]:
    names = [f"node-{number:04}" for number in range(NODES)]
    devices = [device(f"gpu-{number}", model="X100") for number in range(DEVICES)]
    return [device_class(), *map(node, names), *(slice_of(name, *devices) for name in names)]


def read(page: Page) -> int:
    return int(page.locator("body").get_attribute("data-read") or 0)


def test_five_thousand_nodes_stay_smooth(visit: Callable[..., Visit]) -> None:
    seen = visit(*cluster())
    page = seen.open()
    expect(page.get_by_role("button", name="free 40,000")).to_be_visible(timeout=20_000)
    assert page.evaluate("() => document.querySelectorAll('*').length") < 400
    total = read(page)
    assert total == NODES + 1  # and the row of devices that are no node's own
    # News of one node is a read of one row.
    seen.served.put(claim("one") | {"status": {"allocation": allocation("node-0042", "gpu-3")}})
    expect(page.get_by_role("button", name="taken 1")).to_be_visible()
    assert read(page) - total == 1
    # Scrolling draws what is in view: at this size of window some hundred rows, not five thousand.
    page.evaluate(WATCH)
    for density, most in (("compact", 2_500), ("dense", 9_000)):
        page.get_by_label("Density").select_option(density)
        page.wait_for_timeout(300)
        page.evaluate("() => { globalThis.long.length = 0 }")
        result = page.evaluate(SCROLL)
        assert 0 < result["most"] <= most
        assert result["frames"] <= 130
        # The work of a frame is bounded, but who else wants the processor is not ours to say: a page that
        # draws all 40,000 devices has a long task for each of the 60 steps.
        assert len(result["long"]) <= 30, result["long"]
    page.get_by_label("Search devices").fill("claim:one")
    expect(page.locator("#search-note")).to_have_text("1 device on 1 node")
