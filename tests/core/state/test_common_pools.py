"""Pools that nodes have in common: what each node sees is as if its pools were put together for it alone."""

import random
from collections.abc import Iterable, Sequence
from typing import Any
from weakref import ref

import pytest

from app.core.allocator.other_drivers import without_rejected
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.parse import InventoryObject, parse
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.state import common_pools, pool_viewers
from app.core.state.common_pools import NodePools
from app.core.state.pools import Generation, Pool, PoolError, gather_pools, newest_generation
from app.core.state.state import State
from app.core.verdicts.equivalence import EquivalenceClasses
from app.core.verdicts.slice_looks import SliceLooks
from app.core.versions import version_named
from tests.objects import DRIVER, claim, device, node, slice_of
from tests.pausing import Meter

ALL: dict[str, Any] = {"allNodes": True}
BROKEN = {"key": "zone", "operator": "Gt", "values": ["many"]}


def read(raw: Any) -> InventoryObject:
    item = parse(raw)
    assert isinstance(item, InventoryObject)
    return item


def selecting(key: str, *values: str) -> dict[str, Any]:
    expression = {"key": key, "operator": "In", "values": list(values)}
    return {"nodeSelector": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


def shared(pool: str, number: int = 0, driver: str = DRIVER, of: int = 1, **where: Any) -> Any:
    raw = slice_of("x", device(f"d{number}"), count=of, suffix=f"-{driver}-{pool}-{number}")
    del raw["spec"]["nodeName"]
    raw["spec"] |= {"driver": driver} | (where or ALL)
    raw["spec"]["pool"]["name"] = pool
    return raw


def in_pool(pool: str, raw: Any) -> Any:
    raw["spec"]["pool"]["name"] = pool
    return raw


def alone(state: State, target: Node, features: Features) -> tuple[Pool, ...]:
    """The pools of a node, of all slices that may concern it."""
    index = state.inventory
    tainted = features.device_taint_rules
    published = index.slices | (
        {item.meta.name: item for item in index.effective_slices()} if tainted else {}
    )

    def now(slices: Iterable[ResourceSlice]) -> list[ResourceSlice]:
        return [published[item.meta.name] for item in slices]

    slices = now((*index.node_slices(target.name), *index.shared_slices()))
    more = [item for item in published.values() if item.shared_counters and item not in slices]
    counting = more if features.channel.counters_everywhere else []

    def newest(pool: PoolId) -> Generation:
        return newest_generation(now(index.pool_slices(pool)), features)

    return gather_pools(target, (*slices, *counting), newest, features)


def seen(pools: Sequence[Pool]) -> list[Any]:
    return [
        (pool.id, pool.incomplete, pool.invalid_reason, [placed.device for placed in pool.devices])
        for pool in pools
    ]


def taint_rule(name: str, driver: str) -> Any:
    taint = {"key": "k", "value": "v", "effect": "NoSchedule"}
    spec = {"deviceSelector": {"driver": driver}, "taint": taint}
    api = "resource.k8s.io/v1beta2"
    return {"apiVersion": api, "kind": "DeviceTaintRule", "metadata": {"name": name}, "spec": spec}


def random_slice(rng: random.Random, number: int) -> Any:
    pool = f"p{rng.randrange(12)}"
    kind = rng.choice(["node", "all", "zone", "zone", "device", "counters"])
    of = rng.choice([1, 1, 2])
    driver = rng.choice(["a.example.com", DRIVER, "z.example.com"])
    if kind == "node":
        raw = in_pool(pool, slice_of(f"n{rng.randrange(6)}", device(f"d{number}"), count=of))
        raw["spec"]["driver"] = driver
    else:
        raw = shared(pool, number, driver, of)
    if kind == "zone":
        del raw["spec"]["allNodes"]
        raw["spec"] |= selecting("zone", *rng.sample("abc", 2))
    elif kind == "device":
        del raw["spec"]["allNodes"]
        raw["spec"]["perDeviceNodeSelection"] = True
        raw["spec"]["devices"][0] |= rng.choice([ALL, {"nodeName": "n1"}, selecting("zone", "a")])
    elif kind == "counters":
        del raw["spec"]["devices"]
        raw["spec"]["sharedCounters"] = [{"name": "s", "counters": {"c": {"value": "1"}}}]
    if rng.random() < 0.2 and kind == "all":
        raw["spec"]["devices"][0] |= {"bindingConditions": ["a"], "bindingFailureConditions": ["b"]}
    raw["metadata"]["name"] = f"s{rng.randrange(40)}"
    raw["spec"]["pool"]["generation"] = rng.choice([1, 1, 1, 2])
    return raw


@pytest.mark.parametrize("version", ["1.33", "1.34", "1.35", "1.37"])
@pytest.mark.parametrize("seed", range(9))
def test_each_node_sees_what_it_would_see_alone(
    version: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:
        monkeypatch.setattr(pool_viewers, "MAX_VIEWERS", 2)
        monkeypatch.setattr(common_pools, "MAX_CHANGED", 3)
    rng = random.Random(seed)  # noqa: S311 - repeatable
    features, state = Features.of(version_named(version)), State()
    for number in range(6):
        state.upsert(read(node(f"n{number}", zone="abc"[number % 3])))
    for number in range(120):
        state.upsert(read(random_slice(rng, number)))
        if rng.random() < 0.2:
            state.delete("ResourceSlice", ("", f"s{rng.randrange(40)}"))
        if rng.random() < 0.2:
            state.upsert(read(node(f"n{rng.randrange(6)}", zone=rng.choice("abc"))))
        if rng.random() < 0.1:
            state.upsert(read(taint_rule("r", rng.choice(["a.example.com", DRIVER]))))
        if number % (5, 1, 2)[seed % 3]:
            continue
        copied = state.fork()
        for name, target in rng.sample(list(state.nodes.items()), (6, 3, 1)[seed % 3]):
            expected = seen(alone(state, target, features))
            pools = state.inventory.pools(name, features)
            assert seen(pools) == expected
            for drivers in (frozenset({DRIVER}), frozenset({"a.example.com", "z.example.com"})):
                kept = without_rejected(pools, drivers, features)
                assert kept == without_rejected(tuple(pools), drivers, features)
                if isinstance(pools, NodePools):
                    assert pools.of_drivers(drivers) == [pool for pool in pools if pool.id.driver in drivers]
            assert seen(copied.inventory.pools(name, features)) == expected


def test_the_first_slice_with_a_malformed_selector_is_named() -> None:
    state = State()
    state.upsert(read(node("n1", zone="1")))
    broken = {"nodeSelector": {"nodeSelectorTerms": [{"matchExpressions": [BROKEN]}]}}
    state.upsert(read(shared("p", 0)))
    state.upsert(read(shared("q", 1, **broken)))
    state.upsert(read(shared("q", 2, **broken)))
    with pytest.raises(PoolError, match=r"slice x-slice-gpu\.example\.com-q-1: "):
        state.inventory.pools("n1", Features())
    state.delete("ResourceSlice", ("", f"x-slice-{DRIVER}-q-1"))
    state.delete("ResourceSlice", ("", f"x-slice-{DRIVER}-q-2"))
    assert len(state.inventory.pools("n1", Features())) == 1


def with_many(nodes: int, slices: int) -> State:
    state = State()
    for number in range(nodes):
        state.upsert(read(node(f"n{number}", zone="ab"[number % 2])))
        state.upsert(read(slice_of(f"n{number}", device("d", size="big"))))
    for number in range(slices):
        where = (ALL, selecting("zone", "a"), selecting("name", f"x{number}"))[number % 3]
        state.upsert(read(shared(f"p{number:04}", number, "s.example.com", **where)))
    return state


def classes_of(state: State) -> EquivalenceClasses:
    return EquivalenceClasses(state, Features(), frozenset(), None, SliceLooks())


def test_nodes_do_not_go_through_what_they_have_in_common_each() -> None:
    nodes, slices = 60, 900
    state, meter = with_many(nodes, slices), Meter()
    classes = classes_of(state)
    for name in state.nodes:
        classes.key(name)
    state.upsert(read(shared("p0000", 0, "s.example.com")))
    meter.measure(lambda: [classes.key(name) for name in state.nodes])
    assert meter.total < 100 * slices + 200 * nodes, "not slices times nodes"
    assert meter.most < 12_000, meter.where


def test_nodes_that_see_the_same_are_one_class_until_something_is_taken_of_it() -> None:
    state = with_many(6, 30)
    classes = classes_of(state)

    def of_nodes() -> list[set[str]]:
        found: dict[Any, set[str]] = {}
        for name in state.nodes:
            found.setdefault(classes.key(name), set()).add(name)
        return list(found.values())

    assert of_nodes() == [{"n0", "n2", "n4"}, {"n1", "n3", "n5"}]
    before = {name: classes.key(name) for name in state.nodes}
    held = claim("c")
    result = {"request": "r", "driver": "s.example.com", "pool": "p0001", "device": "d1"}
    held["status"] = {"allocation": {"devices": {"results": [result]}}}
    state.upsert(read(held))
    changed = {name for name in state.nodes if classes.key(name) != before[name]}
    assert changed == {"n0", "n2", "n4"}, "the pool is for zone a"
    assert of_nodes() == [{"n0", "n2", "n4"}, {"n1", "n3", "n5"}]


def test_where_an_own_pool_is_among_the_common_ones_matters() -> None:
    state = State()
    for name in ("a", "c"):
        state.upsert(read(node(name)))
        state.upsert(read(slice_of(name, device("d"))))
    state.upsert(read(shared("b")))
    classes = classes_of(state)
    assert [pool.id.pool for pool in state.inventory.pools("a", Features())] == ["a", "b"]
    assert [pool.id.pool for pool in state.inventory.pools("c", Features())] == ["b", "c"]
    assert classes.key("a") != classes.key("c")


def test_what_is_taken_of_a_common_pool_is_gone_through_once_with_pauses() -> None:
    state, meter = State(), Meter()
    for number in range(20):
        state.upsert(read(node(f"n{number}")))
    of = 8
    for part in range(of):
        raw = shared("p", part, of=of)
        raw["spec"]["devices"] = [
            device(f"d{part}-{number}") | {"allowMultipleAllocations": True} for number in range(128)
        ]
        state.upsert(read(raw))
    names = [f"d{part}-{number}" for part in range(of) for number in range(128)]
    classes = classes_of(state)
    for at in range(0, len(names), 32):
        held = claim(f"c{at}")
        consumed = {f"{DRIVER}/m{number}": "1" for number in range(16)}
        held["status"] = {
            "allocation": {
                "devices": {
                    "results": [
                        {"request": "r", "driver": DRIVER, "pool": "p", "device": name, "shareID": "s"}
                        | {"consumedCapacity": consumed}
                        for name in names[at : at + 32]
                    ]
                }
            }
        }
        state.upsert(read(held))
    meter.measure(lambda: [classes.key(name) for name in state.nodes])
    assert meter.total < 100_000, "1,024 devices with 16 amounts each, once"
    assert meter.most < 20_000, meter.where


def test_common_pools_that_have_not_changed_are_used_again() -> None:
    state = with_many(4, 30)
    before = {pool.id: ref(pool) for pool in state.inventory.pools("n0", Features())}
    for generation in (2, 3):  # the second comes before anybody has looked
        raw = shared("p0000", 0, "s.example.com")
        raw["spec"]["pool"]["generation"] = generation
        state.upsert(read(raw))
        state.inventory.free_outdated()
    after = state.inventory.pools("n0", Features())
    changed = {pool.id.pool for pool in after if before[pool.id]() is not pool}
    assert changed == {"p0000"}
    assert len(after) > 10


def test_pools_that_have_not_changed_are_not_made_up_again() -> None:
    state, meter = with_many(1, 1_000), Meter()
    state.inventory.pools("n0", Features())
    raw = shared("p0000", 0, "s.example.com")
    raw["spec"]["pool"]["generation"] = 2
    state.upsert(read(raw))
    state.inventory.free_outdated()
    pools = meter.measure(lambda: state.inventory.pools("n0", Features()))
    assert len(pools) == 668, "of this node, for all nodes, and of its zone"
    assert meter.total < 5_000, "some 5 calls for each, to find the place of the changed one"


def test_common_pools_stay_when_a_pool_changes_that_is_not_in_common() -> None:
    state = with_many(2, 30)
    before = [state.inventory.pools(name, Features()) for name in ("n0", "n1")]
    raw = shared("own", perDeviceNodeSelection=True)
    raw["spec"]["devices"][0]["nodeName"] = "n1"
    state.upsert(read(raw))
    after = [state.inventory.pools(name, Features()) for name in ("n0", "n1")]
    for one, other in zip(before, after, strict=True):
        assert isinstance(one, NodePools)
        assert isinstance(other, NodePools)
        assert one.common is other.common
    assert [len(pools) for pools in after] == [len(before[0]), len(before[1]) + 1]


def test_common_pools_that_a_node_did_not_need_meanwhile_have_all_changes() -> None:
    state = with_many(2, 30)
    before = {name: state.inventory.pools(name, Features()) for name in state.nodes}
    for number in range(3):
        raw = shared(f"p000{3 * number}", 3 * number, "s.example.com")
        raw["spec"]["pool"]["generation"] = 2
        state.upsert(read(raw))
        state.inventory.pools("n0", Features())
    after = state.inventory.pools("n1", Features())
    assert [pool.id for pool in after] == [pool.id for pool in before["n1"]]
    changed = {new.id.pool for new, old in zip(after, before["n1"], strict=True) if new is not old}
    assert changed == {"p0000", "p0003", "p0006"}


def test_common_pools_that_no_node_needs_any_more_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_pools, "MAX_MADE", 2)
    state, made = State(), []
    for number in range(12):
        state.upsert(read(node(f"n{number}", zone=f"z{number}")))
        state.upsert(read(shared(f"p{number}", **selecting("zone", f"z{number}"))))
    for number in range(12):
        state.upsert(read(shared("all", number)))
        pools = state.inventory.pools(f"n{number}", Features())
        assert isinstance(pools, NodePools)
        made.append(ref(pools.common))
    del pools
    state.inventory.free_outdated()
    assert sum(common() is not None for common in made) <= 2 * 2, (
        "those now, and those before the last change"
    )


def test_own_pools_are_not_gone_through_when_common_ones_change() -> None:
    state, meter = with_many(1, 3), Meter()
    for number in range(500):
        raw = in_pool(f"q{number}", slice_of("n0", device("d"), suffix=f"-{number}"))
        state.upsert(read(raw))
    before = state.inventory.pools("n0", Features())
    state.upsert(read(shared("p0000", 0, "s.example.com")))
    after = meter.measure(lambda: state.inventory.pools("n0", Features()))
    assert [pool.id for pool in after] == [pool.id for pool in before]
    assert len(after) == 503
    assert meter.total < 2_500, "some 3 calls for each, to find its place among the common ones"


def test_own_pools_are_kept_where_a_pool_has_slices_of_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_viewers, "MAX_VIEWERS", 2)
    state, names = State(), ["n0", "n1", "n2"]

    def part(number: int, generation: int = 1) -> Any:
        raw = in_pool("parts", slice_of(f"n{number}", device("d"), count=3, suffix=f"-{number}"))
        raw["spec"]["pool"]["generation"] = generation
        return read(raw)

    for number, name in enumerate(names):
        state.upsert(read(node(name)))
        state.upsert(part(number))

    def pools() -> list[Pool]:
        state.upsert(read(shared("all")))
        return [state.inventory.pools(name, Features())[-1] for name in names]

    before = pools()
    assert all(one is other for one, other in zip(before, pools(), strict=True))
    state.upsert(part(2, generation=2))
    after = [state.inventory.pools(name, Features()) for name in names]
    assert [[pool.id.pool for pool in of_node] for of_node in after] == [["all"], ["all"], ["all", "parts"]]
    assert after[2][1].incomplete


