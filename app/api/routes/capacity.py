"""Counts how many more Pods of one kind fit, where, and why the next does not fit. Writes nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.dry_run.json_answers import near_misses_json
from app.api.dry_run.overlay import names_of
from app.api.dry_run.request_objects import read_placed
from app.api.dry_run.scenario import documented, dry_run, numbered, pod_of, read_request
from app.api.errors import HttpError
from app.api.models.answers import CapacityAnswer
from app.api.models.questions import CapacityRequest
from app.api.responses import json_response
from app.api.service import Service, ServiceOf
from app.api.visibility import visibility_of
from app.core.advice.redaction import Redaction, redacted
from app.core.dry_run.place import PodPlacement, place, with_near_misses
from app.core.model.pod import Pod
from app.core.model.workload import Workload
from app.core.pauses import emptied
from app.core.versions import KubernetesVersion

router = APIRouter(prefix="/api/v1", tags=["dry runs"])


@router.post(
    "/capacity",
    operation_id="countCapacity",
    response_model=CapacityAnswer,
    openapi_extra=documented(CapacityRequest),
    summary="How many more Pods of this kind fit, and on which nodes",
)
async def capacity(request: Request, service: ServiceOf) -> Response:
    async with read_request(request, service, CapacityRequest) as (body, work):
        run = await dry_run(service, body, work)
        state, rules = run.overlay.state, run.rules
        pod, notes = await work.run(partial(_one_pod, body, rules.features.version))
        nodes = names_of(state, body.nodes)
        limit = min(body.limit, service.settings.dry_run_pods)
        more = (numbered(pod, index) for index in range(limit))
        steps = with_near_misses(state, rules, _until_full(place(state, more, nodes, rules, shown=0)))
        placed, late = await work.time_slice.collect(steps, work.stop)
        # Each may be the only owner of the verdicts of all nodes.
        work.leftovers.append(partial(emptied, placed, every=1))
        visible = await visibility_of(request.scope, [pod.meta.namespace])
        redaction = await work.time_slice.run(lambda: visible.redaction(state, nodes=False))
        answer = _capacity_answer(service, placed, limit, late=late, redaction=redaction)
        return json_response(answer | {"notes": [*run.overlay.notes, *notes]})


def _one_pod(body: CapacityRequest, version: KubernetesVersion) -> tuple[Pod, tuple[str, ...]]:
    """The Pod to count, and the assumptions about it. Raises: HttpError, 422."""
    if (body.pod is None) == (body.workload is None):
        raise HttpError(422, "InvalidField", "give exactly one of pod and workload", "pod")
    if body.pod is not None:
        return pod_of(body.pod, "pod", version), ()
    item = read_placed(body.workload, "workload", version)
    if isinstance(item, Workload):
        return _one_of(item), item.guesses
    if isinstance(item, Pod):
        return item, ()
    raise HttpError(422, "InvalidObject", "creates no Pods", "workload")


def _one_of(workload: Workload) -> Pod:
    """A Pod of the only template, or of the only one that requests devices."""
    sets = workload.sets
    if len(sets) > 1:
        sets = tuple(item for item in sets if item.template.claims or item.template.extended)
    if len(sets) != 1:
        names = ", ".join(item.name for item in workload.sets)
        text = f"has several Pod templates ({names}): send a Pod of the template to count"
        raise HttpError(422, "InvalidObject", text, "workload")
    return next(replace(workload, sets=(replace(sets[0], name=""),)).pods(1, 1))


def _until_full(placements_: Iterable[PodPlacement]) -> Iterator[PodPlacement]:
    """Stops at the first Pod that fits nowhere: an equal Pod would not fit either."""
    for item in placements_:
        yield item
        if item.chosen is None:
            return


def _capacity_answer(
    service: Service, placed: Sequence[PodPlacement], limit: int, *, late: bool, redaction: Redaction | None
) -> dict[str, Any]:
    counts = Counter(item.chosen.node for item in placed if item.chosen is not None)
    fits = counts.total()
    last = placed[-1] if placed else None
    full = last is not None and last.chosen is None
    return {
        "revision": str(service.state.revision),
        "fits": fits,
        "capped": not full and (late or fits >= limit),
        "nodes": [{"name": name, "count": count} for name, count in sorted(counts.items())],
        "summary": redacted(last.summary, redaction) if last and full else "",
        "nearMisses": near_misses_json(last.near_misses, redaction) if last is not None else [],
    }
