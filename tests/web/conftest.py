"""The page in a real Chromium, served by the application itself."""

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.main import create_app
from app.settings.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 10_000
# Also for what is expected: 5 s are short where other tests use the processors.
expect.set_options(timeout=PATIENCE_MS)


class Started(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, listening: threading.Event) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()


class Served:
    """The application on a port of its own, in a thread with an event loop of its own."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        config = uvicorn.Config(self.app, port=0, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
        self._started = threading.Event()
        self._server = Started(config, self._started)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(30), "the service has not started"

    @property
    def url(self) -> str:
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    @property
    def service(self) -> Any:
        return self.app.state.service

    def do(self, action: Callable[[], Any]) -> Any:
        """Runs something on the service's own loop, where its state may be touched."""

        async def run() -> Any:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def put(self, *objects: JsonObject) -> None:
        """Takes objects in, as if the API server had told of them."""
        self.do(lambda: [self.service.state.upsert(parse(item)) for item in objects])

    def stop(self) -> None:
        self.app.state.shutdown.begin()
        self._server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._server.serve())


class Visit:
    """A page that is watched: whatever the browser complains of fails the test at its end."""

    def __init__(self, page: Page, served: Served) -> None:
        self.page = page
        self.served = served
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._said(message.type, message.text))

    def _said(self, kind: str, text: str) -> None:
        # A refused or broken request is what some tests are about.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.complaints.append(text)

    def open(self, place: str = "#/map", *, live: bool = True) -> Page:
        """Goes to a place of the page, like ``#/pods``, and waits until it is up to date; "" is its start."""
        self.page.goto(f"{self.served.url}/{place}")
        if live:
            self.page.wait_for_selector("#link[data-kind=live]")
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without it a reason to skip, or under CI a failure.

    Not for the whole session: as long as Playwright is open, its event loop counts as the running one
    of this thread, and other folders' tests could not start theirs.
    """
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        why = "Chromium is not installed (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield found
        found.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Serves objects, or the example inventory."""
    running: list[Served] = []

    def start(*objects: JsonObject) -> Served:
        path = EXAMPLES / "inventory"
        if objects:
            path = tmp_path / "inventory.json"
            path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        running.append(Served(Settings(snapshot=(str(path),))))
        return running[-1]

    yield start
    for served in running:
        served.stop()


@pytest.fixture
def visit(browser: Browser, serve: Callable[..., Served]) -> Iterator[Callable[..., Visit]]:
    """Opens a window on what is served; ``context`` takes what Browser.new_context does."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def start(*objects: JsonObject, served: Served | None = None, **context: Any) -> Visit:
        settings = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"} | context
        contexts.append(browser.new_context(**settings))
        contexts[-1].set_default_timeout(PATIENCE_MS)
        visits.append(Visit(contexts[-1].new_page(), served or serve(*objects)))
        return visits[-1]

    yield start
    for context in contexts:
        context.close()
    assert [text for visited in visits for text in visited.complaints] == []


def placed_on_map(page: Page, key: str) -> tuple[float, float]:
    """Where a device is in the window, as the page itself lays it out."""
    # In one call: the map may be laid out again between two.
    x, y = page.wait_for_function("key => globalThis.draExtender.map.where(key)", arg=key).json_value()
    return x, y
