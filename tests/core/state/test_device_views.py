"""The nodes of devices: each selector is compared with all nodes once, with pauses."""

from collections.abc import Iterable
from typing import Any

import pytest

from app.core.model.node import Node
from app.core.model.parse import parse
from app.core.model.resource_slice import DeviceId, ResourceSlice
from app.core.state.device_views import DeviceView, DeviceViews
from app.core.state.occupancy import Dimension, Groups, Occupancy, TooManyGroupsError, dimension
from app.core.state.state import State
from tests.objects import DRIVER, device, node, slice_of
from tests.pausing import Meter

NODES, DEVICES = 1000, 64
MAX_CALLS = 2_500
"""Between two pauses."""


def shared(*values: str) -> State:
    """A state with devices that each have a node selector: all nodes but one, in turn one of the values."""
    state = State()
    for number in range(NODES):
        item = parse(node(f"n{number}"))
        assert isinstance(item, Node)
        state.upsert(item)
    devices: list[dict[str, Any]] = []
    for number in range(DEVICES):
        value = values[number % len(values)]
        expression = {"key": "zone", "operator": "NotIn", "values": [value]}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
        devices.append(device(f"d{number}") | {"nodeSelector": terms})
    raw = slice_of("x", *devices)
    del raw["spec"]["nodeName"]
    raw["spec"]["perDeviceNodeSelection"] = True
    made = parse(raw)
    assert isinstance(made, ResourceSlice)
    state.upsert(made)
    return state


def test_each_selector_is_compared_with_nodes_in_pauses() -> None:
    state, meter = shared(*(f"z{number}" for number in range(DEVICES))), Meter()
    found = meter.measure(lambda: [len(view.nodes) for view in DeviceViews(state).devices()])
    assert found == [NODES] * DEVICES
    assert meter.most < MAX_CALLS, meter.where


def test_equal_selectors_are_compared_with_nodes_once() -> None:
    one, two = Meter(), Meter()
    state = shared("a")
    one.measure(lambda: list(DeviceViews(state).devices()))
    state = shared("a", "b")
    two.measure(lambda: list(DeviceViews(state).devices()))
    assert one.total < 20 * NODES
    assert one.total < two.total < 40 * NODES


def test_one_device_is_found_without_the_nodes_of_others() -> None:
    state, meter = shared(*(f"z{number}" for number in range(DEVICES))), Meter()
    found = meter.measure(lambda: DeviceViews(state).of(DeviceId(DRIVER, "x", "d63")))
    assert len(getattr(found, "nodes", ())) == NODES, found
    assert meter.total < 20 * NODES


def occupancy(
    views: Iterable[DeviceView], dimensions: list[Dimension]
) -> tuple[dict[tuple[str, ...], Occupancy], Occupancy]:
    groups = Groups(dimensions)
    groups.count(views)
    return dict(groups.in_order()), groups.total


def grouped_by(state: State, *names: str) -> list[Dimension]:
    found = [dimension(name, state.nodes) for name in names]
    assert None not in found
    return [item for item in found if item is not None]


def test_the_use_of_each_node_is_counted_with_pauses() -> None:
    state = shared("a")
    views, meter = list(DeviceViews(state).devices()), Meter()
    by_node = grouped_by(state, "node")
    groups, total = occupancy(views, by_node)
    assert (len(groups), total.devices) == (NODES, DEVICES)
    assert {found.states["free"] for found in groups.values()} == {DEVICES}
    meter.measure(lambda: occupancy(views, by_node))
    assert meter.most < MAX_CALLS, meter.where


def test_devices_of_the_same_nodes_are_counted_together() -> None:
    """One by one, each of 64 devices would be added to each of 1,000 groups."""
    state, meter = shared("a"), Meter()
    views = list(DeviceViews(state).devices())
    by_node = grouped_by(state, "node")
    meter.measure(lambda: occupancy(views, by_node))
    assert meter.total < 40 * NODES


def test_a_shared_device_is_in_the_group_of_each_node_and_of_its_label() -> None:
    """Not in those of one node and of the label of another."""
    state = shared("z1")
    for number in range(NODES):
        item = parse(node(f"n{number}", zone=f"z{number % 4}"))
        assert isinstance(item, Node)
        state.upsert(item)
    by_both = grouped_by(state, "state", "label:zone", "node")
    groups, total = occupancy(DeviceViews(state).devices(), by_both)
    assert total.devices == DEVICES
    expected = {("free", f"z{number % 4}", f"n{number}") for number in range(NODES) if number % 4 != 1}
    assert groups.keys() == expected
    assert {found.devices for found in groups.values()} == {DEVICES}


def test_more_groups_than_an_answer_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.state.occupancy.MAX_GROUPS", NODES - 1)
    state = shared("a")
    with pytest.raises(TooManyGroupsError, match="more than 999 groups"):
        occupancy(DeviceViews(state).devices(), grouped_by(state, "node"))


def test_little_is_kept_of_devices_that_each_have_their_own_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    state = shared(*(f"z{number}" for number in range(DEVICES)))
    expected = occupancy(DeviceViews(state).devices(), grouped_by(state, "node"))
    monkeypatch.setattr("app.core.state.occupancy._MAX_VALUES", 3 * NODES)
    monkeypatch.setattr("app.core.state.device_views._MAX_KEPT", 3 * NODES)
    views, groups = DeviceViews(state), Groups(grouped_by(state, "node"))
    most = 0
    for view in views.devices():
        groups.count([view])
        most = max(most, sum(map(len, views._reached.values())), groups._values)
    assert NODES < most <= 3 * NODES
    assert (dict(groups.in_order()), groups.total) == expected
