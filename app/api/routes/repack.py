"""Which running Pods to move so that others fit. Nothing is written."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.dry_run.overlay import names_of
from app.api.dry_run.scenario import documented, dry_run, read_request
from app.api.dry_run.waiting_pods import placed_pod, waiting_pods
from app.api.errors import HttpError
from app.api.models.answers import RepackAnswer
from app.api.models.questions import RepackRequest
from app.api.responses import json_response
from app.api.service import Service, ServiceOf
from app.api.visibility import visibility_of
from app.core.dry_run.defragment import Defragmentation, defragment, follow_defragmentation
from app.core.dry_run.moves import Move
from app.core.dry_run.repack import Repack, follow, repack
from app.core.model.allocation import Allocation
from app.core.pauses import paced

router = APIRouter(prefix="/api/v1", tags=["dry runs"])


@router.post(
    "/repack",
    operation_id="planRepack",
    response_model=RepackAnswer,
    openapi_extra=documented(RepackRequest),
    summary="The fewest running Pods to move so that these Pods fit, or fragmentation falls",
)
async def plan_repack(request: Request, service: ServiceOf) -> Response:
    async with read_request(request, service, RepackRequest) as (body, work):
        run = await dry_run(service, body, work)
        state = run.overlay.state
        nodes = names_of(state, body.nodes)
        bound = body.fragmentation_below
        optional = body.moves is not None or bound is not None
        pods, notes = await waiting_pods(service, body, nodes, run, may_be_none=optional)
        if bound is not None and pods:
            text = "is for the cluster as it is: leave out pods, workloads, pending and drain"
            raise HttpError(422, "InvalidField", text, "fragmentationBelow")
        namespaces = {pod.meta.namespace for pod in pods}
        visible = (await visibility_of(request.scope, namespaces)).namespaces
        sees = None if visible is None else visible.__contains__

        steps = [((move.namespace, move.name), move.to) for move in body.moves or ()]

        def plan() -> Repack:
            if body.moves is None:
                return repack(state, pods, nodes, run.rules, most=body.max_moves, visible=sees)
            return follow(state, pods, nodes, run.rules, steps, visible=sees)

        def lower(below: float) -> Defragmentation:
            if body.moves is None:
                return defragment(state, nodes, run.rules, below, most=body.max_moves, visible=sees)
            return follow_defragmentation(state, nodes, run.rules, below, steps, visible=sees)

        answer: dict[str, Any] = {"fragmentation": None}
        if bound is None:
            answer |= await work.run(lambda: _answer(service, plan()))
        else:
            answer |= await work.run(lambda: _lowered(service, lower(bound)))
        return json_response(answer | {"notes": [*run.overlay.notes, *notes]})


def _lowered(service: Service, found: Defragmentation) -> dict[str, Any]:
    return _answer(service, found.plan) | {"fragmentation": {"before": found.before, "after": found.after}}


def _answer(service: Service, found: Repack) -> dict[str, Any]:
    return {
        "revision": str(service.state.revision),
        "outcome": found.outcome,
        "minimal": found.minimal,
        "text": found.text,
        "moves": [_move(item) for item in paced(found.moves, 8)],
        "pods": [placed_pod(item) for item in paced(found.placements, 8)],
        "stays": found.stays,
    }


def _move(move: Move) -> dict[str, Any]:
    after = {claim.meta.key: allocation for claim, allocation, _ in move.answer.settled}
    return {
        "namespace": move.pod.meta.namespace,
        "name": move.pod.meta.name,
        "uid": move.pod.meta.uid,
        "from": move.source,
        "to": move.answer.node,
        "claims": [
            {
                "claim": claim.meta.name,
                "before": _devices(claim.allocation),
                "after": _devices(after.get(claim.meta.key)),
            }
            for claim in move.before
        ],
    }


def _devices(allocation: Allocation | None) -> list[str]:
    if allocation is None:
        return []
    return [str(item.device) for item in allocation.devices]
