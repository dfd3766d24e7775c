"""ASGI middleware that answers 304 to a client that has the current content of a list.

An ETag stands for a revision of the state, for one URL. It is made without the content, so a poll of a list
that has not changed costs nothing.
"""

import hashlib
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.line_stream import wants_lines
from app.api.service import made_service

_LISTS = "claims classes decisions devices fleet nodes overview pods policies pools usage"
LISTS = frozenset(f"/api/v1/{name}" for name in _LISTS.split())
_TAG = re.compile(r'(?:W/)?("[^"]*")')


class Revalidation:
    """Adds ETag to lists, and compares it with If-None-Match."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        tag = _tag(scope) if scope["type"] == "http" and scope["path"] in LISTS else ""
        if not tag:
            await self._app(scope, receive, send)
            return
        known = ",".join(Headers(scope=scope).getlist("if-none-match"))
        if known.strip() == "*" or tag in _TAG.findall(known):
            await Response(status_code=304, headers={"ETag": f"W/{tag}"})(scope, receive, send)
            return

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = MutableHeaders(raw=message["headers"])
                headers["ETag"] = f"W/{tag}"
                message["headers"] = headers.raw
            await send(message)

        await self._app(scope, receive, tagged)


def _tag(scope: Scope) -> str:
    """The quoted tag of the current content; empty for a request that has none.

    The content may be newer than the tag, never older: then the next poll returns it once more.
    """
    service = made_service(scope["app"])
    # Lines may end with an error, after a tag would have been sent.
    if service is None or scope["method"] not in ("GET", "HEAD") or wants_lines(scope):
        return ""
    # Pods show what filter has answered, which is in the history.
    content = (
        service.epoch,
        service.state.revision,
        service.history.last,
        scope["path"],
        scope["query_string"],
    )
    return f'"{hashlib.sha256(repr(content).encode()).hexdigest()[:20]}"'
