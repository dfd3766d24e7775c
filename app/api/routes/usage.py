"""How many devices are taken and free, by groups."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.errors import HttpError
from app.api.models.inventory import UsagePage
from app.api.query import Labels
from app.api.responses import ListResponse, encoded
from app.api.routes.inventory import Filter, is_on, labelled_nodes, reaches
from app.api.service import ServiceOf
from app.api.shown_names import ShownNames, shown_names
from app.core.state.device_views import DeviceViews
from app.core.state.occupancy import (
    DIMENSIONS,
    NONE,
    Dimension,
    Groups,
    Occupancy,
    OfDevice,
    TooManyGroupsError,
    dimension,
)
from app.core.state.state import State

router = APIRouter(prefix="/api/v1", tags=["inventory"])

MAX_DIMENSIONS = 4
_DIMENSIONS = ", ".join(DIMENSIONS)


@router.get("/usage", response_model=UsagePage, summary="How many devices are taken and free, by groups")
async def usage(
    request: Request,
    service: ServiceOf,
    labels: Labels,
    *,
    by: Annotated[
        list[str] | None,
        Query(description=f"Groups: {_DIMENSIONS}. Up to four; the default is driver."),
    ] = None,
    driver: Filter = "",
    node: Filter = "",
    holder: Annotated[
        str, Query(alias="heldIn", description="Only devices that claims of this namespace hold.")
    ] = "",
) -> Response:
    """labelSelector selects by the labels of nodes. Cost: O(devices + groups), at most 100,000 groups."""
    service.require_synced()
    state = service.state.fork()
    names = by or ["driver"]
    shown = await shown_names(request, state, named=holder)
    shown.require(holder)
    dimensions = _dimensions(state, names, shown)
    async with service.expensive(request) as work:
        reached = await work.run(lambda: labelled_nodes(state, labels))
        views = (
            view
            for view in DeviceViews(state).devices()
            if driver in ("", view.id.driver)
            and reaches(view, node)
            and is_on(view, reached)
            and (not holder or any(claim.startswith(f"{holder}/") for claim in view.claims))
        )
        groups = Groups(dimensions)
        work.leftovers.append(groups.let_go)
        try:
            await work.run(lambda: groups.count(views))
        except TooManyGroupsError as error:
            advice = "select devices by driver, node or heldIn, or name fewer groups"
            raise HttpError(400, "InvalidParameter", f"{error}: {advice}", "query.by") from None
        items = (_item(dict(zip(names, values, strict=True)), found) for values, found in groups.in_order())
        lines = await work.run(lambda: encoded(items))
    head = {
        "decides": service.decides,
        "revision": str(state.revision),
        "total": _item({}, groups.total),
        "next": None,
    }
    return ListResponse(head, "items", lines, service.time_slice())


def _dimensions(state: State, names: list[str], shown: ShownNames) -> list[Dimension]:
    """Raises: HttpError, 400."""
    if len(names) > MAX_DIMENSIONS:
        raise HttpError(400, "InvalidParameter", f"at most {MAX_DIMENSIONS} groups", "query.by")
    found = []
    for name in names:
        made = dimension(name, state.nodes)
        if made is None or names.count(name) > 1:
            text = f"{name!r} is not one of {_DIMENSIONS}" if made is None else f"{name!r} is repeated"
            raise HttpError(400, "InvalidParameter", text, "query.by")
        hidden = made.of_device if name == "namespace" and not shown.all else None
        found.append(made if hidden is None else _hiding(hidden, shown))
    return found


def _hiding(namespaces: OfDevice, shown: ShownNames) -> Dimension:
    """Namespaces that the caller may not see are one group."""
    return Dimension(
        lambda view: dict.fromkeys(
            name if name == NONE else shown.namespace(name) for name in namespaces(view)
        )
    )


def _item(group: Mapping[str, str], found: Occupancy) -> dict[str, Any]:
    return {
        "group": group,
        "devices": found.devices,
        "taken": found.held,
        "free": found.states["free"],
        "unavailable": found.states["tainted"] + found.states["unusable"],
        "largestFree": found.largest_free,
        "percent": round(100 * found.held / found.devices, 1) if found.devices else 0.0,
        "states": found.states,
    }
