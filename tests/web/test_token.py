"""Whom the page lets in: the service guards its API, and asks an API server about each token.

All is real but the API server, which is a fake one on a socket of its own.
"""

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
import yaml
from playwright.sync_api import Page, expect

from app.cluster.client.reviews import KEPT_SECONDS
from app.settings.settings import Settings
from tests.cluster.fake_apiserver import Answer, Call, FakeApiServer, Fault, asgi
from tests.objects import device, node, slice_of
from tests.web.conftest import Served, Started, Visit

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
# The page waits longer after each try.
PATIENCE_MS = 20_000


class Guardian(FakeApiServer):
    """Knows tokens (``users`` by token), and lets ``readers`` use the service's API."""

    def __init__(self) -> None:
        super().__init__()
        self.users = {"of-jane": "jane", "of-joe": "joe"}
        self.readers = {"jane"}

    def _route(self, call: Call) -> Answer:
        status = self._reviewed(call)
        if status is None:
            return super()._route(call)
        encoded = orjson.dumps(orjson.loads(call.body) | {"status": status})

        async def chunks() -> AsyncIterator[bytes]:
            yield encoded

        return Answer(201, chunks(), {"content-type": "application/json"})

    def _reviewed(self, call: Call) -> dict[str, Any] | None:
        if call.path not in (TOKEN_REVIEWS, ACCESS_REVIEWS):
            return None
        spec = orjson.loads(call.body)["spec"]
        if call.path == ACCESS_REVIEWS:
            asked = spec["resourceAttributes"]
            return {"allowed": asked["group"] == "dra-extender" and spec["user"] in self.readers}
        user = self.users.get(spec["token"])
        return {"authenticated": user is not None, "user": {"username": user} if user else {}}


@pytest.fixture
def guardian() -> Guardian:
    server = Guardian()
    server.put("v1", "nodes", node("n1"))
    server.put("resource.k8s.io/v1", "resourceslices", slice_of("n1", device("d0")))
    return server


@pytest.fixture
def guarded(guardian: Guardian, tmp_path: Path) -> Iterator[Served]:
    """The service, told of its cluster by the API server, and with its API closed."""
    listening = threading.Event()
    config = uvicorn.Config(
        asgi(guardian), port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1
    )
    api_server = Started(config, listening)
    thread = threading.Thread(target=api_server.run)
    thread.start()
    assert listening.wait(30)
    port = api_server.servers[0].sockets[0].getsockname()[1]
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(kubeconfig(f"http://127.0.0.1:{port}")))
    served = Served(Settings(kubeconfig=file, auth="token", stream_seconds=2))
    yield served
    served.stop()
    guardian.stop()
    api_server.should_exit = True
    thread.join(15)
    assert not thread.is_alive()


def kubeconfig(url: str) -> dict[str, Any]:
    return {
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }


def give(page: Page, token: str) -> None:
    dialog = page.get_by_role("dialog", name="Authentication required")
    dialog.get_by_label("Bearer token").fill(token)
    dialog.get_by_role("button", name="Use token").click()


def test_a_token_is_asked_for_reviewed_and_kept_for_the_tab_alone(
    visit: Callable[..., Visit], guarded: Served, guardian: Guardian
) -> None:
    page = visit(served=guarded).open(live=False)
    give(page, "guessed")
    expect(page.get_by_role("alert")).to_have_text("The token was refused. It may have expired.")
    give(page, "of-jane")
    expect(page.locator("#link")).to_have_attribute("data-kind", "live")
    expect(page.get_by_role("button", name="free 1")).to_be_visible()
    page.reload()
    expect(page.locator("#link")).to_have_attribute("data-kind", "live")
    assert page.evaluate("() => localStorage.length + document.cookie.length") == 0
    asked = [call for call in guardian.calls if call.path == TOKEN_REVIEWS]
    # The guess, then hers: whatever the page asks within seconds costs no further review.
    assert len({orjson.loads(call.body)["spec"]["token"] for call in asked}) == 2
    other = visit(served=guarded).open(live=False)
    expect(other.get_by_role("dialog", name="Authentication required")).to_be_visible()


def test_who_may_not_read_is_told_so(visit: Callable[..., Visit], guarded: Served) -> None:
    page = visit(served=guarded).open(live=False)
    give(page, "of-joe")
    expect(page.locator("#banner")).to_contain_text("No data yet: joe may not get")
    expect(page.locator("#banner")).to_contain_text("in group dra-extender; docs/security.md has the role")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_who_gives_no_token_is_asked_again_only_on_request(
    visit: Callable[..., Visit], guarded: Served
) -> None:
    page = visit(served=guarded).open(live=False)
    page.get_by_role("button", name="Not now").click()
    expect(page.locator("#banner")).to_contain_text("requires a token")
    page.wait_for_timeout(2_500)  # the stream has tried again meanwhile, without a word
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.locator("#link").click()
    give(page, "of-jane")
    expect(page.locator("#link")).to_have_attribute("data-kind", "live")


def test_a_token_that_is_known_no_more_is_asked_for_anew(
    visit: Callable[..., Visit], guarded: Served, guardian: Guardian
) -> None:
    page = visit(served=guarded).open(live=False)
    give(page, "of-jane")
    expect(page.get_by_role("button", name="free 1")).to_be_visible()
    guardian.users = {"newer": "jane"}
    # The time for which reviews are kept is over.
    guarded.service.reviewer._clock = lambda: time.monotonic() + 2 * KEPT_SECONDS
    # Nothing happens in the cluster: the stream ends, and who opens the next one is asked.
    give(page, "newer")
    expect(page.locator("#link")).to_have_attribute("data-kind", "live")


def test_while_the_api_server_is_away_nobody_is_taken_for_a_stranger(
    visit: Callable[..., Visit], guarded: Served, guardian: Guardian
) -> None:
    page = visit(served=guarded).open(live=False)
    expect(page.get_by_role("dialog")).to_be_visible()
    guardian.faults.append(Fault(lambda call: call.path == TOKEN_REVIEWS, times=float("inf"), status=500))
    give(page, "of-jane")
    expect(page.locator("#banner")).to_contain_text("the API server is not available to review the token")
    expect(page.get_by_role("dialog")).to_be_hidden()
    guardian.faults.clear()
    page.locator("#link").click()
    expect(page.locator("#link")).to_have_attribute("data-kind", "live", timeout=PATIENCE_MS)
