"""What versions do differently, seen from a Pod on a node: one case for each rule."""

from dataclasses import replace
from typing import Any

import pytest

from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.versions import version_named
from tests.core.dry_run.states import rules, state_with
from tests.objects import DRIVER, claim, device, device_class, node, pod, slice_of

ALL_GATES = {"DRAPartitionableDevices": True, "DRAConsumableCapacity": True, "DRADeviceTaints": True}


def verdict(version: str, *objects: JsonObject) -> str:
    features = Features.of(version_named(version), ALL_GATES)
    state = state_with(device_class(), node("n1"), *objects)
    parsed: Any = parse(pod("p", "c"))
    return PodEvaluation(state, parsed, replace(rules(), features=features)).answer("n1").verdict


def partitioned() -> JsonObject:
    """Counters beside the devices that draw from them, as 1.33 and 1.34 have it."""

    def drawing(name: str, memory: str) -> JsonObject:
        counters = {"memory": {"value": memory}}
        return device(name) | {"consumesCounters": [{"counterSet": "gpu0", "counters": counters}]}

    item = slice_of("n1", drawing("full", "40Gi"), drawing("half-a", "20Gi"), drawing("half-b", "20Gi"))
    item["spec"]["sharedCounters"] = [{"name": "gpu0", "counters": {"memory": {"value": "40Gi"}}}]
    return item


@pytest.mark.parametrize(
    ("version", "count", "expected"),
    [
        ("1.33", 1, "fits"),
        ("1.34", 1, "fits"),
        ("1.34", 2, "fits"),
        ("1.34", 3, "misfit"),
        ("1.35", 1, "misfit"),
        ("1.37", 1, "misfit"),
    ],
)
def test_counters_beside_devices(version: str, count: int, expected: str) -> None:
    assert verdict(version, partitioned(), claim("c", count)) == expected


def constrained(kind: str, attribute: str) -> JsonObject:
    made = claim("c", 2)
    made["spec"]["devices"]["constraints"] = [{kind: f"{DRIVER}/{attribute}"}]
    return made


def versioned(*values: str) -> JsonObject:
    devices: list[Any] = [
        {"name": f"d{number}", "attributes": {"firmware": {"version": value}}}
        for number, value in enumerate(values)
    ]
    return slice_of("n1", *devices)


@pytest.mark.parametrize(
    ("version", "kind", "expected"),
    [
        ("1.37", "matchAttribute", "misfit"),
        ("1.38", "matchAttribute", "fits"),
        ("1.37", "distinctAttribute", "fits"),
        ("1.38", "distinctAttribute", "misfit"),
    ],
)
def test_build_metadata_of_versions(version: str, kind: str, expected: str) -> None:
    devices = versioned("1.0.0+a", "1.0.0+b")
    assert verdict(version, devices, constrained(kind, "firmware")) == expected


@pytest.mark.parametrize(("version", "expected"), [("1.34", "fits"), ("1.36", "misfit"), ("1.37", "misfit")])
def test_distinct_attribute_over_equal_values(version: str, expected: str) -> None:
    devices = versioned("1.0.0", "1.0.0")
    assert verdict(version, devices, constrained("distinctAttribute", "firmware")) == expected


@pytest.mark.parametrize(
    ("version", "name", "expected"),
    [
        ("1.37", "memory", "fits"),
        ("1.37", f"{DRIVER}/memory", "misfit"),
        ("1.38", "memory", "fits"),
        ("1.38", f"{DRIVER}/memory", "fits"),
        ("1.38", "other.example.com/memory", "misfit"),
    ],
)
def test_names_of_capacity(version: str, name: str, expected: str) -> None:
    wanted = claim("c")
    wanted["spec"]["devices"]["requests"][0]["exactly"]["capacity"] = {"requests": {name: "10Gi"}}
    devices = slice_of("n1", device("d") | {"capacity": {"memory": {"value": "40Gi"}}})
    assert verdict(version, devices, wanted) == expected


@pytest.mark.parametrize(
    ("version", "expected"), [("1.34", "invalid"), ("1.37", "invalid"), ("1.38", "misfit")]
)
def test_all_mode_and_an_incomplete_pool(version: str, expected: str) -> None:
    wanted = claim("c")
    wanted["spec"]["devices"]["requests"][0]["exactly"] = {"deviceClassName": "gpu", "allocationMode": "All"}
    assert verdict(version, slice_of("n1", device("d"), count=2), wanted) == expected


@pytest.mark.parametrize(("version", "expected"), [("1.34", "fits"), ("1.35", "misfit"), ("1.38", "misfit")])
def test_one_device_of_an_incomplete_pool(version: str, expected: str) -> None:
    assert verdict(version, slice_of("n1", device("d"), count=2), claim("c")) == expected


@pytest.mark.parametrize(
    ("version", "value", "expected"),
    [
        ("1.36", {"strings": ["a"]}, "invalid"),
        ("1.37", {"strings": ["a"]}, "fits"),
        ("1.37", {"version": "99999999999999999999.0.0"}, "invalid"),
        ("1.38", {"version": "99999999999999999999.0.0"}, "fits"),
        ("1.38", {}, "fits"),
    ],
)
def test_an_attribute_that_the_selector_does_not_read(version: str, value: JsonObject, expected: str) -> None:
    odd = device("d", model="a100")
    odd["attributes"]["odd"] = value
    wanted = claim("c", expression=f'device.attributes["{DRIVER}"].model == "a100"')
    assert verdict(version, slice_of("n1", odd), wanted) == expected


@pytest.mark.parametrize(("version", "expected"), [("1.36", "invalid"), ("1.37", "fits")])
def test_a_field_in_back_quotes(version: str, expected: str) -> None:
    wanted = claim("c", expression=f'device.attributes["{DRIVER}"].`model` == "a100"')
    assert verdict(version, slice_of("n1", device("d", model="a100")), wanted) == expected


@pytest.mark.parametrize(
    ("version", "expected"), [("1.36", "fits"), ("1.37", "invalid"), ("1.38", "invalid")]
)
def test_or_value_of_a_value_that_is_not_optional(version: str, expected: str) -> None:
    wanted = claim("c", expression=f'device.attributes["{DRIVER}"].model.orValue("x") == "a100"')
    assert verdict(version, slice_of("n1", device("d", model="a100")), wanted) == expected


COLONS = '"https://ex.com:1:2"'
SMALLEST = "quantity('40Gi').sub(-9223372036854775808).isGreaterThan(quantity('1'))"


@pytest.mark.parametrize(
    ("version", "expression", "expected"),
    [
        ("1.35", f"isURL({COLONS})", "fits"),
        ("1.36", f"isURL({COLONS})", "misfit"),
        ("1.35", f"isURL(dyn({COLONS}))", "fits"),
        ("1.35", f'url({COLONS}).getPort() == "2"', "fits"),
        ("1.35", f"!format.uri().validate({COLONS}).hasValue()", "fits"),
        ("1.36", f"!format.uri().validate({COLONS}).hasValue()", "misfit"),
        ("1.37", SMALLEST, "misfit"),
        ("1.38", SMALLEST, "fits"),
    ],
)
def test_functions_of_expressions(version: str, expression: str, expected: str) -> None:
    assert verdict(version, slice_of("n1", device("d0")), claim("c", expression=expression)) == expected
