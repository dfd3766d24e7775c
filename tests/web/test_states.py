"""Every view in every state: it says what it is, and what to do about it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from app.api.cluster_facts import ClusterFacts
from tests.objects import claim, device, device_class, node, pod, slice_of
from tests.web.accessibility import violations
from tests.web.conftest import Visit
from tests.web.waiting_pods import FOUR
from tests.web.what_ifs import FOUR_GPUS, JOB, headline, place


@dataclass(frozen=True)
class View:
    """``api``: what it reads. ``part``: where it shows its state. ``ready``: what it shows then.

    ``objects`` for the empty state. ``refused_only``: its inventory comes with the stream; where that fails
    in another way, the whole page says so.
    """

    place: str
    api: str
    part: str
    ready: str
    empty: tuple[str, ...] = ()
    objects: tuple[dict[str, Any], ...] = ()
    refused_only: bool = False


NOTHING_HELD = (node("n1"), device_class(), slice_of("n1", device("d0")))
VIEWS = {
    "overview": View(
        "#/overview",
        "overview",
        ".overview",
        "devices in use",
        ("No devices.", "Install a DRA driver", "No Pod is pending", "Nothing: all pools are complete"),
        (node("n1"),),
    ),
    "map": View(
        "#/map",
        "fleet",
        ".stage",
        "",
        ("No driver has published devices", "kubectl get resourceslices"),
        (node("n1"),),
        refused_only=True,
    ),
    "table": View(
        "#/map?as=table",
        "fleet",
        ".stage",
        "gpu-0",
        ("No devices: no driver has published ResourceSlices",),
        (node("n1"),),
        refused_only=True,
    ),
    "pods": View(
        "#/pods",
        "pods",
        ".side",
        "trainer",
        ("No Pod is pending.", "Include running Pods"),
        NOTHING_HELD,
    ),
    "pods of a reason": View(
        "#/pods?reason=devicesinuse",
        "pods",
        ".side",
        "trainer",
        ("No Pod is pending for this reason any more.", "All pending Pods"),
        NOTHING_HELD,
    ),
    "a pending Pod": View(
        "#/pods/default/trainer", "pods/default/trainer/explain", ".detail", "0/8 nodes fit"
    ),
    "claims": View(
        "#/claims",
        "claims",
        "[aria-label=Claims]",
        "llm-training",
        ("There are no claims.", "ResourceClaimTemplate"),
        NOTHING_HELD,
    ),
    "decisions": View(
        "#/decisions",
        "decisions",
        "[aria-label=Decisions]",
        "",
        ("There are no decisions yet.", "Create a Pod"),
        NOTHING_HELD,
    ),
    "a device": View(
        "#/map?device=gpu.example.com/worker-5/gpu-0",
        "devices/gpu.example.com/worker-5/gpu-0",
        "[aria-label=Details]",
        "llm-training",
    ),
}


@dataclass(frozen=True)
class State:
    """How a request fails, and what the page says of it: what it is, and what to do."""

    status: int
    message: str
    kind: str
    said: tuple[str, ...]


STATES = {
    "away": State(
        0, "", "away", ("The service does not answer.", "retries by itself", "Check the connection")
    ),
    "starting": State(
        503,
        "waiting for the first list of pods",
        "starting",
        ("The service is not ready: waiting for the first list of pods.", "retries by itself", "/readyz"),
    ),
    "busy": State(429, "too many", "busy", ("The service is busy: too many.", "retries by itself")),
    "away, says a proxy": State(502, "", "away", ("The service does not answer: ", "retries by itself")),
    "forbidden": State(
        403,
        "jane may not get it; docs/security.md has the role",
        "forbidden",
        ("Not permitted: jane may not get it", "docs/security.md", "Request the permission"),
    ),
    "failed": State(500, "a defect", "failed", ("a defect",)),
}


def fail(page: Page, view: View, state: State) -> None:
    """Lets what a view reads fail, and nothing else."""

    def answer(route: Route) -> None:
        if not state.status:
            route.abort()
        elif not state.message:
            route.fulfill(status=state.status, content_type="text/html", body="<h1>Bad Gateway</h1>")
        else:
            body = {"error": {"code": "Code", "message": state.message, "path": ""}}
            route.fulfill(status=state.status, content_type="application/json", body=json.dumps(body))

    page.route(api_of(view), answer)


def api_of(view: View) -> re.Pattern[str]:
    return re.compile(rf"/api/v1/{re.escape(view.api)}(\?|$)")


def part_of(page: Page, view: View) -> Locator:
    return page.locator(view.part)


def told(page: Page, view: View, state: State) -> Locator:
    alert = part_of(page, view).get_by_role("alert")
    for text in state.said:
        expect(alert).to_contain_text(text)
    return alert


def refuse(seen: Visit, name: str) -> None:
    """A decision about a Pod."""
    body = {"Pod": pod(name, "nowhere"), "NodeNames": ["worker-1"], "Nodes": None}
    seen.page.request.post(f"{seen.served.url}/scheduler/filter", data=body)


def waiting(visit: Callable[..., Visit]) -> Visit:
    seen = visit()
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    return seen


def states_of(about: View) -> list[str]:
    return ["forbidden"] if about.refused_only else list(STATES)


@pytest.mark.parametrize("view", VIEWS)
def test_what_fails_from_the_start_is_said_and_is_no_defect_of_the_others(
    visit: Callable[..., Visit], view: str
) -> None:
    seen, about = waiting(visit), VIEWS[view]
    for name in states_of(about):
        state = STATES[name]
        fail(seen.page, about, state)
        seen.page.goto("about:blank")
        page = seen.open(about.place)
        told(page, about, state)
        if about.refused_only:
            # Zeros would be wrong: nothing has been counted.
            expect(page.get_by_role("group", name="States and drivers")).to_be_hidden()
        expect(part_of(page, about).locator("[data-state]").first).to_have_attribute("data-state", state.kind)
        expect(page.locator("#banner")).to_be_hidden()  # the connection is not at fault
        page.unroute(api_of(about))
        if name == "away":
            # Nothing happens in the cluster: the page asks again by itself.
            expect(part_of(page, about).get_by_role("alert")).to_have_count(0, timeout=15_000)
            expect(part_of(page, about)).to_contain_text(about.ready)


@pytest.mark.parametrize("view", VIEWS)
def test_what_fails_later_leaves_what_was_there_and_says_from_when_it_is(
    visit: Callable[..., Visit], view: str
) -> None:
    seen, about = waiting(visit), VIEWS[view]
    name = "forbidden" if about.refused_only else "away"
    page = seen.open(about.place)
    expect(part_of(page, about)).to_contain_text(about.ready)
    fail(page, about, STATES[name])
    seen.served.put(node("another"), claim("more"))
    refuse(seen, "p")
    alert = told(page, about, STATES[name])
    expect(alert).to_contain_text(re.compile(r"This data is from \d\d:\d\d:\d\d\."))
    expect(part_of(page, about)).to_contain_text(about.ready)


EMPTY = [name for name, about in VIEWS.items() if about.empty]


@pytest.mark.parametrize("view", EMPTY)
def test_what_is_empty_is_said_with_what_would_fill_it(visit: Callable[..., Visit], view: str) -> None:
    about = VIEWS[view]
    page = visit(*about.objects).open(about.place)
    for text in about.empty:
        expect(part_of(page, about)).to_contain_text(text)


LOADING = {
    "overview": "Adding up devices and Pods…",
    "map": "Reading the inventory…",
    "table": "Reading the inventory…",
    "pods": "Reading Pods…",
    "pods of a reason": "Reading Pods…",
    "a pending Pod": "Evaluating all nodes…",
    "claims": "Reading claims…",
    "decisions": "Reading decisions…",
    "a device": "Reading…",
}


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_being_read_is_said(visit: Callable[..., Visit], view: str) -> None:
    seen, about = waiting(visit), VIEWS[view]
    held: list[Route] = []
    released = False

    def hold(route: Route) -> None:
        if released:
            route.continue_()
        else:
            held.append(route)

    seen.page.route(api_of(about), hold)
    page = seen.open(about.place, live=False)
    expect(part_of(page, about)).to_contain_text(LOADING[view])
    released = True
    for route in held:
        route.continue_()
    expect(part_of(page, about)).not_to_contain_text(LOADING[view])
    expect(part_of(page, about)).to_contain_text(about.ready)


@pytest.mark.parametrize("view", VIEWS)
def test_an_expired_login_is_asked_for_and_can_be_renewed_from_every_view(
    visit: Callable[..., Visit], view: str
) -> None:
    seen, about = waiting(visit), VIEWS[view]
    page = seen.open(about.place)
    expect(part_of(page, about)).to_contain_text(about.ready)
    page.evaluate("() => sessionStorage.setItem('dra-extender.token', 'expired')")
    good = "Bearer fresh"

    def answer(route: Route) -> None:
        if route.request.headers.get("authorization") == good:
            route.continue_()
        else:
            body = {
                "error": {"code": "Unauthorized", "message": "the API server rejected this token", "path": ""}
            }
            route.fulfill(status=401, content_type="application/json", body=json.dumps(body))

    page.route("**/api/v1/**", answer)
    page.reload()
    dialog = page.get_by_role("dialog", name="Authentication required")
    expect(dialog.get_by_role("alert")).to_have_text("The token was refused. It may have expired.")
    dialog.get_by_role("button", name="Not now").click()
    expect(page.locator("#link")).to_have_attribute("data-kind", "login")
    expect(page.locator("#banner")).to_contain_text("Click “log in” to enter one.")
    if not about.refused_only and view != "a device":
        alert = part_of(page, about).get_by_role("alert")
        expect(alert).to_contain_text("You are not logged in, or your login has expired.")
        expect(alert).to_contain_text("kubectl create token")
        part_of(page, about).get_by_role("button", name="Enter a token").click()
    else:
        page.locator("#link").click()
    dialog.get_by_label("Bearer token").fill("fresh")
    dialog.get_by_role("button", name="Use token").click()
    expect(part_of(page, about)).to_contain_text(about.ready)
    page.locator("#link").click()
    expect(page.locator("#link")).to_have_attribute("data-kind", "live", timeout=20_000)


WHAT_IFS = {
    "place": ("placements", "Place again"),
    "how many more": ("capacity", "How many more?"),
    "which to move": ("repack", "Which Pods to move?"),
}


@pytest.mark.parametrize("state", ["away", "forbidden", "busy"])
@pytest.mark.parametrize("question", WHAT_IFS)
def test_a_what_if_that_fails_says_so(visit: Callable[..., Visit], question: str, state: str) -> None:
    api, button = WHAT_IFS[question]
    page = visit().open("#/whatif")
    place(page, FOUR_GPUS)
    headline(page, "0 of 1 Pod placed")
    about = View("#/whatif", api, ".result", "")
    fail(page, about, STATES[state])
    page.get_by_role("button", name=button).click()
    told(page, about, STATES[state])
    page.unroute(api_of(about))
    page.get_by_role("button", name=button if question == "place" else "Place again").click()
    headline(page, "0 of 1 Pod placed")


def test_a_comparison_that_fails_says_so(visit: Callable[..., Visit]) -> None:
    page = visit().open("#/whatif")
    place(page, JOB)
    headline(page, "2 of 2 Pods placed")
    about = View("#/whatif", "policies", "dialog[open]", "")
    fail(page, about, STATES["forbidden"])
    page.get_by_role("button", name="Compare policies").click()
    told(page, about, STATES["forbidden"])


def test_older_decisions_that_fail_leave_the_newer_ones(visit: Callable[..., Visit]) -> None:
    seen = visit()
    page = seen.open("#/decisions", live=False)
    for number in range(201):
        refuse(seen, f"p{number}")
    page.reload()
    part = page.get_by_role("region", name="Decisions", exact=True)
    count = part.get_by_role("status").first  # while decisions are read, there is a second one
    expect(count).to_have_text("200 decisions")
    page.route("**/api/v1/decisions*cursor=*", lambda route: route.abort())
    part.get_by_role("button", name="Older").click()
    expect(part.get_by_role("alert")).to_contain_text("The service does not answer.")
    expect(count).to_have_text("200 decisions")
    page.unroute("**/api/v1/decisions*cursor=*")
    expect(count).to_have_text("201 decisions", timeout=15_000)
    # A new decision does not fold them away.
    refuse(seen, "newest")
    expect(count).to_have_text("202 decisions")


@pytest.mark.parametrize("view", ["overview", "pods", "claims"])
def test_who_may_read_one_namespace_gets_it_in_every_list(visit: Callable[..., Visit], view: str) -> None:
    seen, about = waiting(visit), VIEWS[view]

    def answer(route: Route) -> None:
        if "namespace=ml-team" in route.request.url:
            route.continue_()
        else:
            body = {"error": {"code": "Forbidden", "message": "jane may not get it", "path": ""}}
            route.fulfill(status=403, content_type="application/json", body=json.dumps(body))

    seen.page.route("**/api/v1/**", answer)
    page = seen.open(about.place, live=False)
    expect(page.locator("#link")).to_have_attribute("data-kind", "refused")
    expect(page.locator("#banner")).to_contain_text("Views that you may read are updated every few seconds.")
    part = part_of(page, about)
    expect(part.get_by_role("alert")).to_be_visible()
    assert violations(seen) == []
    part.get_by_label("Show one namespace instead").fill("ml-team")
    part.get_by_role("button", name="Show").click()
    expect(part.get_by_role("alert")).to_have_count(0)
    expect(part).to_contain_text(re.compile("namespace ml-team", re.IGNORECASE))
    if view == "claims":
        expect(part).to_contain_text("llm-training")
    page.reload()
    expect(part).to_contain_text(re.compile("namespace ml-team", re.IGNORECASE))
    part.get_by_role("button", name="Whole cluster").click()
    expect(part.get_by_role("alert")).to_contain_text("jane may not get it")


def test_a_watch_that_is_late_is_said_in_every_view_until_it_is_not(visit: Callable[..., Visit]) -> None:
    seen = visit()
    age = 20.0
    facts = replace(seen.served.service.cluster, source="cluster", age=lambda: age)
    assert isinstance(facts, ClusterFacts)
    seen.served.service.cluster = facts
    page = seen.open("#/overview")
    age = 420.0
    # No event comes, and that is what is told.
    expect(page.locator("#link")).to_have_attribute("data-kind", "late")
    banner = page.locator("#banner")
    expect(banner).to_contain_text("This data may be old: the service has had no event from the API server")
    expect(banner).to_contain_text("/readyz?verbose")
    for view in VIEWS.values():
        page.goto(f"{seen.served.url}/{view.place}")
        expect(banner).to_be_visible()
    age = 1.0
    expect(page.locator("#link")).to_have_attribute("data-kind", "live")
    expect(banner).to_be_hidden()


def test_a_node_and_a_device_that_there_are_not_are_said_to_be_gone(visit: Callable[..., Visit]) -> None:
    seen = visit()
    details = seen.page.get_by_role("complementary")
    seen.open("#/map?node=worker-99")
    expect(details.get_by_role("alert")).to_have_text("This node does not exist (any more).")
    seen.open("#/map?device=gpu.example.com/worker-5/gpu-99")
    expect(details.get_by_role("alert")).to_have_text("This device does not exist (any more).")
