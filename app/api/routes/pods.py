"""Pending Pods, and Pods with claims."""

from bisect import bisect_right
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.models.inventory import PodPage
from app.api.query import Namespace
from app.api.responses import json_response
from app.api.routes.inventory import Cursor, Limit
from app.api.service import Service, ServiceOf
from app.core.model.pod import Pod, PodClaim

router = APIRouter(prefix="/api/v1", tags=["inventory"])


@router.get("/pods", response_model=PodPage, summary="Pending Pods, and Pods with claims")
async def pods(
    service: ServiceOf,
    *,
    limit: Limit = 500,
    cursor: Cursor = "",
    namespace: Namespace,
    pending: Annotated[bool, Query(description="Only Pods without a node.")] = False,
) -> Response:
    """For the reasons of one Pod, see /api/v1/pods/{namespace}/{name}/explain."""
    service.require_synced()
    state = service.state
    names = sorted(
        "/".join(key)
        for key, pod in state.pods.items()
        if namespace in ("", key[0]) and not (pending and (pod.node_name or pod.finished))
    )
    start = bisect_right(names, cursor) if cursor else 0
    page = names[start : start + limit]
    following = page[-1] if start + limit < len(names) else None
    items = [_item(service, state.pods[_key(name)]) for name in page]
    return json_response({"revision": str(state.revision), "items": items, "next": following})


def _key(name: str) -> tuple[str, str]:
    namespace, _, rest = name.partition("/")
    return namespace, rest


def _item(service: Service, pod: Pod) -> dict[str, Any]:
    namespace, name = pod.meta.key
    last = service.history.latest(namespace, name)
    refused = last is not None and last.outcome in ("refused", "failed")
    return {
        "namespace": namespace,
        "name": name,
        "node": pod.node_name or None,
        "claims": [_claim(pod, entry) for entry in pod.claims],
        "created": pod.meta.created,
        "priority": pod.priority,
        "schedulerName": pod.scheduler_name,
        "said": last.summary if last is not None and refused else "",
        "saidAt": last.at if last is not None and refused else None,
    }


def _claim(pod: Pod, entry: PodClaim) -> str:
    """The claim of an entry in the Pod, or the template's name until it exists."""
    made = pod.claim_statuses.get(entry.name)
    return entry.claim_name or made or f"{entry.template_name} (template)"
