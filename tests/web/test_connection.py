"""The connection: a stream that drops, a service that is gone, a token that is asked for."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Route, expect

from tests.objects import device, node, slice_of
from tests.web.conftest import Visit


def drop(seen: Visit) -> None:
    """Ends the streams that are open."""

    def end() -> None:
        seen.served.service.draining = True

    seen.served.do(end)
    seen.page.wait_for_timeout(700)
    seen.served.do(lambda: setattr(seen.served.service, "draining", False))


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


def test_a_token_is_asked_for_and_sent(visit: Callable[..., Visit]) -> None:
    seen = visit(node("n1"), slice_of("n1", device("d0")))
    page = seen.page
    sent: list[str | None] = []

    def guard(route: Route) -> None:
        header = route.request.headers.get("authorization")
        sent.append(header)
        if header == "Bearer right":
            route.fallback()
        else:
            body = {"error": {"code": "Unauthorized", "message": "who are you", "path": ""}}
            route.fulfill(status=401, json=body)

    page.route("**/api/**", guard)
    seen.open(live=False)
    dialog = page.get_by_role("dialog", name="The service asks who you are")
    dialog.get_by_label("Bearer token").fill("wrong")
    dialog.get_by_role("button", name="Use it").click()
    expect(dialog.get_by_role("alert")).to_have_text("That token was refused.")
    dialog.get_by_label("Bearer token").fill("right")
    dialog.get_by_role("button", name="Use it").click()
    expect(page.locator("#link")).to_have_attribute("data-kind", "live")
    expect(page.get_by_role("button", name="free 1")).to_be_visible()
    assert sent[-1] == "Bearer right"
    page.reload()
    expect(page.locator("#link")).to_have_attribute("data-kind", "live")
    assert page.evaluate("() => localStorage.length + document.cookie.length") == 0


def test_who_may_not_read_is_told_so(visit: Callable[..., Visit]) -> None:
    seen = visit(node("n1"))
    body = {"error": {"code": "Forbidden", "message": "jane may not get devices", "path": ""}}
    seen.page.route("**/api/**", lambda route: route.fulfill(status=403, json=body))
    page = seen.open(live=False)
    expect(page.locator("#banner")).to_contain_text("Nothing to show yet: jane may not get devices.")


def test_who_has_no_token_is_told_what_is_missing(visit: Callable[..., Visit]) -> None:
    seen = visit(node("n1"))
    seen.page.route("**/api/**", lambda route: route.fulfill(status=401, body=""))
    page = seen.open(live=False)
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#banner")).to_contain_text("asks for a token")
    page.wait_for_timeout(2_500)  # the stream has tried again meanwhile, without a word
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.locator("#link").click()
    expect(page.get_by_role("dialog", name="The service asks who you are")).to_be_visible()
