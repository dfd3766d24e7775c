"""Lists of nodes, devices and claims."""

from bisect import bisect_left
from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from app.api.cursors import Cursor
from app.api.line_stream import STREAMED
from app.api.listing import Limit, Listing
from app.api.models.body import DeviceState
from app.api.models.inventory import ClaimPage, DevicePage, NodePage
from app.api.query import Labels, Names, Namespace, is_named
from app.api.service import ServiceOf
from app.api.shown_names import ShownNames, shown_names
from app.core.model.label_selector import LabelSelector
from app.core.model.node import Node
from app.core.model.resource_claim import ResourceClaim
from app.core.model.resource_slice import PoolId
from app.core.pauses import in_order, paced
from app.core.placement.holders import state_of
from app.core.state.device_views import DeviceView, DeviceViews
from app.core.state.occupancy import shown_values
from app.core.state.state import State
from app.core.state.taken import ClaimKey

router = APIRouter(prefix="/api/v1", tags=["inventory"])

Filter = Annotated[str, Query(description="Only items with this value in the field.")]
StateFilter = Annotated[
    DeviceState | None,
    Query(alias="state", description="Only devices in this state."),
    BeforeValidator(lambda given: given or None),
]
ALL_NODES = "*"
MAX_NODES_OF_DEVICE = 10
"""Thousands of nodes may use each of thousands of devices. The answer about one device has all of them."""
_NOT_READY = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})


@router.get(
    "/nodes",
    response_model=NodePage,
    responses=STREAMED,
    summary="Nodes, with the number of their devices by state",
)
async def nodes(
    request: Request,
    service: ServiceOf,
    labels: Labels,
    *,
    name: Names = None,
    limit: Limit = 500,
    cursor: Cursor = "",
) -> Response:
    service.require_synced()
    state = service.state.fork()
    device_views = DeviceViews(state)
    chosen = (
        (node.name,)
        for node in paced(state.nodes.values())
        if node.name > cursor
        and is_named(name, node.name)
        and (labels is None or labels.matches(node.meta.labels))
    )
    found = (state.nodes[own] for (own,) in in_order(chosen))
    listing = Listing(state, found, lambda node: node.name, lambda node: _node(device_views, node))
    return await listing.response(request, service, limit)


@router.get(
    "/devices",
    response_model=DevicePage,
    responses=STREAMED,
    summary="Devices, their state, and the claims that hold them",
)
async def devices(
    request: Request,
    service: ServiceOf,
    labels: Labels,
    *,
    name: Annotated[
        list[str] | None,
        Query(description="Only this device: `device`, `pool/device` or `driver/pool/device`; repeatable."),
    ] = None,
    show: Annotated[
        list[str] | None,
        Query(
            description="Attributes or capacities to return as `values`, with or without domain; "
            "`*`: all. Repeatable."
        ),
    ] = None,
    limit: Limit = 500,
    cursor: Cursor = "",
    driver: Filter = "",
    node: Filter = "",
    status: StateFilter = None,
) -> Response:
    """labelSelector selects by the labels of nodes."""
    service.require_synced()
    state = service.state.fork()
    names = await shown_names(request, state)
    device_views, after = DeviceViews(state), _device_cursor(cursor)
    time_slice = service.time_slice()
    pools = await time_slice.run(lambda: device_views.pools(driver))
    reached = await time_slice.run(lambda: labelled_nodes(state, labels))
    found = (
        view
        # Reads pool by pool from the cursor, up to the end of the page.
        for pool in pools[bisect_left(pools, after[:2], key=_pool_name) :]
        for view in paced(device_views.in_pool(pool), 8)
        if _device_name(view) > after
        and status in (None, view.state)
        and reaches(view, node)
        and is_on(view, reached)
        and is_named(name, view.id.device, f"{view.id.pool}/{view.id.device}", str(view.id))
    )
    listing = Listing(state, found, lambda view: str(view.id), lambda view: _device(view, show, names))
    return await listing.response(request, service, limit)


