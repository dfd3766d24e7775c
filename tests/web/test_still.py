"""News that changes nothing of what is shown changes nothing of the page: nodes, focus, selection, scroll."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, Request, expect

from tests.objects import allocation, claim, device, device_class, node, pod, slice_of
from tests.web.conftest import EXAMPLES, Visit
from tests.web.waiting_pods import FOUR
from tests.web.what_ifs import FOUR_GPUS, headline, place

WATCH = """() => {
  globalThis.redrawn = [];
  const text = (node) => node.outerHTML?.slice(0, 160) ?? node.data;
  const names = (list) => [...list].map(text).join(" and ");
  const told = (change) => `${change.type} of ${text(change.target)}: ` +
    `${names(change.removedNodes)} became ${names(change.addedNodes)}`;
  // Ages go on.
  const counts = ({ target }) => !target.parentElement?.closest("time");
  new MutationObserver((list) => globalThis.redrawn.push(...list.filter(counts).map(told)))
    .observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
PLACES = {
    "the overview": ("#/overview", "overview"),
    "the overview by driver": ("#/overview?by=driver", "overview"),
    "the overview of a namespace": ("#/overview?ns=ml-team", "overview"),
    "the map": ("#/map", "fleet?"),
    "the map, searched and grouped": ("#/map?q=state:taken&group=driver", "fleet?"),
    "the table": ("#/map?as=table", "fleet?"),
    "a device": ("#/map?device=gpu.example.com/worker-5/gpu-0", "devices/"),
    "a node": ("#/map?node=worker-5", "fleet?"),
    "pending Pods": ("#/pods", "pods?"),
    "Pods of a reason": ("#/pods?reason=devicesinuse", "pods?"),
    "a pending Pod": ("#/pods/default/trainer", "explain"),
    "claims": ("#/claims", "claims?"),
    "decisions": ("#/decisions", "pods?"),
}


def worker_5() -> dict[str, Any]:
    """The slice of a node, as it is served."""
    return next(
        item
        for item in yaml.safe_load_all((EXAMPLES / "inventory" / "gpus.yaml").read_text())
        if item["metadata"]["name"] == "worker-5-gpus"
    )


def refuse(seen: Visit, name: str) -> None:
    body = {"Pod": pod(name, "nowhere"), "NodeNames": ["worker-1"], "Nodes": None}
    seen.page.request.post(f"{seen.served.url}/scheduler/filter", data=body)


class Calm:
    """Waits until the page has asked for nothing for a second: it has drawn what there is."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._asked = 0
        page.on("request", self._count)

    def _count(self, request: Request) -> None:
        self._asked += "/api/v1/stream" not in request.url

    def wait(self) -> None:
        before = -1
        while before != self._asked:
            before = self._asked
            self._page.wait_for_timeout(1_100)


def opened(visit: Callable[..., Visit], name: str) -> tuple[Visit, Calm]:
    """A view with something in it, when all of it has been read and drawn."""
    seen = visit()
    seen.served.put(FOUR, pod("trainer", "four-gpus"))
    refuse(seen, "p")
    calm = Calm(seen.page)
    seen.open(PLACES[name][0])
    calm.wait()
    return seen, calm


def read_again(seen: Visit, calm: Calm, api: str) -> None:
    """Sends news of a node of which nothing has changed, and waits until the view has read and drawn it."""
    with seen.page.expect_response(lambda answer: f"/api/v1/{api}" in answer.url or answer.url.endswith(api)):
        seen.served.put(worker_5())
    calm.wait()


@pytest.mark.parametrize("name", PLACES)
def test_news_of_nothing_new_redraws_nothing(visit: Callable[..., Visit], name: str) -> None:
    seen, calm = opened(visit, name)
    seen.page.evaluate(WATCH)
    rows = seen.page.evaluate("() => globalThis.draExtender.fleet.read")
    read_again(seen, calm, PLACES[name][1])
    assert seen.page.evaluate("() => globalThis.draExtender.fleet.read") > rows
    assert seen.page.evaluate("() => globalThis.redrawn") == []


def test_the_observer_sees_what_is_drawn(visit: Callable[..., Visit]) -> None:
    seen, calm = opened(visit, "claims")
    seen.page.evaluate(WATCH)
    seen.served.put(claim("one-more"))
    expect(seen.page.get_by_role("row").filter(has_text="one-more")).to_be_visible()
    calm.wait()
    assert seen.page.evaluate("() => globalThis.redrawn.length") > 0


def test_a_what_if_keeps_what_is_typed_opened_and_focused(visit: Callable[..., Visit]) -> None:
    seen = visit()
    calm = Calm(seen.page)
    page = seen.open("#/whatif")
    place(page, FOUR_GPUS)
    headline(page, "0 of 1 Pod placed")
    page.locator(".placed summary").first.click()
    page.get_by_label("Manifests to create").fill("kind: Pod")
    calm.wait()
    page.evaluate(WATCH)
    read_again(seen, calm, "fleet?")
    expect(page.get_by_label("Manifests to create")).to_be_focused()
    expect(page.locator(".placed details[open]")).to_have_count(1)
    assert page.evaluate("() => globalThis.redrawn") == []


LISTS = {
    "claims": ("#/claims", ".fill table", ".fill", "pod-20"),
    "Pods": ("#/pods", ".list ul", ".list", "pod-20"),
    "the table": ("#/map?as=table", ".map-table table", ".map-table", "gpu-20"),
    "a node": ("#/map?node=many", ".panel ul.plain", ".panel", "gpu-20"),
    "decisions": ("#/decisions", ".decisions table", ".decisions .fill", "pod-20"),
}
HOLD = """([list, scroller, text]) => {
  const visible = (name) => [...document.querySelectorAll(name)].find((found) => found.offsetParent);
  const buttons = [...visible(list).querySelectorAll("button")];
  const button = buttons.find((found) => found.textContent.includes(text));
  const box = visible(scroller);
  box.scrollTop = button.getBoundingClientRect().top - box.getBoundingClientRect().top - 60;
  button.focus({ preventScroll: true });
  getSelection().selectAllChildren(button);
  globalThis.held = { button, box, top: box.scrollTop, text: String(getSelection()) };
  return globalThis.held.top;
}"""
KEPT = """() => {
  const { button, box, text, top } = globalThis.held;
  return {
    there: button.isConnected, focused: document.activeElement === button,
    selected: String(getSelection()) === text,
    scrolled: Math.abs(box.scrollTop - top) < 200 && box.scrollTop > 0,
  };
}"""


@pytest.mark.parametrize("name", LISTS)
def test_a_new_row_leaves_the_others_where_they_are(visit: Callable[..., Visit], name: str) -> None:
    at, rows, scroller, text = LISTS[name]
    devices = [device(f"gpu-{number:02}") for number in range(40)]
    objects = [node("many"), device_class(), slice_of("many", *devices)]
    for number in range(40):
        held = claim(f"claim-{number:02}") | {
            "status": {
                "allocation": allocation("many", f"gpu-{number:02}"),
                "reservedFor": [{"resource": "pods", "name": f"pod-{number:02}", "uid": f"uid-{number:02}"}],
            }
        }
        objects += [held, pod(f"pod-{number:02}", f"claim-{number:02}")]
    seen = visit(*objects, viewport={"width": 1280, "height": 500})
    for number in range(40):
        refuse(seen, f"pod-{number:02}")
    calm = Calm(seen.page)
    page = seen.open(at)
    expect(page.locator(f"{rows} button", has_text=text).first).to_be_visible()
    calm.wait()
    assert page.evaluate(HOLD, [rows, scroller, text]) > 0
    # All of them come first.
    seen.served.put(
        claim("a-new-one"), pod("a-new-one", "a-new-one"), slice_of("many", device("a-new-one"), *devices)
    )
    refuse(seen, "a-new-one")
    expect(page.locator(f"{rows} li, {rows} tr", has_text="a-new-one").first).to_be_attached()
    calm.wait()
    assert page.evaluate(KEPT) == {"there": True, "focused": True, "selected": True, "scrolled": True}
