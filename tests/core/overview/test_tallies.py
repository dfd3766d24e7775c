"""The counts of the overview: kept up to date, they are what a new count gives."""

import random
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from app.core.model.parse import parse
from app.core.overview.groups import Sums, add_up
from app.core.overview.requests import Demands
from app.core.overview.tallies import Tallies, attribute_names, label_names
from app.core.pauses import on_pause
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.device_views import STATES
from app.core.state.state import State
from tests.objects import DRIVER, allocation, claim, device, device_class, node, slice_of, template
from tests.pausing import Meter

RULES = Rules(selectors=SelectorCache(), new_share_id=lambda: "share")


def state_of(*objects: Any) -> State:
    state = State()
    for item in objects:
        state.upsert(parse(item))
    return state


def held(name: str, at: str, *devices: str, namespace: str = "default") -> dict[str, Any]:
    return claim(name, len(devices), namespace=namespace) | {
        "status": {"allocation": allocation(at, *devices)}
    }


def counted(state: State, attribute: str = "model", driver: str = "") -> Sums:
    demands = Demands(state.request_mix, state, RULES)
    tallies = Tallies(state, attribute)
    tallies.refresh(demands)
    return add_up(tallies, state, demands, ["zone"], driver)


def gpus(count: int, model: str = "X") -> list[dict[str, Any]]:
    return [device(f"d{number}", model=model) for number in range(count)]


CLUSTER = (
    device_class(),
    node("a1", zone="a"),
    node("a2", zone="a"),
    node("b1", zone="b"),
    node("bare"),
    slice_of("a1", *gpus(4)),
    slice_of("a2", *gpus(4)),
    slice_of("b1", *gpus(2, "Y")),
    held("one", "a1", "d0", "d1", "d2"),
    held("two", "b1", "d1", namespace="team"),
)


def test_devices_add_up_by_everything() -> None:
    sums = counted(state_of(*CLUSTER))
    assert (sums.total.devices, sums.total.in_use, sums.total.free) == (10, 4, 6)
    assert (sums.total.largest, sums.total.largest_node, sums.total.nodes) == (4, "a2", 3)
    assert {name: (item.devices, item.in_use) for name, item in sums.drivers.items()} == {DRIVER: (10, 4)}
    assert {name: (item.devices, item.free, item.largest) for name, item in sums.values.items()} == {
        "X": (8, 5, 4),
        "Y": (2, 1, 1),
    }
    zones = sums.labels["zone"]
    assert {name: (item.devices, item.in_use, item.nodes) for name, item in zones.items()} == {
        "a": (8, 3, 2),
        "b": (2, 1, 1),
    }
    assert {name: item.by_driver for name, item in sums.namespaces.items()} == {
        "default": {DRIVER: 3},
        "team": {DRIVER: 1},
    }


def test_one_driver_alone() -> None:
    other = slice_of("a1", device("nic")) | {"metadata": {"name": "nics"}}
    other["spec"] = other["spec"] | {"driver": "net.example.com"}
    state = state_of(*CLUSTER, other)
    assert counted(state).total.devices == 11
    assert counted(state, driver="net.example.com").total.devices == 1
    assert list(counted(state, driver=DRIVER).drivers) == [DRIVER]


FRAGMENTS = (
    # What the mix requests, and of 3 + 1 + 1 free devices the share that is of no use, and what fits.
    ("only single devices", (1,), 0.0, [(1, 5)]),
    ("pairs", (2,), 2 / 5, [(2, 1)]),
    ("more than any node has", (4,), 1.0, [(4, 0)]),
    ("half of each", (1, 2), 1 / 5, [(1, 5), (2, 1)]),
)


