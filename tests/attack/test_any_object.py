"""Objects of any kind that drivers publish or tenants write, as large as the API admits: short steps."""

from copy import deepcopy
from typing import Any

import pytest

from app.cluster.informers.feed import Feed
from app.cluster.informers.informer import Deleted, Event, Replaced, Upserted
from app.core.model.features import Features
from app.core.model.parse import InventoryObject, parse
from app.core.state.state import State
from tests.objects import DRIVER, claim, device, node, pod, slice_of
from tests.pausing import Meter

NODES = 300
MAX_CALLS = 75_000
"""Between two pauses: one object of any kind. A call takes 0.2 us, most of them."""

_TAINT = {"key": "k", "effect": "NoSchedule"}


def _labels(number: int) -> dict[str, str]:
    return {f"example.com/label-{index}": "x" * 60 for index in range(number)}


def _requests() -> list[dict[str, Any]]:
    selectors = [{"cel": {"expression": f"device.driver == 'x{index}'"}} for index in range(32)]
    alternatives = [
        {"name": f"a{index}", "deviceClassName": "gpu", "selectors": selectors, "count": 1}
        for index in range(8)
    ]
    return [{"name": f"r{index}", "firstAvailable": alternatives} for index in range(32)]


def _claim(name: str = "c-0") -> Any:
    raw = claim(name)
    raw["spec"]["devices"]["requests"] = _requests()
    results = [
        {"request": f"r{index}/a0", "driver": DRIVER, "pool": f"n{index:03}", "device": "d1"}
        for index in range(32)
    ]
    users = [{"resource": "pods", "name": f"p-{index}", "uid": f"u-{index}"} for index in range(256)]
    raw["status"] = {"allocation": {"devices": {"results": results}}, "reservedFor": users}
    return raw


def _pod() -> Any:
    raw = pod("p-0", *(f"c-{index}" for index in range(500)))
    containers = [
        {"name": f"c{index}", "image": "i", "resources": {"requests": {"cpu": "1"}}} for index in range(500)
    ]
    raw["spec"] |= {"containers": containers, "tolerations": [{"operator": "Exists"}] * 500}
    raw["metadata"]["labels"] = _labels(500)
    return raw


def _node() -> Any:
    raw = node("n000")
    raw["metadata"]["labels"] = _labels(2_000)
    raw["spec"] = {"taints": [{"key": f"k{index}", "effect": "NoSchedule"} for index in range(500)]}
    raw["status"] = {"allocatable": {f"example.com/r{index}": "1" for index in range(2_000)}}
    return raw


def _meta(kind: str, version: str, name: str, **more: Any) -> Any:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **more}}


OBJECTS: dict[str, Any] = {
    "Node": _node(),
    "ResourceSlice": slice_of("n000", *(device(f"d{index}", uuid=f"u{index}") for index in range(128))),
    "ResourceClaim": _claim(),
    "ResourceClaimTemplate": _meta("ResourceClaimTemplate", "resource.k8s.io/v1", "t", namespace="default")
    | {"spec": {"spec": _claim()["spec"]}},
    "DeviceClass": _meta("DeviceClass", "resource.k8s.io/v1", "gpu")
    | {
        "spec": {
            "selectors": [{"cel": {"expression": f"device.driver != 'x{index}'"}} for index in range(32)],
            "extendedResourceName": "example.com/gpu",
        }
    },
    "DeviceTaintRule": _meta("DeviceTaintRule", "resource.k8s.io/v1", "rule")
    | {"spec": {"taint": _TAINT, "deviceSelector": {"driver": DRIVER}}},
    "Pod": _pod(),
    "PodDisruptionBudget": _meta("PodDisruptionBudget", "policy/v1", "budget", namespace="default")
    | {"spec": {"selector": {"matchLabels": _labels(100)}}, "status": {"disruptionsAllowed": 1}},
}


def cluster() -> State:
    state = State()
    for number in range(NODES):
        name = f"n{number:03}"
        slice_ = slice_of(name, *(device(f"d{index}", uuid=f"{name}-{index}") for index in range(8)))
        for raw in (node(name), slice_, claim(f"c-{number}"), pod(f"p-{number}", f"c-{number}")):
            item = parse(raw)
            assert isinstance(item, InventoryObject)
            state.upsert(item)
        state.inventory.pools(name, Features())
    return state


def take(feed: Feed, kind: str, event: Event, meter: Meter) -> None:
    """As the informers of the service do."""
    found = meter.measure(lambda: feed.read_ahead(kind, event))
    assert not isinstance(found, Exception), found
    found = meter.measure(lambda: feed.handle(kind, event))
    assert not isinstance(found, Exception), found


@pytest.mark.parametrize("kind", OBJECTS)
def test_an_object_that_comes_changes_and_goes_takes_short_steps(kind: str) -> None:
    state, meter = cluster(), Meter()
    feed = Feed(state)
    raw = OBJECTS[kind]
    key = (raw["metadata"].get("namespace", ""), raw["metadata"]["name"])
    changed = deepcopy(raw)
    changed["metadata"]["resourceVersion"] = "2"
    for event in (Upserted(raw), Upserted(changed)):
        take(feed, kind, event, meter)
        assert not feed.broken
        assert state.has(kind, key)
    take(feed, kind, Deleted(changed), meter)
    assert not state.has(kind, key)
    assert meter.most < MAX_CALLS, meter.where


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_list_of_many_objects_takes_short_steps(kind: str) -> None:
    state, meter = cluster(), Meter()
    feed = Feed(state)
    raws = []
    for number in range(20):
        raw = deepcopy(OBJECTS[kind])
        raw["metadata"]["name"] = raw["metadata"]["name"] + (f"-{number}" if number else "")
        if kind == "ResourceSlice":
            raw["spec"]["pool"]["name"] = raw["metadata"]["name"]
        raws.append(raw)
    event = Replaced(tuple(raws), tuple(raws), ())
    meter.measure(lambda: feed.read_ahead(kind, event))
    assert meter.most < MAX_CALLS, meter.where
    applied = Meter()
    take(feed, kind, event, applied)
    assert not feed.broken
    assert len(state.keys(kind)) == len(raws)
    assert applied.most < 100_000, applied.where
