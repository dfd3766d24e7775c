"""Devices that look the same share one shape."""

import gc
from typing import Any

import pytest

from app.core.model import device as device_module
from app.core.model.device import Device, DeviceAttribute, read_attribute, read_device

DEVICE: dict[str, Any] = {
    "name": "a",
    "attributes": {"color": {"string": "black"}, "size": {"int": 1}},
    "capacity": {
        "memory": {
            "value": "1Gi",
            "requestPolicy": {"default": "1Gi", "validRange": {"min": "1Gi", "max": "2Gi", "step": "1Gi"}},
        }
    },
}


def read(driver: str = "d", **changes: Any) -> Device:
    return read_device(DEVICE | changes, driver)


SAME = {
    "another-name": {"name": "b"},
    "order-of-attributes": {"attributes": {"size": {"int": 1}, "color": {"string": "black"}}},
    "taints": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
    "node": {"nodeName": "n"},
    "counters": {"consumesCounters": [{"counterSet": "s", "counters": {}}]},
}
DIFFERENT = {
    "value": {"attributes": DEVICE["attributes"] | {"size": {"int": 2}}},
    "type-of-a-value": {"attributes": DEVICE["attributes"] | {"size": {"bool": True}}},
    "text-and-version": {"attributes": DEVICE["attributes"] | {"color": {"version": "black"}}},
    "list-of-one": {"attributes": DEVICE["attributes"] | {"size": {"ints": [1]}}},
    "fewer-attributes": {"attributes": {"color": {"string": "black"}}},
    "no-attributes": {"attributes": None},
    "capacity": {"capacity": {"memory": {"value": "2Gi"}}},
    "name-of-a-capacity": {"capacity": {"cores": DEVICE["capacity"]["memory"]}},
    "policy": {"capacity": {"memory": {"value": "1Gi"}}},
    "shared": {"allowMultipleAllocations": True},
    "said-not-to-be-shared": {"allowMultipleAllocations": False},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_what_selectors_cannot_see_keeps_the_shape(changes: dict[str, Any]) -> None:
    assert read(**changes).shape is read().shape


@pytest.mark.parametrize("changes", DIFFERENT.values(), ids=DIFFERENT)
def test_what_selectors_can_see_makes_another_shape(changes: dict[str, Any]) -> None:
    one, other = read(), read(**changes)
    assert one.shape is not other.shape


def test_another_driver_makes_another_shape() -> None:
    one, other = read("d"), read("e")
    assert one.shape is not other.shape
    assert other.shape.driver == "e"


def test_a_shape_is_forgotten_with_its_last_device() -> None:
    before = len(device_module._shapes)
    devices = [read(f"gone-{index}") for index in range(20)]
    assert len(device_module._shapes) >= before + 20
    kept = devices.pop()
    shape = kept.shape
    del devices
    gc.collect()
    assert sum(key[0].startswith("gone-") for key in device_module._shapes) == 1
    assert read("gone-19").shape is shape


def test_a_shape_does_not_change_with_the_json_it_was_read_from() -> None:
    raw = {"name": "a", "attributes": {"own": {"strings": ["x"]}}}
    shape = read_device(raw, "frozen").shape
    raw["attributes"]["own"]["strings"].append("y")  # type: ignore[index]
    raw["attributes"]["more"] = {"int": 1}  # type: ignore[index]
    assert dict(shape.attributes) == {"own": DeviceAttribute("strings", ("x",))}
    assert read_device(raw, "frozen").shape is not shape


ATTRIBUTES = {
    "string": ({"string": "a"}, DeviceAttribute("string", "a")),
    "empty-string": ({"string": ""}, DeviceAttribute("string", "")),
    "int": ({"int": -1}, DeviceAttribute("int", -1)),
    "zero": ({"int": 0}, DeviceAttribute("int", 0)),
    "false": ({"bool": False}, DeviceAttribute("bool", False)),
    "version": ({"version": "1.2.3"}, DeviceAttribute("version", "1.2.3")),
    "ints": ({"ints": [1, 2]}, DeviceAttribute("ints", (1, 2))),
    "bools": ({"bools": [True]}, DeviceAttribute("bools", (True,))),
    "strings": ({"strings": ["a", "b"]}, DeviceAttribute("strings", ("a", "b"))),
    "versions": ({"versions": ["1.0.0"]}, DeviceAttribute("versions", ("1.0.0",))),
    "empty-list": ({"ints": []}, DeviceAttribute("ints", ())),
    "null-beside-a-value": ({"int": None, "string": "a"}, DeviceAttribute("string", "a")),
    "of-a-newer-type": ({"duration": "1s"}, DeviceAttribute("unknown", None)),
    "nothing": ({}, DeviceAttribute("unknown", None)),
}


@pytest.mark.parametrize(("raw", "expected"), ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_attributes(raw: dict[str, Any], expected: DeviceAttribute) -> None:
    assert read_attribute(raw) == expected
