"""Server-sent events: the revision whenever it has changed, for pages that want to be up to date."""

import asyncio
from collections.abc import AsyncIterator

import orjson
from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from app.api.service import Service, ServiceOf

router = APIRouter(prefix="/api/v1", tags=["inventory"])

_LOOK_SECONDS = 0.5
"""Between two looks at the revision: a burst of changes is one event."""
_KEEP_ALIVE_SECONDS = 15.0


@router.get("/stream", summary="The revision whenever it has changed (server-sent events)")
async def stream(request: Request, service: ServiceOf) -> StreamingResponse:
    events = _events(request, service)
    return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _events(request: Request, service: Service) -> AsyncIterator[bytes]:
    told, silent = None, 0.0
    while not service.draining and not await request.is_disconnected():
        revision = service.state.revision
        if revision != told:
            told, silent = revision, 0.0
            data = orjson.dumps({"revision": str(revision), "nodes": len(service.state.nodes)}).decode()
            yield f"event: revision\nid: {revision}\ndata: {data}\n\n".encode()
        elif silent >= _KEEP_ALIVE_SECONDS:
            silent = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(_LOOK_SECONDS)
        silent += _LOOK_SECONDS
