"""The pictures of docs/page.md, made on request: DOCS_IMAGES=1."""

import datetime as dt
import math
import os
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.api.overview_history import OverviewSample
from tests.objects import pod
from tests.web.conftest import ROOT, Visit
from tests.web.fleets import fleet, pending
from tests.web.waiting_pods import FOUR
from tests.web.what_ifs import FOUR_GPUS, JOB, headline, place

IMAGES = ROOT / "docs" / "images"
DESKTOP: Any = {"width": 1180, "height": 680}
GPU = "#/map?device=gpu.example.com/worker-5/gpu-0"

pytestmark = pytest.mark.skipif(not os.environ.get("DOCS_IMAGES"), reason="DOCS_IMAGES=1 makes the pictures")


def keep(seen: Visit, name: str, *, height: int = 0) -> None:
    """The window, or as much of its top as is said."""
    seen.page.wait_for_timeout(500)
    size = seen.page.viewport_size
    assert size is not None
    clip: Any = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
    seen.page.screenshot(path=IMAGES / f"{name}.png", clip=clip)


@pytest.fixture
def desktop(visit: Callable[..., Visit]) -> Visit:
    return visit(viewport=DESKTOP, color_scheme="light")


def test_pending(desktop: Visit) -> None:
    desktop.served.put(FOUR, pod("trainer", "four-gpus"), pod("evaluator", "four-gpus"))
    page = desktop.open("")
    page.locator(".answers").wait_for()
    keep(desktop, "page-start", height=300)
    page.get_by_role("link", name="Pods 2 pending").click()
    page.get_by_text("Why is it pending?").wait_for()
    keep(desktop, "page-pods", height=290)
    page.get_by_role("button", name="trainer").click()
    page.set_viewport_size({"width": 1180, "height": 740})
    page.locator(".reasons summary", has_text="too few free matching devices").click()
    keep(desktop, "page-pending")


def test_overview(visit: Callable[..., Visit]) -> None:
    seen = visit(*fleet(500), *pending(), viewport={"width": 1280, "height": 860}, color_scheme="light")
    history, end = seen.served.service.overview_history, dt.datetime.now(dt.UTC)
    for minute in range(1440, 0, -5):
        at = (end - dt.timedelta(minutes=minute)).isoformat(timespec="seconds").replace("+00:00", "Z")
        used = 1996 + 150 * math.sin(minute / 160) + 40 * math.sin(minute / 25)
        waits = max(0.0, 40 - minute / 20)
        sample = OverviewSample(at, {"inUse": used, "free": 4000 - used, "pending": waits})
        seen.served.do(lambda sample=sample: history.add(sample))
    page = seen.open("")
    page.locator(".line-chart").first.wait_for()
    keep(seen, "page-overview")


def test_heat_map(visit: Callable[..., Visit]) -> None:
    seen = visit(*fleet(5_000), viewport={"width": 1180, "height": 640}, color_scheme="light")
    seen.page.set_default_timeout(60_000)
    page = seen.open("#/map?group=label:topology.kubernetes.io/zone")
    page.wait_for_function("() => globalThis.draExtender.map.layout.rows.length === 5000")
    keep(seen, "page-heat")


def test_map(desktop: Visit) -> None:
    desktop.open(GPU)
    keep(desktop, "page-map")


def test_whatif(desktop: Visit) -> None:
    page = desktop.open("#/whatif")
    page.set_viewport_size({"width": 1180, "height": 1080})
    place(page, JOB + "\n---\n" + FOUR_GPUS)
    headline(page, "2 of 3 Pods placed")
    keep(desktop, "page-whatif")
    page.set_viewport_size(DESKTOP)
    page.get_by_role("button", name="Compare policies").click()
    expect(page.get_by_role("dialog")).to_contain_text("Nodes used")
    keep(desktop, "page-policies")


def test_phone(visit: Callable[..., Visit]) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "color_scheme": "dark"}
    seen = visit(**phone)
    seen.open(GPU)
    keep(seen, "page-phone")
