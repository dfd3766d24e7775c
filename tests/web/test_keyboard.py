"""Everything by keyboard, and what a screen reader hears."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.objects import pod
from tests.web.conftest import Visit


def hears(page: Page, text: str) -> None:
    """Waits for it: what is searched for is laid out with the next frame."""
    expect(page.locator("#map-cursor")).to_contain_text(text)


def to_the_map(page: Page) -> None:
    for _ in range(40):
        if page.evaluate("() => document.activeElement?.getAttribute('role')") == "listbox":
            return
        page.keyboard.press("Tab")
    raise AssertionError("the map cannot be reached by Tab")


def test_the_map_is_walked_with_arrow_keys(visit: Callable[..., Visit]) -> None:
    page = visit().open()
    to_the_map(page)
    hears(page, "worker-1, cat-0: free")
    page.keyboard.press("ArrowRight")
    hears(page, "worker-1, cat-1: free")
    page.keyboard.press("End")
    hears(page, "worker-8, blue-0: free")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    hears(page, "worker-1, cat-0: free")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    hears(page, "worker-2, cat-0: free")
    option = page.locator("#map-cursor")
    assert page.get_by_role("listbox").get_attribute("aria-activedescendant") == option.get_attribute("id")


def test_devices_nodes_and_what_if_without_a_mouse(visit: Callable[..., Visit]) -> None:
    page = visit().open()
    page.keyboard.press("/")
    page.keyboard.type("claim:llm")
    expect(page.locator("#search-note")).to_have_text("2 devices on 1 node")
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_focused()
    hears(page, "ml-team/llm-training")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="gpu-0")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_focused()
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="worker-5")).to_be_focused()
    page.keyboard.press("d")
    expect(page.locator(".plan-bar")).to_contain_text("1 node drained")
    page.keyboard.press("u")
    expect(page.locator(".plan-bar")).to_be_hidden()


def test_news_does_not_take_the_focus_from_a_list(visit: Callable[..., Visit]) -> None:
    seen = visit()
    seen.served.put(pod("one", "missing"), pod("two", "missing"))
    page = seen.open("#/pods")
    item = page.get_by_role("button", name="two")
    item.focus()
    seen.served.put(pod("a-new-one", "missing"))
    expect(page.get_by_role("button", name="a-new-one")).to_be_visible()
    expect(item).to_be_focused()


def test_views_help_and_table_by_single_keys_which_can_be_turned_off(visit: Callable[..., Visit]) -> None:
    page = visit().open()
    for key, title in (
        ("4", "Pods"),
        ("5", "Claims"),
        ("6", "Decisions"),
        ("3", "What if"),
        ("1", "Overview"),
        ("2", "Map"),
    ):
        page.keyboard.press(key)
        expect(page.get_by_role("navigation").get_by_role("link", name=title)).to_have_attribute(
            "aria-current", "page"
        )
    page.keyboard.press("v")
    expect(page.get_by_role("table", name="Devices")).to_be_visible()
    page.keyboard.press("v")
    page.keyboard.press("[")
    expect(page.get_by_label("Density")).to_have_value("compact")
    page.keyboard.press("?")
    page.get_by_label("Enable single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("4")
    expect(page.get_by_role("link", name="Map")).to_have_attribute("aria-current", "page")