@pytest.mark.parametrize(("_name", "counts", "fragmentation", "fits"), FRAGMENTS, ids=str)
def test_fragmentation_is_what_the_mix_cannot_use(
    _name: str, counts: tuple[int, ...], fragmentation: float, fits: list[tuple[int, int]]
) -> None:
    templates = [template(f"t{count}", count) for count in counts]
    nodes = [node(name) for name in ("n3", "n1", "m1")]
    slices = [slice_of("n3", *gpus(3)), slice_of("n1", *gpus(1)), slice_of("m1", *gpus(1))]
    sums = counted(state_of(device_class(), *templates, *nodes, *slices))
    found = sums.fragmentation()
    assert found == pytest.approx(fragmentation)
    assert sorted((room.count, room.fits) for room in sums.rooms) == fits


class Looked(dict[str, list[float]]):
    """Counts how often all are gone through."""

    times = 0

    def items(self) -> Any:
        self.times += 1
        return super().items()

    def values(self) -> Any:
        self.times += 1
        return super().values()


def test_the_fragmentation_of_one_driver_is_looked_up() -> None:
    sums = counted(state_of(device_class(), template("t", 2), node("n"), slice_of("n", *gpus(1))))
    sums.fragments = found = Looked(sums.fragments, other=[0.0, 1.0])
    assert [sums.fragmentation(name) for name in (DRIVER, "other", "unknown")] == [1.0, 0.0, None]
    assert found.times == 0
    assert sums.fragmentation() == 0.5


def test_taints_of_a_node_beyond_some_are_counted_together() -> None:
    devices = gpus(40)
    for number, item in enumerate(devices):
        item["taints"] = [{"key": "own", "value": str(number), "effect": "NoSchedule"}]
        item["taints"].append({"key": "all", "effect": "NoExecute"})
    tainted = counted(state_of(node("n"), slice_of("n", *devices))).tainted
    assert tainted["all:NoExecute", DRIVER] == 40
    assert tainted["own=0:NoSchedule", DRIVER] == 1
    assert len(tainted) == 33
    assert tainted["other", DRIVER] == 40 - 31


def test_the_devices_of_one_node_are_counted_with_pauses() -> None:
    state = state_of(node("n"), slice_of("n", *gpus(128)))
    meter = Meter()
    meter.measure(lambda: counted(state))
    assert meter.pauses >= 128 // 16
    assert meter.most < 1000, (meter.most, meter.where)


def test_slices_that_are_taken_back_at_a_pause_are_counted_again() -> None:
    slices = [slice_of("n", device("d0"), suffix=f"-{number}") for number in range(20)]
    for number, item in enumerate(slices):
        item["spec"]["pool"]["name"] = f"p{number}"
    state = state_of(node("n"), *slices)
    demands, tallies = Demands(state.request_mix, state, RULES), Tallies(state, "")
    pauses = count()

    def take_back(_cost: int) -> None:
        if next(pauses) == 5:  # in the midst of the slices
            for number in range(10, 20):
                state.delete("ResourceSlice", ("", f"n-slice-{number}"))

    with on_pause(take_back):
        tallies.refresh(demands)
    tallies.refresh(demands)
    assert add_up(tallies, state, demands, []).total.devices == 10


def test_a_request_for_all_devices_needs_a_node_with_none_in_use() -> None:
    everything = template("all")
    everything["spec"]["spec"]["devices"]["requests"][0]["exactly"] = {
        "deviceClassName": "gpu",
        "allocationMode": "All",
    }
    state = state_of(*CLUSTER[:8], everything)
    (room,) = counted(state).rooms
    assert (room.fits, room.unusable) == (3, 0)
    state.upsert(parse(held("one", "a1", "d0")))
    state.delete("ResourceClaimTemplate", ("default", "nothing"))
    room = next(room for room in counted(state).rooms if room.takes_all)
    assert (room.fits, room.unusable) == (2, 3)


def test_without_expected_requests_there_is_no_fragmentation() -> None:
    assert counted(state_of(node("n"), slice_of("n", *gpus(2)))).fragmentation() is None


DEAR = "device.attributes.all(d, device.attributes.all(e, device.attributes[e].all(x, x == x)))"


