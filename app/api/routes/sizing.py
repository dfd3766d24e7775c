"""Which nodes to add so that Pods fit: the fewest or the cheapest. Nothing is written."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.dry_run.overlay import names_of
from app.api.dry_run.scenario import documented, dry_run, read_request
from app.api.dry_run.waiting_pods import placed_pod, waiting_pods
from app.api.errors import HttpError
from app.api.models.answers import SizingAnswer
from app.api.models.questions import SizingRequest
from app.api.responses import json_response
from app.api.service import Service, ServiceOf
from app.core.dry_run.sizing import NodeShape, Sizing, size
from app.core.dry_run.what_if import WhatIfError

router = APIRouter(prefix="/api/v1", tags=["dry runs"])


@router.post(
    "/sizing",
    operation_id="sizeNodes",
    response_model=SizingAnswer,
    openapi_extra=documented(SizingRequest),
    summary="The fewest or cheapest nodes to add so that these Pods fit",
)
async def sizing(request: Request, service: ServiceOf) -> Response:
    async with read_request(request, service, SizingRequest) as (body, work):
        run = await dry_run(service, body, work)
        absent = {shape.like for shape in body.shapes if not shape.exists}
        nodes = [name for name in names_of(run.overlay.state, body.nodes) if name not in absent]
        pods, notes = await waiting_pods(service, body, nodes, run)
        shapes = [NodeShape(shape.like, shape.price, shape.limit) for shape in body.shapes]
        try:
            found = await work.run(lambda: size(run.overlay.state, pods, nodes, run.rules, shapes))
        except WhatIfError as error:
            raise HttpError(422, "InvalidField", str(error), "shapes") from None
        answer = _sizing_answer(service, found, shapes)
        return json_response(answer | {"notes": [*run.overlay.notes, *notes]})


def _sizing_answer(service: Service, found: Sizing, shapes: list[NodeShape]) -> dict[str, Any]:
    return {
        "revision": str(service.state.revision),
        "outcome": found.outcome,
        "minimal": found.minimal,
        "text": found.text,
        "nodesNeeded": sum(found.counts.values()) if found.outcome == "fits" else None,
        "price": found.price if found.outcome == "fits" else None,
        "shapes": [
            {"like": shape.like, "price": shape.price, "count": found.counts.get(shape.like, 0)}
            for shape in shapes
        ],
        "setsTried": found.sets_tried,
        "pods": [placed_pod(item) for item in found.placements],
    }
