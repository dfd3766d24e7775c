"""Server-sent events about changes, for live pages."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.routes.fleet import changes_since
from app.api.service import Service, ServiceOf, Streams

router = APIRouter(prefix="/api/v1", tags=["inventory"])

_LOOK_SECONDS = 0.5
"""Interval between two checks of the revision: a burst of changes is one event."""
_KEEP_ALIVE_SECONDS = 15.0


@router.get(
    "/stream",
    operation_id="streamChanges",
    summary="Stream of the revision and the changed nodes (SSE)",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(
    request: Request,
    service: ServiceOf,
    since: Annotated[str, Query(description="`cursor` of the last event or response received.")] = "",
    last_event_id: Annotated[str, Header()] = "",
) -> StreamingResponse:
    """Events named ``revision`` contain the same as /api/v1/changes, which is for clients that cannot
    stream. The stream ends after some minutes: open it again with the last ``cursor``.
    """
    events = _events(request, service, since or last_event_id)
    return _Counted(service.streams, events)


class _Counted(StreamingResponse):
    """Occupies a slot while it is open; without a free slot, responds with an error."""

    def __init__(self, streams: Streams, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._streams.place("use /api/v1/changes instead"):
            await super().__call__(scope, receive, send)


async def _events(request: Request, service: Service, cursor: str) -> AsyncIterator[bytes]:
    sent, silent, passed = None, 0.0, 0.0
    # A revoked permission takes effect when the stream ends: it is not checked while one is open.
    while passed < service.settings.stream_seconds and not service.shutdown.begun:
        if await request.is_disconnected():
            return
        late = service.cluster.late_seconds() is not None
        seen = (service.state.revision, service.history.last, late)
        if seen != sent:
            sent, silent = seen, 0.0
            news = changes_since(service, cursor)
            cursor = news["cursor"]
            yield f"event: revision\nid: {cursor}\ndata: {orjson.dumps(news).decode()}\n\n".encode()
        elif silent >= _KEEP_ALIVE_SECONDS:
            silent = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(_LOOK_SECONDS)
        silent += _LOOK_SECONDS
        passed += _LOOK_SECONDS
