"""Lists of nodes, devices and claims."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from heapq import nsmallest
from itertools import islice
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.api.models.inventory import ClaimPage, DevicePage, NodePage
from app.api.query import Namespace
from app.api.responses import json_response, one_by_one
from app.api.service import Service, ServiceOf
from app.core.model.resource_claim import ResourceClaim
from app.core.model.resource_slice import PoolId
from app.core.placement.holders import state_of
from app.core.state.device_views import DeviceView, DeviceViews
from app.core.state.state import State

router = APIRouter(prefix="/api/v1", tags=["inventory"])

T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=5000, description="Maximum number of items in a page.")]
Cursor = Annotated[str, Query(description="`next` of the page before.")]
Filter = Annotated[str, Query(description="Only items with this value in the field.")]
ALL_NODES = "*"


@router.get("/nodes", response_model=NodePage, summary="Nodes, with the number of their devices by state")
async def nodes(service: ServiceOf, limit: Limit = 500, cursor: Cursor = "") -> Response:
    service.require_synced()
    state = service.state.fork()
    names = sorted(state.nodes)
    page, following = _page(names, lambda name: name, cursor, limit)
    device_views = DeviceViews(state)
    items = (
        {
            "name": name,
            "devices": device_views.counts_of(name),
            "unschedulable": state.nodes[name].unschedulable,
        }
        for name in page
    )
    return await _listed(service, state, items, following)


@router.get(
    "/devices", response_model=DevicePage, summary="Devices, their state, and the claims that hold them"
)
async def devices(
    service: ServiceOf,
    *,
    limit: Limit = 500,
    cursor: Cursor = "",
    driver: Filter = "",
    node: Filter = "",
    status: Annotated[str, Query(alias="state", description="Only devices in this state.")] = "",
) -> Response:
    service.require_synced()
    # A fork: the inventory may change at every pause.
    state = service.state.fork()
    device_views, after = DeviceViews(state), _device_cursor(cursor)
    pools = device_views.pools(driver)
    views = (
        view
        # Reads pool by pool from the cursor, up to the end of the page.
        for pool in pools[bisect_left(pools, after[:2], key=_pool_name) :]
        for view in device_views.in_pool(pool)
        if _device_name(view) > after and status in ("", view.state) and _reaches(view, node)
    )
    found = await service.time_slice().run(lambda: list(islice(views, limit + 1)))
    following = str(found[limit - 1].id) if len(found) > limit else None
    return await _listed(service, state, map(_device, found[:limit]), following)


@router.get("/claims", response_model=ClaimPage, summary="ResourceClaims and their devices")
async def claims(
    service: ServiceOf, namespace: Namespace, limit: Limit = 500, cursor: Cursor = ""
) -> Response:
    service.require_synced()
    state = service.state
    after = tuple(cursor.split("/", 1))
    keys = (key for key in state.keys("ResourceClaim") if namespace in ("", key[0]) and key > after)
    names = nsmallest(limit + 1, keys)
    page = [claim for key in names[:limit] if (claim := state.claim(key)) is not None]
    items = (_claim(state, claim) for claim in page)
    following = "/".join(names[limit - 1]) if len(names) > limit else None
    return await _listed(service, state, items, following)


def _device_cursor(cursor: str) -> tuple[str, str, str]:
    """Driver, pool and device of ``driver/pool/device``; a pool's name may contain slashes."""
    driver, _, rest = cursor.partition("/")
    pool, _, device = rest.rpartition("/")
    return driver, pool, device


def _device_name(view: DeviceView) -> tuple[str, str, str]:
    return view.id.driver, view.id.pool, view.id.device


def _pool_name(pool: PoolId) -> tuple[str, str]:
    return pool.driver, pool.pool


def _page(
    items: Sequence[T], name: Callable[[T], str], cursor: str, limit: int
) -> tuple[Sequence[T], str | None]:
    """The items after the one that the cursor names, which may no longer exist."""
    start = bisect_right(items, cursor, key=name) if cursor else 0
    page = items[start : start + limit]
    return page, name(page[-1]) if start + limit < len(items) else None


async def _listed(service: Service, state: State, items: Iterable[Any], following: str | None) -> Response:
    revision = str(state.revision)
    encoded = await service.time_slice().run(lambda: one_by_one(items))
    return json_response({"revision": revision, "items": encoded, "next": following})


def _reaches(view: DeviceView, node: str) -> bool:
    return not node or node in view.nodes or ALL_NODES in view.nodes


def _device(view: DeviceView) -> dict[str, Any]:
    return {
        "driver": view.id.driver,
        "pool": view.id.pool,
        "device": view.id.device,
        "nodes": list(view.nodes),
        "state": view.state,
        "claims": list(view.claims),
        "note": view.note,
    }


def _claim(state: State, claim: ResourceClaim) -> dict[str, Any]:
    return {
        "namespace": claim.meta.namespace,
        "name": claim.meta.name,
        "allocation": claim.allocation.to_json() if claim.allocation is not None else None,
        "reservedFor": [
            {"resource": consumer.resource, "name": consumer.name, "uid": consumer.uid}
            for consumer in claim.reserved_for
        ],
        "assumed": claim.meta.key in state.assumed,
        "note": state_of(state, claim),
    }
