"""Accessibility by axe, view by view."""

from collections.abc import Callable

import pytest

from tests.objects import pod
from tests.web.accessibility import violations
from tests.web.conftest import Visit
from tests.web.waiting_pods import FOUR
from tests.web.what_ifs import JOB, headline, place

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
PLACES = (
    "#/overview",
    "#/map",
    "#/map?q=state:free&density=dense&colour=driver",
    "#/map?as=table",
    "#/map?device=gpu.example.com/worker-6/gpu-1",
    "#/map?node=worker-6",
    "#/pods/default/trainer",
    "#/pods?reason=devicesinuse",
    "#/claims",
    "#/decisions",
)


@pytest.mark.parametrize(
    ("scheme", "size"),
    [("light", DESKTOP), ("dark", DESKTOP), ("dark", PHONE)],
    ids=["light-desktop", "dark-desktop", "dark-phone"],
)
def test_every_view(visit: Callable[..., Visit], scheme: str, size: dict[str, int]) -> None:
    seen = visit(color_scheme=scheme, viewport=size)
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    found = {}
    for at in PLACES:
        page = seen.open(at)
        page.request.post(
            f"{seen.served.url}/scheduler/filter",
            data={"Pod": pod("trainer", "four-gpus"), "NodeNames": ["worker-5"], "Nodes": None},
        )
        page.wait_for_timeout(250)
        for group in page.locator(".reasons summary:visible").all():
            group.click()
        found[at] = violations(seen)
        wide = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{at} scrolls sideways by {wide} px"
    assert {at: what for at, what in found.items() if what} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_if_and_dialogs(visit: Callable[..., Visit], scheme: str) -> None:
    seen = visit(color_scheme=scheme)
    page = seen.open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    page.get_by_label("Policy").select_option("with weights …")
    headline(page, "2 of 2 Pods placed")
    found = violations(seen)
    page.get_by_role("button", name="Compare policies").click()
    page.get_by_text("Nodes used").wait_for()
    found += violations(seen)
    page.keyboard.press("Escape")
    page.locator("#help").click()
    found += violations(seen)
    assert found == []
