"""Why is this Pod pending?"""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from app.api.history import Decision
from tests.objects import pod
from tests.web.conftest import Visit
from tests.web.fleets import fleet, generated, waiting
from tests.web.waiting_pods import FOUR


def test_in_two_clicks_a_person_sees_why_a_pod_is_pending(visit: Callable[..., Visit]) -> None:
    seen = visit()
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    page = seen.open()
    page.get_by_role("link", name="Pods 1 pending").click()  # one
    page.get_by_role("button", name="trainer").click()  # two
    detail = page.get_by_role("article", name="Why")
    expect(detail.get_by_role("heading", name="trainer")).to_be_visible()
    expect(detail.locator(".headline")).to_contain_text("0/8 nodes fit")
    expect(detail.locator(".headline")).to_contain_text("request gpus")
    expect(detail.locator(".near")).to_contain_text("node worker-5")
    groups = detail.locator(".reasons summary")
    assert groups.count() >= 2
    assert sum(int(text.split()[0]) for text in detail.locator(".count").all_inner_texts()) == 8


def test_a_group_of_nodes_opens_and_leads_to_the_map(visit: Callable[..., Visit]) -> None:
    seen = visit()
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    page = seen.open("#/pods/default/trainer")
    group = page.locator(".reasons details", has_text="too few free matching devices").first
    group.locator("summary").click()
    group.get_by_role("button", name="worker-5").click()
    expect(page.get_by_role("complementary").get_by_role("heading", name="worker-5")).to_be_visible()
    expect(page.get_by_role("link", name="Map")).to_have_attribute("aria-current", "page")


def test_what_stands_behind_a_reason_is_told_and_leads_on(visit: Callable[..., Visit]) -> None:
    seen = visit()
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    page = seen.open("#/pods/default/trainer")
    struck = page.locator(
        ".reasons details", has_text="node(s) had no matching device for request gpus"
    ).first
    struck.locator("summary").click()
    rejected = struck.locator("dt", has_text="Rejected by class gpu.example.com, selector #0").first
    expect(rejected.locator("xpath=..")).to_contain_text('type == "gpu" fails on')
    held = page.locator(".reasons details", has_text="too few free matching devices").first
    held.locator("summary").click()
    expect(held.locator("dd").first).to_have_text("ml-team/llm-training, 2 devices")
    held.get_by_role("button", name="ml-team/llm-training").click()
    expect(page.get_by_role("link", name="Claims")).to_have_attribute("aria-current", "page")
    expect(page.locator("table tbody tr:visible")).to_have_count(1)


def test_a_group_of_the_overview_leads_to_all_its_pods_page_by_page(visit: Callable[..., Visit]) -> None:
    others = [*generated_pods("many", 205, 9), *generated_pods("few", 3, 1)]
    seen = visit(*fleet(4), *others)
    page = seen.open("")
    card = page.get_by_role("region", name="Pending Pods").get_by_role("listitem").filter(has_text="205 Pods")
    reason = card.locator(".clamp").get_attribute("title")
    card.get_by_role("button", name="and 202 more").click()
    head = page.get_by_role("region", name="Reason")
    expect(head).to_contain_text("205 Pods: No node has enough matching devices")
    expect(head).to_contain_text(str(reason))
    items = page.get_by_role("region", name="List of Pods").get_by_role("listitem")
    expect(items).to_have_count(200)
    expect(items.first).to_contain_text("many-0")
    expect(items.first).to_contain_text("requests 9 x gpu")
    expect(items.first).to_contain_text(re.compile(r"\d+ (min|h|days)"))
    page.get_by_role("button", name="Next").click()
    expect(items).to_have_count(5)
    expect(items.last).to_contain_text("many-204")
    # By the URL: reload, a Pod and back, and back again.
    page.reload()
    expect(head).to_contain_text("205 Pods")
    page.get_by_role("button", name="many-7", exact=False).first.click()
    expect(page.get_by_role("heading", name="many-7")).to_be_visible()
    expect(head).to_contain_text("205 Pods")
    page.go_back()
    expect(page.get_by_role("heading", name="many-7")).to_be_hidden()
    expect(head).to_contain_text("205 Pods")
    page.get_by_role("button", name="All pending Pods").click()
    expect(head).to_be_hidden()
    expect(page.get_by_role("region", name="List of Pods")).to_contain_text("208 Pods")
    page.go_back()
    expect(head).to_contain_text("205 Pods")
    page.go_back()
    expect(page.get_by_role("region", name="Who waits?").locator(".big")).to_have_text("208")
    # All of them, whatever their reason.
    page.get_by_role("region", name="Who waits?").get_by_role("button").click()
    expect(head).to_be_hidden()
    expect(page.get_by_role("region", name="List of Pods")).to_contain_text(" of 208 Pods")


