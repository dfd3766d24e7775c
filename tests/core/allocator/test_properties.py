"""What holds of every search, whatever the case."""

import copy
import random
from typing import Any

import pytest
from fuzz import compare, generator, inventory
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.allocator import Fits, Misfit
from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.quantity import parse_quantity
from app.core.state.taken import release, take

NUMBERS = st.integers(min_value=0, max_value=10**9)


@given(NUMBERS)
@settings(max_examples=150)
def test_no_device_counter_or_capacity_is_given_away_twice(number: int) -> None:
    request = generator.case(number)
    for outcome in inventory.answer(request).values():
        if isinstance(outcome, Fits):
            _check_room(request, compare.to_json(outcome))


@given(NUMBERS)
@settings(max_examples=60)
def test_allocating_and_freeing_restores_the_state(number: int) -> None:
    request = generator.case(number)
    taken = inventory.read(request).taken()
    before = copy.deepcopy(taken)
    for outcome in inventory.answer(request).values():
        if isinstance(outcome, Fits):
            for index, allocation in enumerate(outcome.allocations):
                take(taken, ("default", f"claim-{index}"), allocation.devices)
            for index, allocation in enumerate(outcome.allocations):
                release(taken, ("default", f"claim-{index}"), allocation.devices)
            assert taken == before


@given(NUMBERS)
@settings(max_examples=60)
def test_inputs_are_not_modified_and_the_answer_is_the_same_again(number: int) -> None:
    request = generator.case(number)
    before = copy.deepcopy(request)
    first = inventory.answer(request)
    assert request == before
    assert inventory.answer(request) == first


