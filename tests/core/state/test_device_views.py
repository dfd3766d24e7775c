"""The nodes of devices: each selector is compared with all nodes once, with pauses."""

from typing import Any

from app.core.model.node import Node
from app.core.model.parse import parse
from app.core.model.resource_slice import DeviceId, ResourceSlice
from app.core.state.device_views import DeviceViews
from app.core.state.occupancy import dimension, occupancy
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


def test_the_use_of_each_node_is_counted_with_pauses() -> None:
    state = shared("a")
    views, meter = list(DeviceViews(state).devices()), Meter()
    by_node = dimension("node", state.nodes)
    assert by_node is not None
    groups, total = occupancy(views, [by_node])
    assert (len(groups), total.devices) == (NODES, DEVICES)
    assert {found.states["free"] for found in groups.values()} == {DEVICES}
    meter.measure(lambda: occupancy(views, [by_node]))
    assert meter.most < MAX_CALLS, meter.where
