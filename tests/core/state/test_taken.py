from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.allocation import AllocatedDevice, Allocation
from app.core.model.features import Features
from app.core.model.parse import InventoryObject, parse
from app.core.model.quantity import Quantity
from app.core.model.resource_slice import DeviceId, PoolId
from app.core.state.double_allocations import overdrawn
from app.core.state.state import State
from app.core.state.taken import PoolTaken, release, take
from tests.objects import node, slice_of
from tests.pausing import Meter

POOL = PoolId("d", "p")


def read(raw: Any) -> InventoryObject:
    item = parse(raw)
    assert isinstance(item, InventoryObject)
    return item


def whole(name: str) -> AllocatedDevice:
    return AllocatedDevice("r", DeviceId("d", "p", name))


def share(name: str, share_id: str, amount: int) -> AllocatedDevice:
    consumed = (("memory", Quantity(amount)),)
    return AllocatedDevice("r", DeviceId("d", "p", name), share_id=share_id, consumed_capacity=consumed)


def test_a_whole_device_is_taken_until_the_claim_lets_go() -> None:
    taken: dict[PoolId, PoolTaken] = {}
    take(taken, ("ns", "a"), [whole("x")])
    assert taken[POOL].whole == {"x"}
    assert taken[POOL].is_allocated("x")
    release(taken, ("ns", "a"), [whole("x")])
    assert taken == {}


def test_a_device_given_to_two_claims_stays_taken_when_one_lets_go() -> None:
    taken: dict[PoolId, PoolTaken] = {}
    take(taken, ("ns", "a"), [whole("x")])
    take(taken, ("ns", "b"), [whole("x")])
    release(taken, ("ns", "a"), [whole("x")])
    assert taken[POOL].whole == {"x"}
    assert [holding.claim for holding in taken[POOL].holdings["x"]] == [("ns", "b")]


def test_what_a_claim_does_not_hold_is_not_released() -> None:
    """It is a defect, and would end a generator around it if it were a StopIteration."""
    taken: dict[PoolId, PoolTaken] = {}
    take(taken, ("ns", "a"), [whole("x")])
    with pytest.raises(KeyError):
        release(taken, ("ns", "b"), [whole("x")])
    assert taken[POOL].whole == {"x"}


def test_shares_add_up_and_admin_access_takes_nothing() -> None:
    taken: dict[PoolId, PoolTaken] = {}
    take(taken, ("ns", "a"), [share("x", "1", 3), share("x", "2", 4)])
    take(taken, ("ns", "b"), [AllocatedDevice("r", DeviceId("d", "p", "y"), admin_access=True)])
    assert taken[POOL].shared == {"x"}
    assert taken[POOL].whole == frozenset()
    assert taken[POOL].capacity == {"x": {"memory": 7}}
    assert not taken[POOL].is_allocated("y")
    release(taken, ("ns", "a"), [share("x", "1", 3), share("x", "2", 4)])
    assert not taken[POOL].is_allocated("x")


devices = st.one_of(
    st.builds(whole, st.sampled_from("abc")),
    st.builds(share, st.sampled_from("abc"), st.sampled_from("123"), st.integers(0, 9)),
)


@given(st.lists(st.tuples(st.sampled_from("mn"), st.lists(devices, max_size=4)), max_size=6), st.randoms())
def test_letting_go_in_any_order_frees_everything(
    claims: list[tuple[str, list[AllocatedDevice]]], random: st.DataObject
) -> None:
    taken: dict[PoolId, PoolTaken] = {}
    for name, held in claims:
        take(taken, ("ns", name), held)
    for name, held in sorted(claims, key=lambda _: random.random()):  # type: ignore[attr-defined]
        release(taken, ("ns", name), held)
    assert taken == {}


@given(st.lists(st.tuples(st.sampled_from("mn"), st.lists(devices, max_size=4)), max_size=6), st.randoms())
def test_what_is_taken_follows_from_the_holdings(
    claims: list[tuple[str, list[AllocatedDevice]]], random: Any
) -> None:
    taken: dict[PoolId, PoolTaken] = {}
    held = [(("ns", name), found) for name, found in claims]
    for claim, found in held:
        take(taken, claim, found)
        check(taken)
    random.shuffle(held)
    for claim, found in held:
        release(taken, claim, found)
        check(taken)


