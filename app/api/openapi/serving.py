"""Serves the OpenAPI document."""

import asyncio
from functools import cache
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from app.api.openapi.document import openapi_document
from app.api.openapi.version_30 import as_openapi_30


def operation_id(route: APIRoute) -> str:
    """The operationId of a route that does not name one: that of its function. See ``openapi_document``."""
    return to_camel(route.name)


def add_openapi(app: FastAPI) -> None:
    """Serves the document in both versions. It is built when it is first requested."""

    @cache
    def document() -> dict[str, Any]:
        return openapi_document(app)

    @cache
    def encoded() -> tuple[bytes, bytes]:
        return orjson.dumps(document()), orjson.dumps(as_openapi_30(document()))

    # The way to extend it that FastAPI documents.
    app.openapi = document  # type: ignore[method-assign]

    # In a thread: building it takes longer than anything may hold the event loop.
    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return Response((await asyncio.to_thread(encoded))[0], media_type="application/json")

    @app.get("/openapi-3.0.json", include_in_schema=False)
    async def openapi_30() -> Response:
        return Response((await asyncio.to_thread(encoded))[1], media_type="application/json")
