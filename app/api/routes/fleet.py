"""The inventory node by node in a compact form, and the changes since.

A page reads all nodes once, and then only the changed ones.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.cursors import Cursor, cursor_after
from app.api.listing import Limit
from app.api.models.inventory import Changes, FleetPage
from app.api.parameters import whole_number
from app.api.responses import ListResponse, encoded, json_response
from app.api.routes.inventory import ALL_NODES, MAX_NODES_OF_DEVICE
from app.api.service import Service, ServiceOf
from app.api.shown_names import ShownNames, shown_names
from app.core.overview.tallies import value_text
from app.core.pauses import paced
from app.core.state.device_views import DeviceView, DeviceViews
from app.core.state.state import State

router = APIRouter(prefix="/api/v1", tags=["inventory"])

MAX_CHANGED = 500
"""Maximum number of changed nodes in one response; beyond it, reading all is faster."""


@router.get("/fleet", response_model=FleetPage, summary="All nodes and devices in compact form")
async def fleet(
    request: Request,
    service: ServiceOf,
    limit: Limit = 500,
    cursor: Cursor = "",
    *,
    node: Annotated[
        list[str] | None,
        Query(
            description=f"Only these nodes; {ALL_NODES} stands for devices that are not local to one node."
        ),
    ] = None,
    label: Annotated[str, Query(max_length=400, description="Label of nodes to return as `group`.")] = "",
    attribute: Annotated[
        str,
        Query(
            max_length=400,
            description="Attribute to return as `group`: its value on most of a node's devices.",
        ),
    ] = "",
) -> Response:
    service.require_synced()
    # A fork: the inventory may change at every pause.
    state = service.state.fork()
    shown = await shown_names(request, state)
    device_views = DeviceViews(state)
    names = sorted(chain((ALL_NODES,), state.nodes) if node is None else set(node))
    start = bisect_right(names, cursor) if cursor else 0
    page = names[start : start + limit]
    there = (name for name in page if name == ALL_NODES or name in state.nodes)
    items = (
        _item_of(state, device_views, name, shown) | _group(state, device_views, name, label, attribute)
        for name in there
    )
    time_slice = service.time_slice()
    found = await time_slice.run(lambda: encoded(items))
    following = page[-1] if start + limit < len(names) else None
    head = {"revision": str(state.revision), "next": cursor_after(following)}
    return ListResponse(head, "items", found, time_slice)


@router.get(
    "/changes",
    operation_id="getChanges",
    response_model=Changes,
    summary="Nodes that have changed since an earlier response",
)
async def changes(
    service: ServiceOf,
    since: Annotated[str, Query(description="`cursor` of the previous response; empty: from now on.")] = "",
) -> Response:
    service.require_synced()
    return json_response(changes_since(service, since))


def changes_since(service: Service, cursor: str) -> dict[str, Any]:
    """The nodes to read again. ``changed`` is null for all.

    Cost: O(entries in the log of changes since the cursor).
    """
    log = service.state.inventory.changes
    epoch, _, position = cursor.partition(".")
    # A cursor of another process has no meaning here.
    since = whole_number(position) if epoch == service.epoch else None
    changed = log.since(since) if since is not None and since <= log.position else None
    if changed is not None and len(changed) > MAX_CHANGED:
        changed = None
    return {
        "revision": str(service.state.revision),
        "cursor": f"{service.epoch}.{log.position}",
        "nodes": len(service.state.nodes),
        "changed": None if changed is None else sorted(changed),
        "decisions": service.history.last,
        "lateSeconds": service.cluster.late_seconds(),
    }


def _group(state: State, device_views: DeviceViews, name: str, label: str, attribute: str) -> dict[str, str]:
    """The value by which a client groups the node, if it requests that."""
    if label:
        node = state.nodes.get(name)
        return {"group": "" if node is None else node.meta.labels.get(label, "")}
    if attribute and name != ALL_NODES:
        values = Counter(value_text(view.shape, attribute) for view in device_views.of_node(name))
        return {"group": min(values, key=lambda text: (-values[text], text), default="")}
    return {}


def _item_of(state: State, device_views: DeviceViews, name: str, shown: ShownNames) -> dict[str, Any]:
    if name == ALL_NODES:
        return _item(name, "shared", device_views.shared(), shown)
    item = _item(name, "node", device_views.of_node(name), shown)
    return item | {"unschedulable": state.nodes[name].unschedulable}


def _item(name: str, kind: str, views: Iterable[DeviceView], shown: ShownNames) -> dict[str, Any]:
    pools: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for view in paced(views, 64):
        device: dict[str, Any] = {"device": view.id.device, "state": view.state}
        if view.claims:
            device["claims"] = shown.claims(view.claims)
        if view.note:
            device["note"] = view.note
        if kind == "shared":
            device["nodes"] = list(view.nodes[:MAX_NODES_OF_DEVICE])
            device["nodesOmitted"] = len(view.nodes) - len(device["nodes"])
        pools.setdefault((view.id.driver, view.id.pool), []).append(device)
    return {
        "name": name,
        "kind": kind,
        "unschedulable": False,
        "pools": [
            {"driver": driver, "pool": pool, "devices": devices}
            for (driver, pool), devices in sorted(pools.items())
        ],
    }
