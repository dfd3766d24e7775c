"""Answers as lines (``application/x-ndjson``): one JSON object in each, sent as soon as it is known.

The last line is ``{"end": ...}``, or ``{"error": ...}`` if the answer could not be completed: without either,
the connection was lost. So memory holds the lines of one time slice, however long the answer is.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.errors import HttpError, defect, error_body
from app.api.preferences import weights_in

LINES = "application/x-ndjson"
Lines = AsyncGenerator[bytes, None]
"""Whole lines, one or several at a time."""

STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {LINES: {"schema": {"type": "string"}}}}}
"""The response in the OpenAPI document. OpenAPI 3.1 has no type for a sequence of objects, and generators of
clients take the JSON next to it.
"""

log = logging.getLogger(__name__)


def line(content: Any) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def wants_lines(scope: Scope) -> bool:
    """Whether a client prefers lines to JSON. A client that lists both alike gets JSON (RFC 9110, 12.5.1)."""
    weights = weights_in(Headers(scope=scope).getlist("accept"))
    other = weights.get("application/json", weights.get("application/*", weights.get("*/*", 0.0)))
    return weights.get(LINES, 0.0) > other


class LineStream(Response):
    """Sends lines as they come. What is raised before the first line has its own response."""

    media_type = LINES

    def __init__(self, lines: Lines) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "Vary": "Accept"})
        del self.headers["content-length"]
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        async with aclosing(self._lines) as lines:
            first = await anext(lines)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for piece in _to_the_end(lines):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _to_the_end(lines: Lines) -> Lines:
    """The lines, and the error that ended them as the last one."""
    try:
        async for piece in lines:
            yield piece
    except HttpError as error:
        yield line(error_body(error.code, error.message, error.path))
    except Exception:
        log.exception("defect in the middle of an answer")
        yield line(error_body(defect().code, defect().message))
