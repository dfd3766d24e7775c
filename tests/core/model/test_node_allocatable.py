"""What devices take of nodes, as published."""

from typing import Any

import pytest

from app.core.model.device import read_device
from app.core.model.errors import FieldError
from app.core.model.node_allocatable import NodeAllocatable
from app.core.model.quantity import parse_quantity
from tests.objects import DRIVER


def read(**resources: Any) -> Any:
    return read_device({"name": "d", "nodeAllocatableResources": resources}, DRIVER).node_allocatable


def test_a_mapping_by_devices_and_an_overhead() -> None:
    found = read(cpu={"mapping": {"deviceMultiplier": "4"}, "overhead": {"perPod": "1"}})
    four, one = parse_quantity("4"), parse_quantity("1")
    assert found == {"cpu": NodeAllocatable(per_device=four, per_pod=one)}
    assert found["cpu"].is_mapped


def test_a_mapping_by_capacity() -> None:
    found = read(memory={"mapping": {"capacityKey": "x/m", "capacityMultiplier": "2"}})
    assert found == {"memory": NodeAllocatable(capacity_key="x/m", per_capacity=parse_quantity("2"))}


def test_an_overhead_alone_is_no_mapping() -> None:
    found = read(**{"hugepages-2Mi": {"overhead": {"perContainer": "0"}}})
    assert not found["hugepages-2Mi"].is_mapped


def test_a_device_that_takes_nothing() -> None:
    assert read() is None


WRONG = {
    "another resource": (
        {"ephemeral-storage": {"overhead": {"perPod": 1}}},
        "must be cpu, memory or hugepages-*",
    ),
    "neither": ({"cpu": {}}, "must have a mapping or an overhead"),
    "an empty mapping": ({"cpu": {"mapping": {}}}, "must have capacityKey or deviceMultiplier, and not both"),
    "two mappings": (
        {"cpu": {"mapping": {"capacityKey": "k", "capacityMultiplier": 1, "deviceMultiplier": 1}}},
        "must have capacityKey or deviceMultiplier, and not both",
    ),
    "a key without multiplier": (
        {"cpu": {"mapping": {"capacityKey": "k"}}},
        "must have capacityKey and capacityMultiplier, or neither",
    ),
    "nothing for a device": ({"cpu": {"mapping": {"deviceMultiplier": "0"}}}, "must be positive"),
    "less than nothing for capacity": (
        {"cpu": {"mapping": {"capacityKey": "k", "capacityMultiplier": "-1"}}},
        "must be positive",
    ),
    "an empty overhead": ({"cpu": {"overhead": {}}}, "must have perPod or perContainer"),
    "an overhead that gives": ({"cpu": {"overhead": {"perPod": "-1"}}}, "must not be negative"),
    "a list": ({"cpu": []}, "must be an object, not a list"),
}


@pytest.mark.parametrize(("resources", "text"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_counted_is_wrong(resources: dict[str, Any], text: str) -> None:
    with pytest.raises(FieldError) as error:
        read(**resources)
    assert str(error.value) == text
    assert error.value.path[:2] == ("nodeAllocatableResources", *resources)
