"""Dry runs: whether Pods fit, where, and on which devices. Writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.dry_run.placing import Placing
from app.api.dry_run.scenario import documented, read_request
from app.api.line_stream import STREAMED, Lines, LineStream, line, wants_lines
from app.api.models.answers import PlacementAnswer
from app.api.models.questions import DryRunList, PlacementRequest
from app.api.responses import ListResponse, encoded, json_response
from app.api.service import Service, ServiceOf
from app.core.dry_run.place import PodPlacement
from app.core.pauses import InterruptedWorkError
from app.core.state.state import Key

router = APIRouter(prefix="/api/v1", tags=["dry runs"])


@router.post(
    "/placements",
    operation_id="placePods",
    response_model=PlacementAnswer,
    responses=STREAMED,
    openapi_extra=documented(PlacementRequest),
    summary="Dry run: whether Pods fit, where, on which devices, and why not",
)
async def placements(request: Request, service: ServiceOf) -> Response:
    if wants_lines(request.scope):
        return LineStream(_lines(request, service))
    async with read_request(request, service, PlacementRequest) as (body, work):
        placing = await Placing.of(request, service, body, work)
        placed = await placing.decided()
        preempted = await placing.preemptions(placed)
        pods = await work.time_slice.run(lambda: _encoded(placing, placed, preempted))
        head = await placing.summary()
        return ListResponse(head, "pods", pods, service.time_slice(), headers={"Vary": "Accept"})


@router.get(
    "/dry-runs", operation_id="listDryRuns", response_model=DryRunList, summary="Progress of running dry runs"
)
async def dry_runs(service: ServiceOf) -> Response:
    running = service.places.progress.items()
    return json_response(
        {"items": [{"name": name, "done": done, "pods": pods} for name, (done, pods) in running]}
    )


def _encoded(placing: Placing, placed: Sequence[PodPlacement], preempted: Mapping[Key, Any]) -> list[bytes]:
    """Encodes bit by bit: 25 MB at once would block the webhooks."""
    return encoded(placing.answers(placed, preempted), 16)


async def _lines(request: Request, service: Service) -> Lines:
    """A Pod in each line; the last one is the answer without its Pods.

    A Pod's line is sent when the Pod is placed, and then only its names are kept. But a gang, and preemption
    after the last Pod, decide about all before there is a first line.
    """
    async with read_request(request, service, PlacementRequest) as (body, work):
        placing = await Placing.of(request, service, body, work)
        placed: Iterator[PodPlacement]
        preempted: Mapping[Key, Any] = {}
        if body.all_or_nothing or body.preemption:
            decided = await placing.decided()
            placed, preempted = iter(decided), await placing.preemptions(decided)
        else:
            placed = placing.steps()
        async with service.places.watched(body.progress, len(placing.pods)) as count:
            batches = work.time_slice.batches(map(line, placing.answers(placed, preempted)), work.stop)
            try:
                async with aclosing(batches):
                    async for batch in batches:
                        for _ in batch:
                            count()
                        yield b"".join(batch)
            except InterruptedWorkError:
                placing.run_out_of_time()
        yield line({"end": await placing.summary()})
