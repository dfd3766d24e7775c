"""On a phone: nothing of what was asked for is squeezed into columns or left out of view."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.objects import pod
from tests.web.conftest import Visit
from tests.web.waiting_pods import FOUR
from tests.web.what_ifs import FOUR_GPUS, JOB, headline, place

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


_LEFTS = """() => {
    const table = [...document.querySelectorAll("table")].find(each => each.checkVisibility());
    return [...(table?.querySelectorAll("tbody tr")[1]?.querySelectorAll("th, td") ?? [])]
        .filter(cell => cell.checkVisibility())
        .map(cell => Math.round(cell.getBoundingClientRect().x));
}"""


def lefts(page: Page) -> set[int]:
    """Where the cells of the second row of the table in view begin.

    Row and cells are found in one call: a row that a locator found before may be drawn again, and
    the cells of a row that is out of the page are at no place.
    """
    return set(page.evaluate(_LEFTS))


@pytest.mark.parametrize("view", ["#/map?as=table", "#/claims"])
def test_rows_of_a_table_stand_below_each_other_and_are_still_a_table(
    visit: Callable[..., Visit], view: str
) -> None:
    seen = visit(**PHONE)
    seen.served.put(FOUR)
    page = seen.open(view)
    expect(page.get_by_role("row").nth(2)).to_be_visible()
    assert len(lefts(page)) == 1
    heads = page.get_by_role("columnheader").all_inner_texts()
    assert len(heads) in (4, 6)
    assert page.get_by_role("cell").count() >= 3 * (len(heads) - 1) - 3
    page.set_viewport_size({"width": 1280, "height": 800})
    assert len(lefts(page)) == len(heads)


def test_what_came_of_a_what_if_is_in_view_when_it_is_placed(visit: Callable[..., Visit]) -> None:
    page = visit(**PHONE).open("#/whatif")
    place(page, JOB + "\n---\n" + FOUR_GPUS)
    headline(page, "2 of 3 Pods placed")
    expect(page.locator(".whatif .headline")).to_be_in_viewport()
    expect(page.locator(".placed li").first).to_be_in_viewport()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".whatif .headline")).to_be_hidden()


def test_why_a_pod_is_pending_is_two_touches_away(visit: Callable[..., Visit]) -> None:
    seen = visit(**PHONE)
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    page = seen.open()
    page.get_by_role("link", name="Pods 1 pending").tap()  # one
    page.get_by_role("button", name="trainer").tap()  # two
    expect(page.locator(".headline")).to_be_in_viewport()
    expect(page.locator(".near li").first).to_be_in_viewport()
    page.get_by_role("button", name="All Pods").tap()
    expect(page.get_by_role("button", name="trainer")).to_be_in_viewport()
