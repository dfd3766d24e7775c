"""The reference of the API at /docs: every operation, and every type as deep as it goes."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.accessibility import violations
from tests.web.conftest import Visit


def opened(visit: Callable[..., Visit], **settings: object) -> tuple[Visit, Page]:
    seen = visit(**settings)
    page = seen.open("docs", live=False)
    expect(page.locator("#operations h2").first).to_be_visible()
    return seen, page


def test_every_operation_is_there(visit: Callable[..., Visit]) -> None:
    seen, page = opened(visit)
    paths = httpx.get(f"{seen.served.url}/openapi.json", trust_env=False).json()["paths"]
    expected = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert set(page.locator("#operations > details > summary > code").all_inner_texts()) == expected


@pytest.mark.parametrize("status", [0, 503])
def test_a_reference_that_cannot_be_read_says_so(visit: Callable[..., Visit], status: int) -> None:
    seen = visit()

    def answer(route: Route) -> None:
        if status:
            route.fulfill(status=status, body="not now")
        else:
            route.abort()

    seen.page.route("**/openapi.json", answer)
    page = seen.open("docs", live=False)
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer: ")
    expect(page.get_by_role("alert")).to_contain_text("reload the page")


def test_types_unfold_to_the_bottom(visit: Callable[..., Visit]) -> None:
    _, page = opened(visit)
    page.get_by_text("POST /api/v1/placements", exact=True).click()
    within = page.locator("#operations > details[open]")
    within.get_by_text("200", exact=True).click()
    for name in ("PlacementAnswer", "PodAnswer", "NodeVerdict", "ReasonModel", "EvidenceModel"):
        within.locator("summary:visible", has_text=name).first.click()
    expect(within.get_by_text("selectors", exact=False).first).to_be_visible()
    assert "$ref" not in page.locator("#operations").inner_text()


def test_a_body_and_examples_are_shown(visit: Callable[..., Visit]) -> None:
    _, page = opened(visit)
    page.get_by_text("POST /api/v1/placements", exact=True).click()
    within = page.locator("#operations > details[open]")
    within.get_by_text("Go", exact=True).click()
    expect(within.locator("pre:visible")).to_contain_text("package main")
    within.locator("summary:visible", has_text="PlacementRequest").click()
    expect(within.get_by_text("allOrNothing", exact=True)).to_be_visible()


def test_it_is_accessible_and_fits_a_phone(visit: Callable[..., Visit]) -> None:
    seen, page = opened(visit, viewport={"width": 390, "height": 844})
    page.get_by_text("POST /api/v1/placements", exact=True).click()
    page.locator("#operations > details[open] summary:visible", has_text="curl").click()
    page.locator("#operations > details[open] summary:visible", has_text="PlacementRequest").click()
    assert violations(seen) == []
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