@given(NUMBERS, st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_verdict_does_not_depend_on_the_order_of_slices(number: int, rng: random.Random) -> None:
    request = generator.case(number)
    if not compare.is_ordered(request):
        return  # a runtime error may be met or not
    shuffled = list(request["objects"])
    rng.shuffle(shuffled)
    first = inventory.answer(request)
    again = inventory.answer(request | {"objects": shuffled})
    assert {node: _plain(outcome) for node, outcome in again.items()} == {
        node: _plain(outcome) for node, outcome in first.items()
    }


@given(NUMBERS)
@settings(max_examples=100)
def test_a_further_free_device_never_makes_a_fit_a_misfit(number: int) -> None:
    request = generator.case(number)
    if _has_constraints_or_all_mode(request):
        return
    first = inventory.answer(request)
    again = inventory.answer(request | {"objects": [*request["objects"], _pool_for_all("aa.example.com")]})
    for node, outcome in first.items():
        if isinstance(outcome, Fits):
            # Invalid is possible: the selector of a claim may fail on the new device.
            assert not isinstance(again[node], Misfit)


@pytest.mark.parametrize("number", range(40))
def test_what_is_allocated_is_in_use_for_the_next(number: int) -> None:
    request = generator.case(1_000_000 + number)
    for node, outcome in inventory.answer(request).items():
        if isinstance(outcome, Fits):
            held = _with_allocations(request, compare.to_json(outcome))
            (again,) = inventory.answer(held | {"nodes": [node]}).values()
            if isinstance(again, Fits):
                _check_room(held, compare.to_json(again))


def _plain(outcome: Any) -> Any:
    if isinstance(outcome, Fits):
        return compare.without_share_ids(compare.to_json(outcome))
    return type(outcome)


def _check_room(request: JsonObject, allocations: list[JsonObject]) -> None:
    """Adds up all that is held after the allocation, device by device and counter by counter.

    Pools that are seen in two generations are left out: there, a name does not say which device is meant.
    """
    generations: dict[tuple[str, str], set[int]] = {}
    for item in request["objects"]:
        if item["kind"] == "ResourceSlice":
            pool = item["spec"]["pool"]
            generations.setdefault((item["spec"]["driver"], pool["name"]), set()).add(pool["generation"])
    features = Features().switched(request["features"])
    devices = {
        (item["spec"]["driver"], item["spec"]["pool"]["name"], device["name"]): device
        for item in request["objects"]
        if item["kind"] == "ResourceSlice"
        for device in item["spec"].get("devices", ())
    }
    new = [
        result
        for allocation in allocations
        for result in allocation["devices"].get("results", ())
        if len(generations[result["driver"], result["pool"]]) == 1
    ]
    holders: dict[tuple[str, str, str], list[JsonObject]] = {}
    for result in [*_held(request), *new]:
        if not result.get("adminAccess"):
            holders.setdefault((result["driver"], result["pool"], result["device"]), []).append(result)
    for result in new:
        key = result["driver"], result["pool"], result["device"]
        results = holders.get(key, [])
        whole = [item for item in results if "shareID" not in item or not features.consumable_capacity]
        if not result.get("adminAccess"):
            assert not whole or len(results) == 1, f"{key} has {len(results)} holders"
        capacity = devices[key].get("capacity", {})
        for name, item in capacity.items():
            amounts = [
                held["consumedCapacity"].get(name, "0") for held in results if "consumedCapacity" in held
            ]
            total = sum(parse_quantity(amount).nanos for amount in amounts)
            assert total <= parse_quantity(item["value"]).nanos, f"{key}: {name}"
    _check_counters(request, devices, holders, new)


def _check_counters(
    request: JsonObject, devices: JsonObject, holders: JsonObject, new: list[JsonObject]
) -> None:
    drawn: dict[tuple[str, str, str, str], int] = {}
    for key in {*holders, *((item["driver"], item["pool"], item["device"]) for item in new)}:
        for entry in devices.get(key, {}).get("consumesCounters", ()):
            for name, counter in entry["counters"].items():
                where = (*key[:2], entry["counterSet"], name)
                drawn[where] = drawn.get(where, 0) + parse_quantity(counter["value"]).nanos
    # A further share of a device draws nothing, so it is allowed where others have overdrawn.
    before = {(item["driver"], item["pool"], item["device"]) for item in _held(request) if "shareID" in item}
    touched = {
        (item["driver"], item["pool"])
        for item in new
        if _draws(devices, item) and (item["driver"], item["pool"], item["device"]) not in before
    }
    for item in request["objects"]:
        if item["kind"] != "ResourceSlice":
            continue
        pool = item["spec"]["driver"], item["spec"]["pool"]["name"]
        for counter_set in item["spec"].get("sharedCounters", ()):
            for name, counter in counter_set["counters"].items():
                where = (*pool, counter_set["name"], name)
                if pool in touched:
                    assert drawn.get(where, 0) <= parse_quantity(counter["value"]).nanos, where


def _draws(devices: JsonObject, result: JsonObject) -> bool:
    return bool(devices[result["driver"], result["pool"], result["device"]].get("consumesCounters"))


def _held(request: JsonObject) -> list[JsonObject]:
    claims = [item for item in request["objects"] if item["kind"] == "ResourceClaim" and "status" in item]
    return [result for claim in claims for result in claim["status"]["allocation"]["devices"]["results"]]


def _has_constraints_or_all_mode(request: JsonObject) -> bool:
    text = str([item["spec"] for item in request["objects"] if item["kind"] == "ResourceClaim"])
    return "constraints" in text or "'All'" in text


def _pool_for_all(driver: str) -> JsonObject:
    slice_ = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": "further"},
        "spec": {
            "driver": driver,
            "pool": {"name": "further", "generation": 1, "resourceSliceCount": 1},
            "allNodes": True,
            "devices": [{"name": f"further-{number}"} for number in range(4)],
        },
    }
    parse(slice_)
    return slice_


def _with_allocations(request: JsonObject, allocations: list[JsonObject]) -> JsonObject:
    """The request with the allocations held by claims of others."""
    holders = [
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": f"first-{number}", "namespace": "other"},
            "spec": {},
            "status": {"allocation": allocation | {"devices": {"results": [], **allocation["devices"]}}},
        }
        for number, allocation in enumerate(allocations)
    ]
    return request | {"objects": [*request["objects"], *holders]}
