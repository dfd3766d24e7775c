"""A fake API server on a real port of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import uvicorn

from app.cluster.client.client import ApiClient
from tests.cluster.fake_apiserver import FakeApiServer, asgi

# Longer than anything here takes, so that a defect fails rather than hangs.
PATIENCE_SECONDS = 20.0


@asynccontextmanager
async def listening(server: FakeApiServer, **tls: Any) -> AsyncIterator[int]:
    """Serves the fake on a free loopback port."""
    config = uvicorn.Config(
        asgi(server), lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1, **tls
    )
    service = uvicorn.Server(config)
    # The signals stay the test runner's.
    service.capture_signals = nullcontext  # type: ignore[assignment]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(service.serve([listener]))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not service.started:  # noqa: ASYNC110 - uvicorn has no event for it
                    await asyncio.sleep(0.01)
                yield listener.getsockname()[1]
        finally:
            service.should_exit = True
            await task


@asynccontextmanager
async def closing(client: ApiClient) -> AsyncIterator[ApiClient]:
    try:
        yield client
    finally:
        await client.aclose()