def test_pools_of_a_node_that_is_gone_are_not_kept() -> None:
    state = with_many(2, 3)
    own = ref(next(pool for pool in state.inventory.pools("n0", Features()) if pool.id.pool == "n0"))
    state.upsert(read(shared("p0000", 0, "s.example.com")))
    state.delete("ResourceSlice", ("", "n0-slice"))
    state.delete("Node", ("", "n0"))
    state.inventory.free_outdated()
    state.inventory.pools("n1", Features())
    assert own() is None


def test_nodes_that_have_little_in_common_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_pools, "MAX_MADE", 2)
    state = State()
    for number in range(5):
        state.upsert(read(node(f"n{number}", zone=f"z{number}")))
        state.upsert(read(shared(f"p{number}", **selecting("zone", f"z{number}"))))
    for number in range(5):
        assert [pool.id.pool for pool in state.inventory.pools(f"n{number}", Features())] == [f"p{number}"]


def test_common_pools_of_other_drivers_are_left_out_once_for_all_nodes() -> None:
    state, drivers = with_many(4, 600), frozenset({DRIVER})
    of_nodes = [state.inventory.pools(f"n{number}", Features()) for number in (0, 2)]
    meters = [Meter(), Meter()]
    for meter, pools in zip(meters, of_nodes, strict=True):
        kept = meter.measure(lambda pools=pools: without_rejected(pools, drivers, Features()))
        assert [pool.id.driver for pool in kept] == [DRIVER]
        assert len(pools) == 401
    assert meters[0].total > 400
    assert meters[1].total < 50
