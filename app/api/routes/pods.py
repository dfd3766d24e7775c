"""Pending Pods, and Pods with claims."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.cursors import Cursor
from app.api.line_stream import STREAMED
from app.api.listing import Limit, Listing
from app.api.models.inventory import PodPage
from app.api.query import Labels, Namespace, is_named
from app.api.service import Service, ServiceOf
from app.api.shown_names import ShownNames, shown_names
from app.core.model.pod import Pod
from app.core.model.pod_claim import PodClaim
from app.core.overview.pending import PodReason
from app.core.overview.requests import text_of_pod
from app.core.pauses import in_order, paced
from app.core.state.state import State

_NONE = PodReason("")

router = APIRouter(prefix="/api/v1", tags=["inventory"])


@router.get("/pods", response_model=PodPage, responses=STREAMED, summary="Pending Pods, and Pods with claims")
async def pods(
    request: Request,
    service: ServiceOf,
    labels: Labels,
    *,
    name: Annotated[
        list[str] | None, Query(description="Only this Pod: `name` or `namespace/name`; repeatable.")
    ] = None,
    limit: Limit = 500,
    cursor: Cursor = "",
    namespace: Namespace,
    pending: Annotated[bool, Query(description="Only Pods without a node.")] = False,
    reason: Annotated[
        str,
        Query(
            max_length=200,
            description="Only pending Pods with this reason: a reason code in any case, or the `key` of a "
            "group of /api/v1/overview. Evaluates.",
        ),
    ] = "",
    evaluate: Annotated[
        bool,
        Query(
            description="Evaluate pending Pods that no filter has evaluated, as /api/v1/overview does: "
            "`reason` is the one shown there."
        ),
    ] = False,
) -> Response:
    """For the reasons of one Pod by node, see /api/v1/pods/{namespace}/{name}/explain."""
    service.require_synced()
    evaluate = evaluate or bool(reason)
    if evaluate:
        await service.overviews.evaluate(namespace)
    state = service.state.fork()
    names = await shown_names(request, state, named=namespace, granted=(namespace,))
    after = tuple(cursor.split("/", 1))
    chosen = (
        key
        for key, pod in paced(state.pods.items())
        if namespace in ("", key[0])
        and key > after
        and not ((pending or reason) and (pod.node_name or pod.finished))
        and is_named(name, key[1], "/".join(key))
        and (labels is None or labels.matches(pod.meta.labels))
        and (not reason or _waits_for(service.overviews.reason_of(pod), reason))
    )
    listing = Listing(
        state,
        in_order(chosen),
        "/".join,
        lambda key: _item(service, state, state.pods[key], names, evaluated=evaluate),
    )
    return await listing.response(request, service, limit)


def _waits_for(found: PodReason, reason: str) -> bool:
    return found.code.lower() == reason.lower() or found.group == reason


def _item(service: Service, state: State, pod: Pod, names: ShownNames, *, evaluated: bool) -> dict[str, Any]:
    namespace, name = pod.meta.key
    pending = not (pod.node_name or pod.finished)
    why = service.overviews.reason_of(pod) if pending else _NONE
    last = service.history.latest(namespace, name)
    refused = last is not None and last.outcome in ("refused", "failed")
    summary = names.text(last.summary) if last is not None and refused else ""
    return {
        "namespace": namespace,
        "name": name,
        "node": pod.node_name or None,
        "claims": [_claim(pod, entry) for entry in pod.claims],
        "created": pod.meta.created,
        "priority": pod.priority,
        "schedulerName": pod.scheduler_name,
        "said": summary,
        "saidAt": last.at if last is not None and refused else None,
        "status": _status(pod),
        "reason": names.text(why.text) if evaluated and pending else summary or _refusal(pod),
        "code": why.code,
        "group": why.group,
        "requests": text_of_pod(state, pod),
        "labels": pod.meta.labels,
    }


def _refusal(pod: Pod) -> str:
    return "" if pod.node_name else pod.refusal


def _status(pod: Pod) -> str:
    """As kubectl prints it, as far as that is known without the states of containers."""
    if pod.meta.deleted:
        return "Terminating"
    if pod.node_name and pod.phase in ("", "Pending"):
        return "Scheduled"
    if pod.scheduling_gates and not pod.node_name:
        return "SchedulingGated"
    return pod.phase or "Pending"


def _claim(pod: Pod, entry: PodClaim) -> str:
    """The claim of an entry in the Pod, or the template's name until it exists."""
    made = pod.claim_statuses.get(entry.name)
    return entry.claim_name or made or f"{entry.template_name} (template)"
