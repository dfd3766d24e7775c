"""One device in full: its properties, and the claims that hold it."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.errors import HttpError
from app.api.models.device import DeviceDetail
from app.api.responses import json_response
from app.api.service import ServiceOf
from app.api.shown_names import ShownNames, shown_names
from app.core.advice.redaction import OTHERS
from app.core.model.device import Device, DeviceAttribute
from app.core.model.quantity import Quantity
from app.core.model.resource_slice import DeviceId, PoolId
from app.core.pauses import paced
from app.core.state.device_views import DeviceView, DeviceViews
from app.core.state.state import State
from app.core.state.taken import NOTHING_TAKEN, Holding

router = APIRouter(prefix="/api/v1", tags=["inventory"])


@router.get(
    "/devices/{driver}/{pool:path}/{device}",
    operation_id="getDevice",
    response_model=DeviceDetail,
    summary="One device: attributes, capacity, taints, counters, holders",
)
async def detail(request: Request, driver: str, pool: str, device: str, service: ServiceOf) -> Response:
    service.require_synced()
    # A fork: the inventory may change at every pause.
    state, device_id = service.state.fork(), DeviceId(driver, pool, device)
    time_slice = service.time_slice()
    view = await time_slice.run(lambda: DeviceViews(state).of(device_id))
    found = await time_slice.run(lambda: _published(state, device_id))
    if view is None or found is None:
        raise HttpError(404, "NotFound", f"device {device_id} not found")
    names = await shown_names(request, state)
    return json_response(await time_slice.run(lambda: _detail(state, view, found, names)))


def _detail(state: State, view: DeviceView, found: Device, names: ShownNames) -> dict[str, Any]:
    """Cost: O(devices of its pool), with pauses."""
    pool = view.id.pool_id
    holdings = state.taken.get(pool, NOTHING_TAKEN).holdings.get(view.id.device, ())
    return {
        "revision": str(state.revision),
        "driver": view.id.driver,
        "pool": view.id.pool,
        "device": view.id.device,
        "nodes": list(view.nodes),
        "state": view.state,
        "note": view.note,
        "attributes": {name: _value(item) for name, item in sorted(found.shape.attributes.items())},
        "capacity": _capacity(state, view.id, found),
        "taints": [
            {"key": taint.key, "value": taint.value, "effect": taint.effect, "since": taint.time_added}
            for taint in found.taints
        ],
        "counters": [
            {"set": item.counter_set, "consumes": _texts(item.counters)} for item in found.consumes_counters
        ],
        "counterSets": _counter_sets(state, pool, found),
        "multiple": found.allow_multiple_allocations,
        "holders": [_holder(state, holding, names) for holding in paced(holdings, 16)],
    }


def _published(state: State, device_id: DeviceId) -> Device | None:
    slices = state.inventory.pool_slices(device_id.pool_id)
    newest = max((slice_.generation for slice_ in slices), default=0)
    return next(
        (
            device
            for slice_ in slices
            if slice_.generation == newest
            for device in paced(slice_.devices)
            if device.name == device_id.device
        ),
        None,
    )


def _value(attribute: DeviceAttribute) -> Any:
    value = attribute.value
    return list(value) if isinstance(value, tuple) else value


def _texts(amounts: Mapping[str, Quantity]) -> dict[str, str]:
    return {name: str(amount) for name, amount in sorted(amounts.items())}


def _capacity(state: State, device_id: DeviceId, device: Device) -> list[dict[str, Any]]:
    taken = state.taken.get(device_id.pool_id, NOTHING_TAKEN)
    consumed = taken.capacity.get(device_id.device, {})
    return [
        {
            "name": name,
            "value": str(capacity.value),
            "consumed": str(Quantity(consumed[name], capacity.value.format)) if name in consumed else None,
        }
        for name, capacity in sorted(device.shape.capacity.items())
    ]


def _counter_sets(state: State, pool: PoolId, device: Device) -> list[dict[str, Any]]:
    """The counter sets that the device consumes, with the total that the pool's allocated devices consume."""
    slices = state.inventory.pool_slices(pool)
    taken = state.taken.get(pool, NOTHING_TAKEN)
    names = {item.counter_set for item in device.consumes_counters}
    drawn: dict[tuple[str, str], int] = {}
    devices = (other for slice_ in slices for other in paced(slice_.devices))
    for other in (other for other in devices if taken.is_allocated(other.name)):
        for item in other.consumes_counters:
            for name, amount in item.counters.items():
                key = (item.counter_set, name)
                drawn[key] = drawn.get(key, 0) + amount.nanos
    return [
        {
            "set": counter_set.name,
            "counters": [
                {
                    "name": name,
                    "value": str(amount),
                    "used": str(Quantity(drawn.get((counter_set.name, name), 0), amount.format)),
                }
                for name, amount in sorted(counter_set.counters.items())
            ],
        }
        for slice_ in paced(slices)
        for counter_set in slice_.shared_counters
        if counter_set.name in names
    ]


def _holder(state: State, holding: Holding, names: ShownNames) -> dict[str, Any]:
    namespace, name = holding.claim
    if not names.sees(namespace):
        return _hidden(state, holding)
    claim = state.claim(holding.claim)
    allocation = claim.allocation if claim is not None else None
    return {
        "namespace": namespace,
        "name": name,
        "since": allocation.timestamp if allocation is not None else None,
        "created": claim.meta.created if claim is not None else None,
        "assumed": holding.claim in state.assumed,
        "shareID": holding.share_id,
        "adminAccess": holding.admin,
        "reservedFor": [consumer.to_json() for consumer in (claim.reserved_for if claim is not None else ())],
    }


def _hidden(state: State, holding: Holding) -> dict[str, Any]:
    """A holder whose names the caller may not see."""
    return {
        "namespace": OTHERS,
        "name": "",
        "since": None,
        "created": None,
        "assumed": holding.claim in state.assumed,
        "shareID": None,
        "adminAccess": holding.admin,
        "reservedFor": [],
    }
