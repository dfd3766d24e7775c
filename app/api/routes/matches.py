"""Finds the devices that a CEL expression or an attribute matches: for search, and to test selectors."""

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.errors import HttpError
from app.api.models.device import Matches
from app.api.responses import json_response
from app.api.service import Service, ServiceOf
from app.core.model.device import Device, DeviceAttribute, DeviceShape
from app.core.pauses import paced
from app.core.selectors import CelError, Selector, cel_features
from app.core.state.state import State

router = APIRouter(prefix="/api/v1", tags=["inventory"])

_MAX_FAILURES = 10


@router.get(
    "/matches",
    operation_id="matchDevices",
    response_model=Matches,
    summary="Devices that match a selector or an attribute",
)
async def matches(
    request: Request,
    service: ServiceOf,
    selector: Annotated[str, Query(description="A CEL expression, as in a claim's selector.")] = "",
    attribute: Annotated[
        list[str] | None,
        Query(description="name=value; the name with or without its domain. Several: all must match."),
    ] = None,
) -> Response:
    """Cost: O(devices), and one evaluation for each different set of attributes and capacities."""
    attributes = [_pair(text) for text in attribute or ()]
    if not selector and not attributes:
        raise HttpError(400, "InvalidParameter", "selector or attribute is required", "query.selector")
    failures: Counter[str] = Counter()
    async with service.expensive(request) as work:
        compiled = await work.run(lambda: _compiled(service, selector)) if selector else None
        state = service.state.fork()
        found = await work.run(lambda: _found(state, compiled, attributes, failures))
    return json_response(
        {
            "revision": str(state.revision),
            "items": found,
            "failures": [
                {"message": text, "shapes": number} for text, number in failures.most_common(_MAX_FAILURES)
            ],
        }
    )


def _found(
    state: State, selector: Selector | None, attributes: list[tuple[str, str]], failures: Counter[str]
) -> list[str]:
    """The names of the devices that match, in order."""
    verdicts: dict[DeviceShape, bool] = {}
    found: list[str] = []
    for slice_ in state.inventory.effective_slices():
        for device in paced(slice_.devices, 64):
            fits = verdicts.get(device.shape)
            if fits is None:
                fits = verdicts[device.shape] = _matches(device, selector, attributes, failures)
            if fits:
                found.append(f"{slice_.driver}/{slice_.pool}/{device.name}")
    return sorted(found)


def _compiled(service: Service, text: str) -> Selector:
    selector = service.rules.selectors.get(text, cel_features(service.rules.features))
    if selector.error is not None:
        raise HttpError(422, "InvalidSelector", str(selector.error), "query.selector")
    return selector


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise HttpError(400, "InvalidParameter", f"{text!r} is not name=value", "query.attribute")
    return name, value


def _matches(
    device: Device, selector: Selector | None, attributes: list[tuple[str, str]], failures: Counter[str]
) -> bool:
    shape = device.shape
    if not all(_has(shape, name, value) for name, value in attributes):
        return False
    if selector is None:
        return True
    try:
        return selector.matches(shape)
    except CelError as error:
        failures[str(error)] += 1
        return False


def _has(shape: DeviceShape, name: str, value: str) -> bool:
    return any(
        (known == name or known.rpartition("/")[2] == name) and value in _texts(item)
        for known, item in shape.attributes.items()
    ) or any(
        (known == name or known.rpartition("/")[2] == name) and value == str(item.value)
        for known, item in shape.capacity.items()
    )


def _texts(attribute: DeviceAttribute) -> list[Any]:
    values = attribute.value if isinstance(attribute.value, tuple) else (attribute.value,)
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]
