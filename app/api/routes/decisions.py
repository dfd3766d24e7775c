"""Recent decisions: filters, binds and preemptions, newest first."""

from dataclasses import asdict, replace
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.cursors import Cursor, cursor_after
from app.api.errors import HttpError
from app.api.history import Decision
from app.api.listing import Limit
from app.api.models.records import DecisionPage
from app.api.parameters import whole_number
from app.api.query import Namespace
from app.api.responses import ListResponse, encoded
from app.api.service import ServiceOf
from app.api.shown_names import ShownNames, shown_names

router = APIRouter(prefix="/api/v1", tags=["inventory"])

_AT_ONCE = 8
"""Decisions encoded between two pauses."""


@router.get(
    "/decisions", response_model=DecisionPage, summary="Recent filters, binds and preemptions, newest first"
)
async def decisions(
    request: Request,
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
    before = whole_number(cursor)
    if cursor and before is None:
        text = "must be `next` of an earlier page of decisions"
        raise HttpError(400, "InvalidParameter", text, "query.cursor")
    names = await shown_names(request, service.state, named=namespace)
    names.require(namespace)
    matching = (
        entry
        for entry in service.history.before(before)
        if namespace in ("", entry.namespace) and name in ("", entry.name) and names.sees(entry.namespace)
    )
    # Read in one step: decisions are made at every pause.
    items = list(islice(matching, limit + 1))
    following = str(items[limit - 1].number) if len(items) > limit else None
    time_slice = service.time_slice()
    shown = await time_slice.run(lambda: encoded((_item(item, names) for item in items[:limit]), _AT_ONCE))
    head = {"decides": service.decides, "next": cursor_after(following)}
    return ListResponse(head, "items", shown, time_slice)


def _item(decision: Decision, names: ShownNames) -> dict[str, Any]:
    return asdict(replace(decision, summary=names.text(decision.summary)))
