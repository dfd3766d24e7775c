"""A service on an inventory in memory, asked over HTTP without a socket."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson
import pytest
from fastapi import FastAPI

from app.core.json_object import JsonObject
from app.main import create_app
from app.settings.settings import Settings

T = TypeVar("T")
Ask = Callable[[Callable[["Asked"], Awaitable[T]]], T]


class Asked:
    """The application, and a client of it."""

    def __init__(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        self.app = app
        self.client = client

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        answer = await self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def send(self, path: str, body: Any) -> httpx.Response:
        """Any JSON at all, ``null`` too."""
        headers = {"Content-Type": "application/json"}
        return await self.client.post(path, content=json.dumps(body), headers=headers)

    async def get(self, path: str, status: int = 200, **params: Any) -> Any:
        answer = await self.client.get(path, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()


@asynccontextmanager
async def serving(path: Path, **settings: Any) -> AsyncGenerator[Asked, None]:
    # Most tests are about what is said of every node; see test_reservations for what is done by default.
    app = create_app(Settings(snapshot=(str(path),), **{"candidates": 0, **settings}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield Asked(app, client)


@pytest.fixture
def inventory(tmp_path: Path) -> Callable[..., Path]:
    """Writes objects to a file to serve from."""

    def write(*objects: JsonObject) -> Path:
        path = tmp_path / "inventory.json"
        path.write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        return path

    return write


def run(path: Path, evaluation: Callable[[Asked], Awaitable[T]], **settings: Any) -> T:
    """Serves the file for the length of a question."""

    async def asked() -> T:
        async with serving(path, **settings) as service:
            return await evaluation(service)

    return asyncio.run(asked())
