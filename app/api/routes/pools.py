"""Pools of devices, with their slices."""

from bisect import bisect_right
from collections.abc import Iterator
from heapq import nsmallest
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.cursors import Cursor
from app.api.line_stream import STREAMED
from app.api.listing import Limit, Listing
from app.api.models.inventory import PoolPage
from app.api.query import Labels, is_named
from app.api.routes.inventory import Filter, is_on, labelled_nodes, reaches
from app.api.service import ServiceOf
from app.core.model.resource_slice import PoolId
from app.core.pauses import paced
from app.core.state.device_views import STATES, DeviceView, DeviceViews
from app.core.state.state import State

router = APIRouter(prefix="/api/v1", tags=["inventory"])

_MAX_NODES = 10
_Found = tuple[PoolId, list[DeviceView]]


@router.get(
    "/pools",
    response_model=PoolPage,
    responses=STREAMED,
    summary="Pools of devices, with their slices and states",
)
async def pools(
    request: Request,
    service: ServiceOf,
    labels: Labels,
    *,
    name: Annotated[
        list[str] | None, Query(description="Only this pool: `pool` or `driver/pool`; repeatable.")
    ] = None,
    limit: Limit = 500,
    cursor: Cursor = "",
    driver: Filter = "",
    node: Filter = "",
) -> Response:
    """labelSelector selects by the labels of nodes. Cost: O(devices of the page)."""
    service.require_synced()
    state = service.state.fork()
    device_views = DeviceViews(state)
    time_slice = service.time_slice()
    known = await time_slice.run(
        lambda: [pool for pool in paced(device_views.pools(driver)) if is_named(name, pool.pool, str(pool))]
    )
    reached = await time_slice.run(lambda: labelled_nodes(state, labels))
    start = bisect_right(known, _pool_of(cursor), key=_name) if cursor else 0

    def found() -> Iterator[_Found]:
        for pool in paced(known[start:], 1):
            views = device_views.in_pool(pool)
            chosen = any(reaches(view, node) and is_on(view, reached) for view in paced(views, 8))
            if chosen or not (views or node or labels):
                yield pool, views

    listing = Listing(state, found(), lambda item: str(item[0]), lambda item: _item(state, *item))
    return await listing.response(request, service, limit)


def _pool_of(cursor: str) -> tuple[str, str]:
    driver, _, pool = cursor.partition("/")
    return driver, pool


def _name(pool: PoolId) -> tuple[str, str]:
    return pool.driver, pool.pool


def _item(state: State, pool: PoolId, views: list[DeviceView]) -> dict[str, Any]:
    slices = state.inventory.pool_slices(pool)
    generation = max(slice_.generation for slice_ in slices)
    current = [slice_ for slice_ in slices if slice_.generation == generation]
    nodes = _nodes_of(views)
    counts = dict.fromkeys(STATES, 0)
    for view in paced(views):
        counts[view.state] += 1
    return {
        "driver": pool.driver,
        "pool": pool.pool,
        "nodes": nsmallest(_MAX_NODES, paced(nodes)),
        "nodesOmitted": max(0, len(nodes) - _MAX_NODES),
        "generation": generation,
        "slices": len(current),
        "sliceCount": current[0].slice_count,
        "devices": counts,
        "status": next((view.note for view in views if view.state == "unusable"), "Ready"),
        "created": min((slice_.meta.created for slice_ in current if slice_.meta.created), default=None),
    }


def _nodes_of(views: list[DeviceView]) -> set[str]:
    """The nodes that can use any of these devices; those of one selector are read once."""
    found: set[str] = set()
    for nodes in paced({id(view.nodes): view.nodes for view in paced(views)}.values(), 8):
        found.update(nodes)
    return found