def check(taken: dict[PoolId, PoolTaken]) -> None:
    pool = taken.get(POOL, PoolTaken({}))
    items = [(name, item) for name, holdings in pool.holdings.items() for item in holdings]
    assert pool.whole == {name for name, item in items if item.share_id is None}
    assert pool.shared == {name for name, item in items if item.share_id is not None}
    capacity: dict[str, dict[str, int]] = {}
    for name, item in items:
        for key, nanos in item.consumed:
            amounts = capacity.setdefault(name, {})
            amounts[key] = amounts.get(key, 0) + nanos
    assert pool.capacity == capacity


@pytest.mark.parametrize("make", [whole, lambda name: share(name, "1", 1)])
def test_a_claim_costs_its_own_devices_not_all_of_the_pool(make: Callable[[str], AllocatedDevice]) -> None:
    taken: dict[PoolId, PoolTaken] = {}
    take(taken, ("ns", "others"), [make(f"d{number}") for number in range(3_000)])
    mine = [make(f"e{number}") for number in range(32)]
    meter = Meter()
    meter.measure(lambda: take(taken, ("ns", "mine"), mine))
    meter.measure(lambda: release(taken, ("ns", "mine"), mine))
    assert meter.most < 3_000, meter.where


def test_a_share_costs_its_own_amounts_not_those_of_all_shares() -> None:
    taken: dict[PoolId, PoolTaken] = {}
    for number in range(500):
        take(taken, ("ns", f"c{number}"), [share("x", f"{number}", 1)])
    meter = Meter()
    meter.measure(lambda: take(taken, ("ns", "mine"), [share("x", "mine", 1)]))
    assert meter.most < 100, meter.where


def _many_shares(devices: int) -> tuple[dict[PoolId, PoolTaken], list[AllocatedDevice]]:
    """Of devices with 16 capacities each, named with the domain of the driver."""
    consumed = tuple((f"d/m{number}", Quantity(1)) for number in range(16))
    given = [
        AllocatedDevice("r", DeviceId("d", "p", f"x{number}"), share_id="1", consumed_capacity=consumed)
        for number in range(devices)
    ]
    taken: dict[PoolId, PoolTaken] = {}
    take(taken, ("ns", "a"), given)
    return taken, given


def test_what_thousands_of_devices_have_left_is_found_out_with_pauses() -> None:
    (taken, _), meter = _many_shares(1_000), Meter()
    found = meter.measure(lambda: taken[POOL].by_short_names("d"))
    assert found == {f"x{number}": {f"m{at}": 1 for at in range(16)} for number in range(1_000)}
    assert meter.total > 16_000
    assert meter.most < 4_000, meter.where
    assert taken[POOL].by_short_names("e") is taken[POOL].capacity


def test_whether_shares_exceed_a_device_costs_those_of_that_device() -> None:
    (taken, given), meter = _many_shares(1_000), Meter()
    raw = slice_of(
        "n", *({"name": f"x{number}", "allowMultipleAllocations": True} for number in range(1_000))
    )
    raw["spec"] |= {"driver": "d", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 1}}
    state = State()
    for item in (node("n"), raw):
        state.upsert(read(item))
    pools = state.inventory.pools("n", Features())
    allocation = Allocation(devices=tuple(given[:32]))
    assert meter.measure(lambda: overdrawn(taken, [allocation], pools)) is False
    assert meter.total < 10_000


def test_many_shares_of_a_device_are_given_back_in_one_pass_over_its_holders() -> None:
    taken: dict[PoolId, PoolTaken] = {}
    others = [share("x", f"{number}", 0) for number in range(2_000)]
    take(taken, ("ns", "others"), others)
    before = taken[POOL]
    # Whether others consume some of it is known from all of them alone.
    mine = [replace(item, consumed_capacity=(("only-mine", Quantity(0)),)) for item in others[:32]]
    take(taken, ("ns", "mine"), mine)
    meter = Meter()
    meter.measure(lambda: release(taken, ("ns", "mine"), mine))
    assert taken[POOL] == before
    assert taken[POOL].capacity == {"x": {"memory": 0}}
    assert 32 < meter.most < 5_000, meter.where


def test_a_share_that_the_claim_does_not_hold_is_not_given_back() -> None:
    taken: dict[PoolId, PoolTaken] = {}
    take(taken, ("ns", "a"), [share("x", "1", 1)])
    with pytest.raises(KeyError):
        release(taken, ("ns", "a"), [share("x", "1", 1), share("x", "1", 1)])
    assert taken[POOL].capacity == {"x": {"memory": 1}}
