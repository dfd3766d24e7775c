"""JSON responses, encoded by orjson: FastAPI's encoder takes longer than some filters."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.core.pauses import paced
from app.event_loop.time_slice import TimeSlice

_PIECE_BYTES = 64 * 1024


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


def one_by_one(items: Iterable[Any]) -> list[orjson.Fragment]:
    """Encodes items with pauses between them: 5,000 nodes at once would block the event loop for 30 ms."""
    return [orjson.Fragment(text) for text in encoded(items)]


def encoded(items: Iterable[Any], every: int = 1) -> list[bytes]:
    """As ``one_by_one``, for a ``ListResponse``. ``every``: items between two pauses."""
    return [orjson.dumps(item) for item in paced(items, every)]


class ListResponse(Response):
    """An object whose last field is a long list, sent in pieces with the loop free in between.

    Put together, 25 MB take 20 ms, and as long to be freed. Each item is freed when it is sent.

    Args:
        head: the other fields.
        name: of the list. items: its encoded items; the response takes them out of this list.
    """

    media_type = "application/json"

    def __init__(
        self,
        head: Mapping[str, Any],
        name: str,
        items: list[bytes],
        time_slice: TimeSlice,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        opening = orjson.dumps({**head, name: []})
        # The list is the last field: what comes after its items is known.
        self._opening, self._closing = opening[:-2], opening[-2:]
        length = len(opening) + sum(map(len, items)) + max(0, len(items) - 1)
        super().__init__(headers={**(headers or {}), "content-length": str(length)})
        items.reverse()
        self._items = items
        self._time_slice = time_slice

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send(start)
        piece = [self._opening]
        while True:
            size = len(piece[0])
            while self._items and size < _PIECE_BYTES:
                item = self._items.pop()
                size += len(item)
                piece += (item, b"," if self._items else b"")
            more = bool(self._items)
            if not more:
                piece.append(self._closing)
            await send({"type": "http.response.body", "body": b"".join(piece), "more_body": more})
            if not more:
                return
            piece = [b""]
            await self._time_slice.yield_if_due()