def test_selectors_without_a_bound_of_their_cost_are_not_evaluated_on_every_device() -> None:
    state = state_of(device_class(), node("n"), slice_of("n", *gpus(2)), claim("dear", expression=DEAR))
    assert Demands(state.request_mix, state, RULES).items == ()


def test_only_changed_nodes_are_counted_again() -> None:
    names = [f"n{number}" for number in range(50)]
    state = state_of(device_class(), *map(node, names), *(slice_of(name, *gpus(2)) for name in names))
    demands = Demands(state.request_mix, state, RULES)
    tallies = Tallies(state, "model")
    tallies.refresh(demands)
    before = tallies.counted
    assert before == 50
    state.upsert(parse(held("one", "n7", "d0")))
    tallies.refresh(demands)
    assert tallies.counted - before == 1
    tallies.refresh(demands)
    assert tallies.counted - before == 1


def test_what_was_assumed_is_counted_as_taken_once_it_is_confirmed() -> None:
    state = state_of(device_class(), node("n"), slice_of("n", *gpus(2)), claim("mine"))
    confirmed = parse(held("mine", "n", "d0"))
    demands = Demands(state.request_mix, state, RULES)
    tallies = Tallies(state, "")
    state.assume(("default", "mine"), confirmed.allocation)
    tallies.refresh(demands)
    assert add_up(tallies, state, demands, []).total.states[STATES.index("assumed")] == 1
    state.upsert(confirmed)
    state.forget(("default", "mine"))
    tallies.refresh(demands)
    total = add_up(tallies, state, demands, []).total
    assert (total.states[STATES.index("assumed")], total.states[STATES.index("taken")]) == (0, 1)


def plain(sums: Sums) -> Any:
    return (
        sums.total,
        sums.drivers,
        sums.values,
        sums.labels,
        {name: use.by_driver for name, use in sums.namespaces.items()},
        sorted(sums.tainted.items()),
        sums.nodes_gone,
        sums.rooms,
    )


def _changes(state: State, chance: random.Random) -> list[Callable[[], None]]:
    name = f"n{chance.randrange(6)}"
    slices, claims = f"{name}-slice", f"c{chance.randrange(8)}"
    tainted = device("d0", model="T") | {"taints": [{"key": "worn", "effect": "NoSchedule"}]}
    return [
        lambda: state.upsert(parse(node(name, zone=chance.choice("ab")))),
        lambda: state.delete("Node", ("", name)),
        lambda: state.upsert(
            parse(slice_of(name, *gpus(chance.randrange(1, 5)), generation=chance.randrange(3)))
        ),
        lambda: state.upsert(parse(slice_of(name, tainted, count=chance.randrange(1, 3)))),
        lambda: state.delete("ResourceSlice", ("", slices)),
        lambda: state.upsert(parse(held(claims, name, f"d{chance.randrange(4)}"))),
        lambda: state.delete("ResourceClaim", ("default", claims)),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_kept_counts_are_those_of_a_new_count(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed makes it repeatable
    state = state_of(device_class(), template("t"))
    demands = Demands(state.request_mix, state, RULES)
    tallies = Tallies(state, "model")
    for _ in range(60):
        chance.choice(_changes(state, chance))()
        if chance.random() < 0.4:
            tallies.refresh(demands)
            fresh = Tallies(state, "model")
            fresh.refresh(demands)
            kept, new = (add_up(item, state, demands, ["zone"]) for item in (tallies, fresh))
            assert plain(kept) == plain(new)


def test_what_one_may_group_by() -> None:
    many = [
        slice_of(f"n{number}", device("d", model="X", uuid=f"u{number}"), device("e", domain="x"))
        for number in range(60)
    ]
    state = state_of(*(node(f"n{number}", host=f"n{number}", zone="a") for number in range(60)), *many)
    assert attribute_names(state) == ["domain", "model"]
    assert label_names(state) == ["zone"]
