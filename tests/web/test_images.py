"""The pictures of docs/page.md, made on request: DOCS_IMAGES=1."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.objects import pod
from tests.web.conftest import ROOT, Visit
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
    page = desktop.open()
    keep(desktop, "page-start", height=250)
    page.get_by_role("link", name="Pods 2 pending").click()
    page.get_by_text("Why is it pending?").wait_for()
    keep(desktop, "page-pods", height=250)
    page.get_by_role("button", name="trainer").click()
    page.set_viewport_size({"width": 1180, "height": 740})
    page.locator(".reasons summary", has_text="too few free matching devices").click()
    keep(desktop, "page-pending")


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
