"""The application beside a cluster in memory, in this process."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

import app.wiring.from_cluster
from app.core.json_object import JsonObject
from app.main import create_app
from app.settings.settings import Settings
from tests.cluster.fake_apiserver import FakeApiServer
from tests.monitoring.conftest import Access


@asynccontextmanager
async def started(
    server: FakeApiServer, objects: Iterable[tuple[str, JsonObject]], **settings: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that reads these objects, by their plurals, from the server."""
    for plural, item in objects:
        server.put(item["apiVersion"], plural, item)
    application = create_app(Settings(**settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.wiring.from_cluster, "load_access", lambda *_, **__: Access(server))
        transport = httpx.ASGITransport(application)
        async with (
            application.router.lifespan_context(application),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            yield client
