"""Dry runs: whether Pods fit, where, and on which devices. Writes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.dry_run.detail import Detail, Explainer
from app.api.dry_run.json_answers import pod_answer
from app.api.dry_run.overlay import names_of
from app.api.dry_run.preemption_preview import preemptions
from app.api.dry_run.scenario import documented, dry_run, pods_in, read_request
from app.api.errors import HttpError
from app.api.models.answers import PlacementAnswer
from app.api.models.questions import DryRunList, PlacementRequest
from app.api.responses import json_response
from app.api.service import Service, ServiceOf
from app.api.visibility import visibility_of
from app.core.advice.redaction import Redaction
from app.core.dry_run.gang import MAX_HINTED, GangAnswer, all_together, place_gang
from app.core.dry_run.place import PodPlacement, place, with_near_misses
from app.core.pauses import paced
from app.core.state.state import Key

router = APIRouter(prefix="/api/v1", tags=["dry runs"])


@router.post(
    "/placements",
    operation_id="placePods",
    response_model=PlacementAnswer,
    openapi_extra=documented(PlacementRequest),
    summary="Dry run: whether Pods fit, where, on which devices, and why not",
)
async def placements(request: Request, service: ServiceOf) -> Response:
    async with read_request(request, service, PlacementRequest) as (body, work):
        run = await dry_run(service, body, work)
        state, rules, time_slice = run.overlay.state, run.rules, work.time_slice
        driven_out = run.overlay.evicted
        nodes = names_of(state, body.nodes)
        evicted = {item.pod.meta.key: item.node for item in driven_out}
        most = service.settings.dry_run_pods - len(driven_out)
        requested, notes = await pods_in(body, len(nodes), most, run)
        pods = [*(item.pod for item in driven_out), *requested]
        if not pods and not body.drain:
            raise HttpError(422, "InvalidField", "pods or workloads must contain at least one Pod", "pods")
        gang: GangAnswer | None = None
        placed: Sequence[PodPlacement]
        detail = Detail.of(body.explain, len(pods), nodes)
        before = state.fork() if 1 < len(pods) <= MAX_HINTED and not body.all_or_nothing else None
        if body.all_or_nothing:
            gang = await time_slice.run(
                lambda: place_gang(state, pods, nodes, rules, shown=detail.verdicts, named=detail.names),
                work.stop,
            )
            placed, late = gang.placements, len(gang.placements) < len(pods)
        else:
            steps = place(state, pods, nodes, rules, shown=detail.verdicts, named=detail.names)
            if body.explain != "none":
                steps = with_near_misses(state, rules, steps)
            async with service.places.watched(body.progress, len(pods)) as count:
                placed, late = await time_slice.collect(steps, work.stop, count)
        if before is not None and not late and _some(placed):
            notes += await time_slice.run(lambda: all_together(before, pods, nodes, rules), work.stop)
        visible = await visibility_of(request.scope, {item.meta.namespace for item in pods})
        redaction = await time_slice.run(lambda: visible.redaction(state, nodes=False))
        asides: dict[Key, Any] = {}
        if body.preemption and not late:
            asides = await work.run(lambda: preemptions(state, placed, nodes, rules, redaction))
        answer = await time_slice.run(
            lambda: _answer(service, detail, placed, evicted, asides=asides, late=late, redaction=redaction)
        )
        if gang is not None:
            answer["gang"] = _gang(gang)
        answer["notes"] = [*run.overlay.notes, *notes]
        return json_response(answer)


@router.get(
    "/dry-runs", operation_id="listDryRuns", response_model=DryRunList, summary="Progress of running dry runs"
)
async def dry_runs(service: ServiceOf) -> Response:
    running = service.places.progress.items()
    return json_response(
        {"items": [{"name": name, "done": done, "pods": pods} for name, (done, pods) in running]}
    )


def _some(placed: Sequence[PodPlacement]) -> bool:
    """Whether there is room for some of the Pods and not for others."""
    return 0 < sum(item.chosen is not None for item in placed) < len(placed)


def _gang(answer: GangAnswer) -> dict[str, Any]:
    return {"outcome": answer.outcome, "text": answer.text, "tried": answer.tried}


def _answer(
    service: Service,
    detail: Detail,
    placed: Sequence[PodPlacement],
    evicted: Mapping[Key, str],
    *,
    asides: Mapping[Key, Any],
    late: bool,
    redaction: Redaction | None,
) -> dict[str, Any]:
    fitting = sum(item.chosen is not None for item in placed)
    service.metrics.dry_run_pods.labels("placed").inc(fitting)
    service.metrics.dry_run_pods.labels("unplaced").inc(len(placed) - fitting)
    explainer, pods = Explainer(detail), []
    for item in paced(placed, 16):
        # Encodes bit by bit: 25 MB at once would block the webhooks.
        shown = redaction.about(held.key for held in item.claims) if redaction is not None else None
        key = item.pod.meta.key
        entry = pod_answer(item, explainer.nodes(item, shown), shown)
        entry |= {"evictedFrom": evicted.get(key), "preemption": asides.get(key)}
        pods.append(orjson.Fragment(orjson.dumps(entry)))
    return {
        "revision": str(service.state.revision),
        "placed": fitting,
        "unplaced": len(placed) - fitting,
        "complete": not late,
        "pods": pods,
    }
