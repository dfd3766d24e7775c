"""Names are other people's text: never HTML, never a script."""

import base64
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.objects import allocation, claim, device, device_class, node, pod, slice_of
from tests.web.conftest import Visit

EVIL = '"><img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>'
HELD = claim(EVIL) | {
    "status": {
        "allocation": allocation(EVIL, EVIL),
        "reservedFor": [{"resource": "pods", "name": EVIL, "uid": "u"}],
    }
}
OBJECTS = (
    node(EVIL),
    device_class(),
    slice_of(
        EVIL,
        device(EVIL, model=EVIL) | {"taints": [{"key": EVIL, "value": EVIL, "effect": "NoSchedule"}]},
        device("free") | {"taints": [{"key": EVIL, "value": EVIL, "effect": "NoSchedule"}]},
    ),
    HELD,
    pod(EVIL, EVIL + "2"),
)


PLACES = ("#/map?as=table", "#/pods", "#/claims", "#/decisions", "#/whatif", "#/map")


def test_hostile_names_are_text_everywhere(visit: Callable[..., Visit]) -> None:
    seen = visit(*OBJECTS)
    page = seen.page
    page.request.post(
        f"{seen.served.url}/scheduler/filter",
        data={"Pod": pod(EVIL, EVIL + "2"), "NodeNames": [EVIL], "Nodes": None},
    )
    for place in PLACES:
        seen.open(place)
        if place not in ("#/map", "#/whatif"):  # there, names are on the canvas
            expect(page.get_by_role("main")).to_contain_text(EVIL)
    page.evaluate(
        "key => { location.hash = '#/map?device=' + encodeURIComponent(key) }",
        f"gpu.example.com/{EVIL}/{EVIL}",
    )
    expect(page.get_by_role("heading", name=EVIL)).to_be_visible()
    page.evaluate("name => { location.hash = '#/map?node=' + encodeURIComponent(name) }", EVIL)
    expect(page.get_by_role("region", name="Node")).to_contain_text(EVIL)
    page.evaluate("name => { location.hash = '#/pods/default/' + encodeURIComponent(name) }", EVIL)
    expect(page.locator(".detail h2")).to_have_text(EVIL)
    assert page.evaluate("() => globalThis.hacked") is None
    assert (
        page.evaluate("() => document.querySelectorAll('img:not([src^=\"/web/\"]), body script').length") == 0
    )


def test_the_policy_for_content_forbids_inline_scripts_and_other_hosts(visit: Callable[..., Visit]) -> None:
    seen = visit(node("n"))
    page = seen.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    seen.open()
    policy = page.request.get(f"{seen.served.url}/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert all(url.startswith(seen.served.url) for url in asked)


def packed(value: Any) -> str:
    """A what-if as a link carries it."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    raw = deflate.compress(json.dumps(value).encode()) + deflate.flush()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


NOTHING: dict[str, Any] = {"items": [], "drained": [], "tainted": []}
NO_WHAT_IFS = {
    "a number": 5,
    "lists that are none": NOTHING | {"drained": "n1"},
    "items that are none": NOTHING | {"items": [None, 5]},
    "nodes to add that are none": NOTHING | {"added": [None]},
}


@pytest.mark.parametrize("value", NO_WHAT_IFS.values(), ids=NO_WHAT_IFS)
def test_a_link_that_holds_no_what_if_is_passed_over(visit: Callable[..., Visit], value: Any) -> None:
    page = visit(node("n1")).open(f"#/whatif?whatif={packed(value)}")
    expect(page.locator(".whatif")).to_contain_text("Add a workload to see")


def test_a_link_with_a_hostile_what_if_is_refused_by_the_service(visit: Callable[..., Visit]) -> None:
    item = {"kind": EVIL, "namespace": EVIL, "name": EVIL, "role": "workload", "object": EVIL}
    value = {"items": [item], "drained": [EVIL], "tainted": [EVIL], "removed": [EVIL], "policy": f"{EVIL}=1"}
    page = visit(node("n1")).open(f"#/whatif?whatif={packed(value)}")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator(".changes")).to_contain_text(EVIL)
    assert page.evaluate("() => globalThis.hacked") is None
