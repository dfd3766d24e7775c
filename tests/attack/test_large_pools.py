"""A pool of thousands of devices on one node, with counters, amounts, taints and holders: short steps."""

from collections.abc import Callable
from typing import Any

import pytest

from app.core.allocator.evidence import MOST_NAMED
from app.core.dry_run.place import place
from app.core.model.features import Features
from app.core.model.parse import InventoryObject, parse
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.objects import DRIVER, claim, device, device_class, node, pod, slice_of
from tests.pausing import Meter

SLICES, EACH = 16, 64
MAX_CALLS = 12_000
"""Between two pauses: 12 for each of the devices."""

Device = dict[str, Any]


def _taken(_item: Device, _slice: int, _index: int) -> None:
    """Held by a claim of its own."""


def _tainted(item: Device, number: int, index: int) -> None:
    item["taints"] = [
        {"key": f"k{key}", "value": f"{number}-{index}", "effect": "NoSchedule"} for key in range(4)
    ]


def _counting(item: Device, number: int, index: int) -> None:
    amount = "100" if index < EACH // 2 else "1"
    counters = {f"c{key}": {"value": amount} for key in range(16)}
    item["consumesCounters"] = [{"counterSet": f"s{number}", "counters": counters}]


def _amounting(item: Device, _slice: int, _index: int) -> None:
    item["allowMultipleAllocations"] = True
    item["capacity"] = {f"m{key}": {"value": "10"} for key in range(16)}


def _slices(change: Callable[[Device, int, int], None]) -> list[Any]:
    """All of the pool ``big`` on node n0."""
    of = SLICES * (1 + (change is _counting))
    found = []
    for number in range(SLICES):
        devices = [device(f"d{number}-{index}", uuid=f"{number}-{index}") for index in range(EACH)]
        for index, item in enumerate(devices):
            change(item, number, index)
        found.append(slice_of("n0", *devices, count=of, suffix=str(number)))
        if change is _counting:
            counters = {f"c{key}": {"value": "50"} for key in range(16)}
            found.append(slice_of("n0", count=of, suffix=f"counters-{number}"))
            del found[-1]["spec"]["devices"]
            found[-1]["spec"]["sharedCounters"] = [{"name": f"s{number}", "counters": counters}]
    return found


def _holders(change: Callable[[Device, int, int], None]) -> list[Any]:
    first = {_tainted: EACH, _counting: EACH // 2}.get(change, 0)
    return [
        _holder(number, index, share=change is _amounting)
        for number in range(SLICES)
        for index in range(first, EACH)
    ]


def _holder(number: int, index: int, *, share: bool) -> Any:
    raw = claim(f"h{number}-{index}")
    result = {"request": "r", "driver": DRIVER, "pool": "n0", "device": f"d{number}-{index}"}
    if share:
        result |= {"shareID": "a", "consumedCapacity": {f"m{key}": "9" for key in range(16)}}
    raw["status"] = {"allocation": {"devices": {"results": [result]}}}
    return raw


def _state(change: Callable[[Device, int, int], None]) -> State:
    state = State()
    wanted = claim("w")
    if change is _amounting:
        amounts = {"requests": {f"m{key}": "5" for key in range(16)}}
        wanted["spec"]["devices"]["requests"][0]["exactly"]["capacity"] = amounts
    for raw in (node("n0"), device_class(), wanted, *_slices(change), *_holders(change)):
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    state.inventory.pools("n0", Features())
    return state


@pytest.mark.parametrize("change", [_taken, _tainted, _counting, _amounting])
def test_a_large_pool_is_searched_and_explained_in_short_steps(
    change: Callable[[Device, int, int], None],
) -> None:
    state, wanted, meter = _state(change), parse(pod("p", "w")), Meter()
    found: list[Any] = []
    rules = Rules(SelectorCache(), lambda: "share")
    meter.measure(lambda: found.extend(place(state, [wanted], ["n0"], rules)))
    assert meter.most < MAX_CALLS, meter.where
    ((answer,),) = [item.answers for item in found]
    assert answer.verdict == "misfit"
    (reason,) = answer.reasons
    behind = reason.evidence
    assert behind.holders or behind.taints or behind.counters or behind.capacities
    assert max(map(len, (behind.holders, behind.taints, behind.counters))) <= MOST_NAMED