def test_a_reason_that_no_pod_has_any_more_says_so(visit: Callable[..., Visit]) -> None:
    seen = visit(*fleet(4), *generated_pods("few", 2, 9))
    page = seen.open("#/pods?reason=toofewdevices")
    expect(page.get_by_role("region", name="Reason")).to_contain_text("2 Pods")
    seen.served.do(
        lambda: [seen.served.service.state.delete("Pod", ("research", f"few-{at}")) for at in (0, 1)]
    )
    expect(page.get_by_text("No Pod is pending for this reason any more.")).to_be_visible()
    page.get_by_role("button", name="All pending Pods").click()
    expect(page.get_by_text("No Pod is pending.")).to_be_visible()


def generated_pods(kind: str, number: int, count: int) -> list[dict[str, Any]]:
    """Pods with equal reasons: each requests as many devices."""
    found: list[dict[str, Any]] = []
    for at in range(number):
        found += [generated(f"{kind}-{at}", count, None), waiting(f"{kind}-{at}", kind)]
    return found


def test_a_near_miss_leads_to_its_node(visit: Callable[..., Visit]) -> None:
    seen = visit()
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    page = seen.open("#/pods/default/trainer")
    page.locator(".near").get_by_role("button", name="worker-5").first.click()
    expect(page.get_by_role("complementary").get_by_role("heading", name="worker-5")).to_be_visible()


def test_what_is_said_changes_with_the_cluster(visit: Callable[..., Visit]) -> None:
    seen = visit()
    seen.served.put(pod("trainer", "four-gpus"))
    page = seen.open("#/pods/default/trainer")
    expect(page.locator(".headline")).to_contain_text("does not exist")
    seen.served.put(FOUR)
    expect(page.locator(".headline")).to_contain_text("request gpus")


def test_a_flood_of_news_does_not_become_a_flood_of_questions(visit: Callable[..., Visit]) -> None:
    seen = visit()
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    asked: list[str] = []
    seen.page.on("request", lambda request: asked.append(request.url))
    page = seen.open("#/pods/default/trainer")
    expect(page.locator(".headline")).to_be_visible()
    asked.clear()
    for _ in range(6):
        seen.served.put(FOUR)
        page.wait_for_timeout(500)
    explained = [url for url in asked if url.endswith("/explain")]
    listed = [url for url in asked if "/api/v1/pods?" in url]
    assert len(explained) <= 3
    assert len(listed) <= 5
    assert not [url for url in asked if "/api/v1/claims" in url]  # nobody looks at them


def test_pods_that_run_are_listed_on_demand_and_unknown_ones_are_named(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.open("#/pods")
    expect(page.get_by_text("No Pod is pending.")).to_be_visible()
    page.get_by_label("Include running Pods").check()
    page.get_by_role("button", name="zoo-keeper").click()
    expect(page.locator(".headline")).to_have_text("the Pod is on node worker-6")
    seen.open("#/pods/default/nobody")
    expect(page.get_by_role("alert")).to_contain_text("no Pod default/nobody")


def test_decisions_of_the_webhooks_appear_as_they_are_made(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.open("#/decisions")
    expect(page.get_by_text("There are no decisions yet.")).to_be_visible()
    body: dict[str, Any] = {"Pod": pod("p", "nowhere"), "NodeNames": ["worker-1"], "Nodes": None}
    page.request.post(f"{seen.served.url}/scheduler/filter", data=body)
    row = page.get_by_role("row").filter(has_text="nowhere")
    expect(row).to_contain_text("refused")
    page.request.post(f"{seen.served.url}/scheduler/filter", data=body)
    expect(row).to_contain_text("2 times")
    evicted = Decision("", "preempt", "default", "high", "evicted", node="worker-1", summary="default/low")
    seen.served.do(lambda: seen.served.service.history.add(evicted))
    expect(page.get_by_role("row").filter(has_text="preempt")).to_contain_text("evicted")
