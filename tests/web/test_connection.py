"""The connection: a stream that drops, a service that is gone."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.objects import device, node, slice_of
from tests.web.conftest import Visit


def drop(seen: Visit) -> None:
    """Ends the streams that are open."""

    def end() -> None:
        seen.served.app.state.shutdown.begin()

    seen.served.do(end)
    seen.page.wait_for_timeout(700)
    seen.served.do(lambda: setattr(seen.served.app.state.shutdown, "begun", False))


def test_without_the_stream_the_page_asks_what_has_changed(visit: Callable[..., Visit]) -> None:
    seen = visit(node("n1"), slice_of("n1", device("d0")))
    page = seen.open()
    page.route("**/api/v1/stream*", lambda route: route.abort())
    drop(seen)
    expect(page.locator("#link")).to_have_attribute("data-kind", "polling")
    expect(page.locator("#link")).to_contain_text("as of")
    seen.served.put(slice_of("n1", device("d0"), device("d1")))
    page.locator("#link").click()  # now, not after the wait
    expect(page.get_by_role("button", name="free 2")).to_be_visible()
    page.unroute("**/api/v1/stream*")
    page.locator("#link").click()
    expect(page.locator("#link")).to_have_attribute("data-kind", "live")


def test_a_service_that_is_gone_leaves_what_was_there_and_says_since_when(
    visit: Callable[..., Visit],
) -> None:
    seen = visit(node("n1"), slice_of("n1", device("d0")))
    page = seen.open()
    page.route("**/api/**", lambda route: route.abort())
    drop(seen)
    expect(page.locator("#link")).to_contain_text("stale since")
    expect(page.locator("#banner")).to_contain_text("The service does not answer")
    expect(page.get_by_role("button", name="free 1")).to_be_visible()
    seen.served.put(slice_of("n1"))
    page.unroute("**/api/**")
    # By itself, when the wait is over.
    expect(page.locator("#link")).to_have_attribute("data-kind", "live", timeout=20_000)
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.get_by_role("button", name="free 0")).to_be_visible()
