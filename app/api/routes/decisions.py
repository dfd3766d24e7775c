"""Recent decisions: filters, binds and preemptions, newest first."""

from dataclasses import asdict
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.cursors import Cursor, cursor_after
from app.api.errors import HttpError
from app.api.listing import Limit
from app.api.models.records import DecisionPage
from app.api.query import Namespace
from app.api.responses import json_response
from app.api.service import ServiceOf

router = APIRouter(prefix="/api/v1", tags=["inventory"])


@router.get(
    "/decisions", response_model=DecisionPage, summary="Recent filters, binds and preemptions, newest first"
)
async def decisions(
    service: ServiceOf,
    limit: Limit = 100,
    cursor: Cursor = "",
    *,
    namespace: Namespace,
    name: Annotated[str, Query(description="Only Pods with this name.")] = "",
) -> Response:
    """Keeps a thousand decisions in memory. Each replica has its own, and loses them at a restart.

    A process without the role webhooks has none.
    """
    if cursor and not cursor.isdecimal():
        text = "must be `next` of an earlier page of decisions"
        raise HttpError(400, "InvalidParameter", text, "query.cursor")
    matching = (
        entry
        for entry in service.history.before(int(cursor) if cursor else None)
        if namespace in ("", entry.namespace) and name in ("", entry.name)
    )
    items = list(islice(matching, limit + 1))
    following = str(items[limit - 1].number) if len(items) > limit else None
    shown = [asdict(item) for item in items[:limit]]
    return json_response({"decides": service.decides, "items": shown, "next": cursor_after(following)})