@router.get(
    "/claims", response_model=ClaimPage, responses=STREAMED, summary="ResourceClaims and their devices"
)
async def claims(
    request: Request,
    service: ServiceOf,
    namespace: Namespace,
    labels: Labels,
    *,
    name: Annotated[
        list[str] | None, Query(description="Only this claim: `name` or `namespace/name`; repeatable.")
    ] = None,
    limit: Limit = 500,
    cursor: Cursor = "",
) -> Response:
    service.require_synced()
    state = service.state.fork()
    after = tuple(cursor.split("/", 1))
    chosen = (
        key
        for key in paced(state.keys("ResourceClaim"))
        if namespace in ("", key[0])
        and key > after
        and is_named(name, key[1], "/".join(key))
        and (labels is None or _has_labels(state, key, labels))
    )
    found = (claim for key in in_order(chosen) if (claim := state.claim(key)) is not None)
    shared = await service.time_slice().run(state.inventory.shared_pool_names)
    listing = Listing(
        state, found, lambda claim: "/".join(claim.meta.key), lambda claim: _claim(state, claim, shared)
    )
    return await listing.response(request, service, limit)


def labelled_nodes(state: State, labels: LabelSelector | None) -> frozenset[str] | None:
    """The nodes that a selector selects; None for all, as without one. O(nodes), with pauses."""
    if labels is None:
        return None
    return frozenset(name for name, node in paced(state.nodes.items()) if labels.matches(node.meta.labels))


def is_on(view: DeviceView, nodes: frozenset[str] | None) -> bool:
    """Whether one of these nodes can use the device."""
    return nodes is None or (ALL_NODES in view.nodes and bool(nodes)) or not nodes.isdisjoint(view.nodes)


def _has_labels(state: State, key: ClaimKey, labels: LabelSelector) -> bool:
    claim = state.claim(key)
    return claim is not None and labels.matches(claim.meta.labels)


def _device_cursor(cursor: str) -> tuple[str, str, str]:
    """Driver, pool and device of ``driver/pool/device``; a pool's name may contain slashes."""
    driver, _, rest = cursor.partition("/")
    pool, _, device = rest.rpartition("/")
    return driver, pool, device


def _device_name(view: DeviceView) -> tuple[str, str, str]:
    return view.id.driver, view.id.pool, view.id.device


def _pool_name(pool: PoolId) -> tuple[str, str]:
    return pool.driver, pool.pool


def reaches(view: DeviceView, node: str) -> bool:
    """Whether this node, if one is named, can use the device."""
    return not node or node in view.nodes or ALL_NODES in view.nodes


def _node(device_views: DeviceViews, node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "devices": device_views.counts_of(node.name),
        "unschedulable": node.unschedulable,
        "status": _node_status(node),
        "labels": node.meta.labels,
        "created": node.meta.created,
    }


def _node_status(node: Node) -> str:
    """As kubectl prints it. kube-controller-manager taints the nodes that are not ready."""
    ready = not any(taint.key in _NOT_READY for taint in node.taints)
    return ("Ready" if ready else "NotReady") + (",SchedulingDisabled" if node.unschedulable else "")


def _device(view: DeviceView, show: list[str] | None, names: ShownNames) -> dict[str, Any]:
    item = {
        "driver": view.id.driver,
        "pool": view.id.pool,
        "device": view.id.device,
        "nodes": list(view.nodes[:MAX_NODES_OF_DEVICE]),
        "nodesOmitted": max(0, len(view.nodes) - MAX_NODES_OF_DEVICE),
        "state": view.state,
        "claims": names.claims(view.claims),
        "note": view.note,
    }
    return item if show is None else item | {"values": shown_values(view.shape, show)}


def _claim(state: State, claim: ResourceClaim, shared: Collection[str]) -> dict[str, Any]:
    devices = claim.allocation.devices if claim.allocation is not None else ()
    return {
        "namespace": claim.meta.namespace,
        "name": claim.meta.name,
        "allocation": claim.allocation.to_json() if claim.allocation is not None else None,
        "reservedFor": [consumer.to_json() for consumer in claim.reserved_for],
        "assumed": claim.meta.key in state.assumed,
        "note": state_of(state, claim),
        "poolNameShared": any(item.device.pool in shared for item in devices),
        "labels": claim.meta.labels,
        "created": claim.meta.created,
    }
