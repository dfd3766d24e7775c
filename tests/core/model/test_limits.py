"""Objects that no API server would take are refused by field, before they are read."""

from typing import Any

import pytest

from app.core.model.limits import beyond_limits
from tests.objects import claim, device, device_class, slice_of, template


def with_requests(number: int, **more: Any) -> dict[str, Any]:
    found = claim("c")
    item = found["spec"]["devices"]["requests"][0] | more
    found["spec"]["devices"]["requests"] = [item] * number
    return found


def selectors(number: int, length: int = 4) -> list[dict[str, Any]]:
    return [{"cel": {"expression": "x" * length}}] * number


def of_template(devices: dict[str, Any]) -> dict[str, Any]:
    found = template("t")
    found["spec"]["spec"]["devices"] = devices
    return found


BEYOND = {
    "spec.devices": slice_of("n", *(device(f"d{index}") for index in range(129))),
    "spec.selectors": device_class() | {"spec": {"selectors": selectors(33)}},
    "spec.devices.requests": with_requests(33),
    "spec.devices.requests[0].exactly.selectors": with_requests(1, exactly={"selectors": selectors(33)}),
    "spec.devices.requests[0].selectors": with_requests(1, selectors=selectors(33)),
    "spec.devices.requests[0].firstAvailable": with_requests(1, firstAvailable=[{}] * 9),
    "spec.devices.requests[0].firstAvailable[1].selectors": with_requests(
        1, firstAvailable=[{}, {"selectors": selectors(33)}]
    ),
    "spec.spec.devices.constraints": of_template({"constraints": [{}] * 33}),
    "spec.spec.devices.requests": of_template({"requests": [{}] * 33}),
}


@pytest.mark.parametrize("path", BEYOND)
def test_what_an_api_server_does_not_take_is_named(path: str) -> None:
    found = beyond_limits(BEYOND[path])
    assert found is not None
    assert found[0] == path


@pytest.mark.parametrize(
    "raw",
    [
        None,
        3,
        {},
        {"kind": "ResourceClaim", "spec": []},
        {"kind": "ResourceSlice", "spec": {"devices": 3}},
        slice_of("n", *(device(f"d{index}") for index in range(128))),
        device_class() | {"spec": {"selectors": selectors(32, 11_009)}},
        with_requests(32),
    ],
)
def test_what_is_within_limits_or_of_another_form_passes(raw: Any) -> None:
    assert beyond_limits(raw) is None
