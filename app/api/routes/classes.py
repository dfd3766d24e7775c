"""DeviceClasses, with the devices that their selectors match."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.cursors import Cursor, cursor_after
from app.api.listing import Limit
from app.api.models.inventory import ClassPage
from app.api.query import Labels, Names, is_named
from app.api.responses import json_response, one_by_one
from app.api.service import Service, ServiceOf
from app.core.model.device import DeviceShape
from app.core.model.device_class import DeviceClass
from app.core.pauses import FEW, in_order, paced
from app.core.selectors import CelError, Selector, cel_features
from app.core.state.device_views import STATES, DeviceState, DeviceViews
from app.core.state.state import State

router = APIRouter(prefix="/api/v1", tags=["inventory"])

ShapeCounts = dict[DeviceShape, dict[DeviceState, int]]


@router.get("/classes", response_model=ClassPage, summary="DeviceClasses, with the devices that they match")
async def classes(
    request: Request,
    service: ServiceOf,
    labels: Labels,
    *,
    name: Names = None,
    limit: Limit = 500,
    cursor: Cursor = "",
) -> Response:
    """Cost: O(devices), and for each class one evaluation for each different set of attributes."""
    service.require_synced()
    state = service.state.fork()
    found = (
        (item.meta.name,)
        for item in paced(state.classes.values(), FEW)
        if is_named(name, item.meta.name) and (labels is None or labels.matches(item.meta.labels))
    )
    chosen = await service.time_slice().run(lambda: [own for (own,) in in_order(found)])
    start = bisect_right(chosen, cursor) if cursor else 0
    page = chosen[start : start + limit]
    following = page[-1] if start + limit < len(chosen) else None
    async with service.expensive(request) as work:
        shapes = await work.run(lambda: _shapes(state))
        items = await work.run(lambda: [_item(service, state.classes[item], shapes) for item in page])
    encoded = await service.time_slice().run(lambda: one_by_one(items))
    head = {"decides": service.decides, "revision": str(state.revision)}
    return json_response({**head, "items": encoded, "next": cursor_after(following)})


def _shapes(state: State) -> ShapeCounts:
    counts: ShapeCounts = {}
    for view in paced(DeviceViews(state).devices(), 64):
        by_state = counts.get(view.shape)
        if by_state is None:
            by_state = counts[view.shape] = dict.fromkeys(STATES, 0)
        by_state[view.state] += 1
    return counts


def _item(service: Service, item: DeviceClass, shapes: ShapeCounts) -> dict[str, Any]:
    features = cel_features(service.rules.features)
    texts = [text for text in item.selectors if text is not None]
    selectors = [service.rules.selectors.get(text, features) for text in texts]
    broken = next((str(selector.error) for selector in selectors if selector.error is not None), "")
    if len(texts) < len(item.selectors):
        broken = "a selector is of an unknown type"
    total: dict[DeviceState, int] = dict.fromkeys(STATES, 0)
    for counts in () if broken else _matching(selectors, shapes):
        for state, number in counts.items():
            total[state] += number
    return {
        "name": item.meta.name,
        "selectors": texts,
        "extendedResource": item.extended_resource_name,
        "devices": total,
        "status": broken or "Ready",
        "labels": item.meta.labels,
        "created": item.meta.created,
    }


def _matching(selectors: Iterable[Selector], shapes: ShapeCounts) -> Iterator[dict[DeviceState, int]]:
    """The counts of the shapes that all selectors match; one that fails on a shape does not match it."""
    chosen = list(selectors)
    for shape, counts in paced(shapes.items(), 8):
        try:
            if all(selector.matches(shape) for selector in chosen):
                yield counts
        except CelError:
            continue  # the allocator reports it to the Pods that use the class
