from collections.abc import Iterable
from dataclasses import fields
from typing import Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model.allocation import Allocation, read_allocation
from app.core.model.features import Features
from app.core.model.parse import InventoryObject, parse
from app.core.model.resource_claim import ConsumerReference, ResourceClaim, ResourceClaimTemplate
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.pauses import on_pause
from app.core.state import inventory
from app.core.state.pools import Generation, Pool
from app.core.state.state import MAX_MATCHED, State
from app.core.versions import version_named
from tests.node_allocatable import mapped, using
from tests.objects import DRIVER, allocation, claim, device, node, pod, slice_of, template
from tests.pausing import Meter

KEY = ("default", "c")
POOL = PoolId(DRIVER, "n1")
FEATURES = Features()


def read(raw: dict[str, Any]) -> InventoryObject:
    item = parse(raw)
    assert isinstance(item, InventoryObject)
    return item


def claim_at(version: int, held: dict[str, Any] | None = None, uid: str = "uid-c") -> ResourceClaim:
    raw = claim("c") | {"status": {"allocation": held} if held else {}}
    raw["metadata"] |= {"resourceVersion": str(version), "uid": uid}
    item = read(raw)
    assert isinstance(item, ResourceClaim)
    return item


def held_on(node_name: str, *devices: str) -> Allocation:
    return read_allocation(allocation(node_name, *devices))


def state_with(*items: dict[str, Any]) -> State:
    state = State()
    for item in items:
        state.upsert(read(item))
    return state


def names_taken(state: State) -> set[str]:
    return {name for pool in state.taken.values() for name in pool.whole}


def test_an_assumed_device_is_taken_at_once_and_free_again_when_forgotten() -> None:
    state = state_with(claim("c"))
    state.assume(KEY, held_on("n1", "d0"), {"u": ConsumerReference("", "pods", "p", "u")})
    assert names_taken(state) == {"d0"}
    assumed = state.claim(KEY)
    assert assumed is not None
    assert assumed.allocation == held_on("n1", "d0")
    assert [consumer.uid for consumer in assumed.reserved_for] == ["u"]
    state.forget(KEY, "u")
    assert state.taken == {}
    assert state.assumed == {}


def test_a_write_of_what_was_assumed_makes_no_node_look_different() -> None:
    state = state_with(node("n1"), slice_of("n1", device("d0"), device("d1")), claim("c"))
    state.assume(KEY, held_on("n1", "d0"))
    position, taken = state.inventory.changes.position, state.taken[POOL]
    state.put_written(claim_at(9, allocation("n1", "d0")))
    state.forget(KEY)
    assert state.inventory.changes.position == position
    assert state.taken[POOL] is taken
    state.put_written(claim_at(10, allocation("n1", "d1")))
    assert state.inventory.changes.position > position
    assert names_taken(state) == {"d1"}


def test_forgetting_one_of_two_pods_keeps_the_allocation_assumed() -> None:
    state = state_with(claim("c"))
    state.assume(KEY, held_on("n1", "d0"), {"u": ConsumerReference("", "pods", "p", "u")})
    state.assume(KEY, held_on("n1", "d0"), {"v": ConsumerReference("", "pods", "q", "v")})
    state.forget(KEY, "u")
    assert names_taken(state) == {"d0"}
    state.forget(KEY, "v")
    assert state.taken == {}


def test_what_is_assumed_for_one_pod_of_a_group_is_for_the_other_too_and_the_group_is_one_user() -> None:
    state = state_with(claim("c"))
    group = ConsumerReference("scheduling.k8s.io", "podgroups", "g", "group")
    for uid in "uv":
        state.assume(KEY, held_on("n1", "d0"), {uid: group})
    assumed = state.claim(KEY)
    assert assumed is not None
    assert assumed.reserved_for == (group,)
    state.forget(KEY, "u")
    assert names_taken(state) == {"d0"}
    state.forget(KEY, "v")
    assert state.taken == {}


def test_events_from_before_our_write_do_not_free_the_devices() -> None:
    state = State()
    state.upsert(claim_at(5))
    state.assume(KEY, held_on("n1", "d0"))
    state.put_written(claim_at(9, allocation("n1", "d0")))
    state.forget(KEY)
    state.upsert(claim_at(7))  # a watch event that was under way
    assert names_taken(state) == {"d0"}
    state.upsert(claim_at(9, allocation("n1", "d0")))
    assert names_taken(state) == {"d0"}
    state.upsert(claim_at(12))  # released since
    assert names_taken(state) == set()


def test_an_answer_to_a_write_does_not_bring_back_a_claim_whose_deletion_came_first() -> None:
    state = State()
    state.upsert(claim_at(5))
    state.delete("ResourceClaim", KEY)
    state.put_written(claim_at(9, allocation("n1", "d0")))
    assert state.claim(KEY) is None
    assert state.taken == {}


def test_nothing_assumed_of_a_deleted_claim_holds_for_one_of_the_same_name() -> None:
    state = State()
    state.upsert(claim_at(5))
    state.assume(KEY, held_on("n1", "d0"))
    state.upsert(claim_at(8, uid="another"))
    assert state.taken == {}
    assert state.assumed == {}


def test_a_fork_does_not_change_its_origin() -> None:
    state = state_with(node("n1"), slice_of("n1", device("d0")), claim("c"), pod("p", "c"))
    before = (
        state.revision,
        dict(state.taken),
        dict(state.nodes),
        len(state.inventory.pools("n1", FEATURES)),
    )
    fork = state.fork()
    fork.assume(KEY, held_on("n1", "d0"))
    fork.upsert(read(slice_of("n1", device("d0"), device("d1"))))
    fork.delete("Node", ("", "n1"))
    after = (state.revision, dict(state.taken), dict(state.nodes), len(state.inventory.pools("n1", FEATURES)))
    assert after == before
    assert len(state.inventory.pools("n1", FEATURES)[0].devices) == 1


def test_one_changed_slice_among_many_touches_its_own_node_only() -> None:
    state = state_with(*(item for i in range(50) for item in (node(f"n{i}"), slice_of(f"n{i}", device("d")))))
    for name in state.nodes:
        state.inventory.pools(name, FEATURES)
    kept = {name: state.inventory.pools(name, FEATURES) for name in state.nodes}
    before = state.inventory.touched
    state.upsert(read(slice_of("n7", device("d"), device("e"), generation=2)))
    # Old and new slice of one node.
    assert state.inventory.touched - before <= 2
    changed = {name for name in state.nodes if state.inventory.pools(name, FEATURES) is not kept[name]}
    assert changed == {"n7"}


def test_a_slice_for_all_nodes_reaches_every_node_and_leaves_them_again() -> None:
    state = state_with(node("n1"), node("n2"))
    raw = slice_of("n1", device("net"))
    del raw["spec"]["nodeName"]
    raw["spec"]["allNodes"] = True
    state.upsert(read(raw))
    assert [len(state.inventory.pools(name, FEATURES)) for name in ("n1", "n2")] == [1, 1]
    state.delete("ResourceSlice", ("", "n1-slice"))
    assert [len(state.inventory.pools(name, FEATURES)) for name in ("n1", "n2")] == [0, 0]


def test_the_pools_of_all_nodes_are_freed_with_pauses_after_they_have_changed_at_once() -> None:
    names = [f"n{index}" for index in range(100)]
    state = state_with(*map(node, names), *(slice_of(name, device("d")) for name in names))
    assert [len(state.inventory.pools(name, FEATURES)) for name in names] == [1] * 100
    shared = slice_of("shared", device("s"))
    del shared["spec"]["nodeName"]
    state.upsert(read(shared | {"spec": shared["spec"] | {"allNodes": True}}))
    assert [len(state.inventory.pools(name, FEATURES)) for name in names] == [2] * 100
    pauses: list[int] = []
    with on_pause(pauses.append):
        state.inventory.free_outdated()
    assert len(pauses) == 100 // 8
    with on_pause(pauses.append):
        state.inventory.free_outdated()
    assert len(pauses) == 100 // 8, "nothing is left"


def test_new_labels_of_a_node_open_devices_to_it() -> None:
    raw = slice_of("n1", device("net"))
    del raw["spec"]["nodeName"]
    requirement = {"key": "rack", "operator": "In", "values": ["r1"]}
    raw["spec"]["nodeSelector"] = {"nodeSelectorTerms": [{"matchExpressions": [requirement]}]}
    state = state_with(node("n1"), raw)
    assert list(state.inventory.pools("n1", FEATURES)) == []
    state.upsert(read(node("n1", rack="r1")))
    assert len(state.inventory.pools("n1", FEATURES)) == 1


def test_a_taint_rule_is_laid_over_devices_and_taken_away_with_the_rule() -> None:
    rule = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceTaintRule",
        "metadata": {"name": "ecc"},
        "spec": {
            "deviceSelector": {"driver": DRIVER, "pool": "n1", "device": "d0"},
            "taint": {"key": "ecc", "effect": "NoSchedule"},
        },
    }
    state = state_with(node("n1"), slice_of("n1", device("d0"), device("d1")))

    def taints() -> list[int]:
        return [len(item.device.taints) for item in state.inventory.pools("n1", FEATURES)[0].devices]

    assert taints() == [0, 0]
    state.upsert(read(rule))
    assert taints() == [1, 0]
    state.delete("DeviceTaintRule", ("", "ecc"))
    assert taints() == [0, 0]


def _of_all_nodes(raw: dict[str, Any]) -> dict[str, Any]:
    spec = {key: value for key, value in raw["spec"].items() if key != "nodeName"}
    return raw | {"spec": spec | {"allNodes": True}}


LOGGED = {
    "no device takes any": ([slice_of("n1", device("a"))], set()),
    "a device of the node": ([slice_of("n1", mapped("a", "1"))], {"n1"}),
    "a device of all nodes": ([_of_all_nodes(slice_of("n1", mapped("a", "1")))], {"n1", "n2"}),
    "a device that is gone": ([slice_of("n1", mapped("a", "1")), slice_of("n1", device("a"))], set()),
}


@pytest.mark.parametrize(("slices", "logged"), LOGGED.values(), ids=LOGGED)
def test_the_end_of_a_pod_is_logged_where_devices_take_of_the_node(
    slices: list[dict[str, Any]], logged: set[str]
) -> None:
    state = state_with(node("n1"), node("n2"), *slices)
    for name in ("n1", "n2"):
        raw = using(f"on-{name}", cpu="1")
        state.upsert(read(raw | {"spec": raw["spec"] | {"nodeName": name}}))
    before, fork = state.inventory.changes.position, state.fork()
    for each in (state, fork):
        for name in ("n1", "n2"):
            each.delete("Pod", ("default", f"on-{name}"))
        assert each.inventory.changes.since(before) == logged


def test_what_pods_take_of_a_node_ends_with_the_pods() -> None:
    raw = pod("p")
    raw["spec"] |= {"nodeName": "n1"}
    raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "500m"}}
    state = state_with(raw)
    assert state.usage.of("n1") == {"pods": 10**9, "cpu": 5 * 10**8}
    state.upsert(read(raw | {"status": {"phase": "Succeeded"}}))
    assert dict(state.usage.of("n1")) == {}


def test_of_the_attributes_that_templates_match_by_the_first_count() -> None:
    state = State()
    for number in range(200):
        raw = template(f"t{number}")
        raw["spec"]["spec"]["devices"]["constraints"] = [{"matchAttribute": f"a.b/x{number}"}]
        state.upsert(read(raw))
    assert state.matched_attributes == {f"a.b/x{number}" for number in range(MAX_MATCHED)}
    state.delete("ResourceClaimTemplate", ("default", "t3"))
    assert state.matched_attributes == {f"a.b/x{number}" for number in range(MAX_MATCHED + 1) if number != 3}


def test_resources_that_pods_named_are_forgotten_with_them() -> None:
    state = State()
    for number in range(20):
        raw = pod(f"p{number}")
        limits = {f"example.com/r{number}-{name}": str(name % 2) for name in range(100)}
        raw["spec"] |= {"nodeName": "n1", "containers": [{"name": "c", "resources": {"limits": limits}}]}
        state.upsert(read(raw))
        if number:
            assert len(state.usage.of("n1")) < 150
            state.delete("Pod", ("default", f"p{number}"))


@pytest.mark.parametrize(
    "kind", ["Node", "ResourceSlice", "DeviceClass", "DeviceTaintRule", "ResourceClaim", "Pod"]
)
def test_deleting_what_is_not_there_is_no_error(kind: str) -> None:
    State().delete(kind, ("default", "nobody"))


@given(st.permutations(range(6)))
def test_the_order_in_which_objects_arrive_does_not_matter(order: list[int]) -> None:
    items = [
        node("n1"),
        node("n2"),
        slice_of("n1", device("a"), count=2, suffix="-a"),
        slice_of("n1", device("b"), count=2, suffix="-b"),
        slice_of("n2", device("c")),
        claim("c") | {"status": {"allocation": allocation("n1", "a")}},
    ]
    state = state_with(*(items[index] for index in order))
    pools = state.inventory.pools("n1", FEATURES)
    assert [item.device.name for item in pools[0].devices] == ["a", "b"]
    assert names_taken(state) == {"a"}


def test_what_a_write_of_ours_has_told_is_an_echo_once_and_news_is_not() -> None:
    state = State()
    state.upsert(claim_at(5))
    state.put_written(claim_at(9, allocation("n1", "d0")))
    uid = claim_at(9).meta.uid
    assert state.is_echo(KEY, uid, "8")
    assert state.is_echo(KEY, uid, "9")
    assert not state.is_echo(KEY, uid, "9")
    state.put_written(claim_at(11, allocation("n1", "d0")))
    assert not state.is_echo(KEY, uid, "12")
    assert not state.is_echo(KEY, "another", "10")
    assert not state.is_echo(KEY, uid, "unreadable")
    assert not state.is_echo(("default", "unknown"), uid, "10")


@pytest.mark.parametrize("version", ["", "abc", "-1", "1.5", "٣", "9" * 5000])
def test_a_claim_from_a_file_may_have_any_version(version: str) -> None:
    raw = claim("c") | {"status": {"allocation": allocation("n1", "d0")}}
    raw["metadata"]["resourceVersion"] = version
    assert names_taken(state_with(raw, raw)) == {"d0"}


def test_a_pool_of_many_nodes_is_changed_for_all_of_them_at_once() -> None:
    """Slice by slice, each would be all nodes that have come before it."""
    state = State()
    for number in range(1_000):
        raw = slice_of(f"n{number}", device("d"), count=1_000)
        raw["spec"]["pool"]["name"] = "fabric"
        item = parse(raw)
        assert isinstance(item, InventoryObject)
        state.upsert(item)
    assert state.inventory.touched <= 64 * 65


@pytest.mark.parametrize("missing", [0, 1])
def test_a_pool_of_many_nodes_is_put_together_once_for_all_of_them(
    missing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Node by node, each would be all of its slices."""
    nodes = [f"n{number}" for number in range(200)]
    state = state_with(*map(node, nodes))
    for name in nodes[missing:]:
        raw = slice_of(name, device(name), count=len(nodes))
        raw["spec"]["pool"]["name"] = "fabric"
        state.upsert(read(raw))
    made: list[int] = []
    newest = inventory.newest_generation

    def counted(slices: Iterable[ResourceSlice], features: Features) -> Generation:
        every = tuple(slices)
        made.append(len(every))
        return newest(every, features)

    monkeypatch.setattr(inventory, "newest_generation", counted)
    found = [pool for name in nodes for pool in state.inventory.pools(name, Features())]
    assert [pool.incomplete for pool in found] == [bool(missing)] * len(found)
    assert [placed.id.device for pool in found for placed in pool.devices] == ([] if missing else nodes)
    assert made == ([] if missing else [len(nodes)])


def shared(number: int, count: int, devices: int = 64, version: int = 1, **selection: Any) -> dict[str, Any]:
    """One of the slices of a pool that belongs to no node."""
    names = (f"d{number}-{index}" for index in range(devices))
    raw = slice_of(
        "x", *(device(name, version=str(version)) for name in names), suffix=str(number), count=count
    )
    del raw["spec"]["nodeName"]
    raw["spec"]["pool"]["name"] = "shared"
    raw["spec"] |= selection or {"allNodes": True}
    return raw


def labelled(name: str, **labels: str) -> dict[str, Any]:
    raw = node(name)
    raw["metadata"]["labels"] = labels
    return raw


def only(label: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": label, "operator": "Exists"}]}
    return {"nodeSelector": {"nodeSelectorTerms": [term]}}


@pytest.mark.parametrize("version", ["1.33", "1.37"])
def test_nodes_that_see_the_same_of_a_pool_share_it(version: str) -> None:
    features = Features.of(version_named(version))
    state = state_with(labelled("a", x="1"), labelled("b", x="1"), labelled("c", x="1", y="1"))
    state.upsert(read(shared(0, 2, **only("x"))))
    state.upsert(read(shared(1, 2, **only("y"))))
    pools = {name: state.inventory.pools(name, features)[0] for name in "abc"}
    assert pools["a"] is pools["b"] is not pools["c"]
    assert [len(pools[name].devices) for name in "abc"] == [64, 64, 128]
    state.upsert(read(shared(0, 2, version=2, **only("x"))))
    changed = [state.inventory.pools(name, features)[0] for name in "ab"]
    assert changed[0] is changed[1] is not pools["a"]
    assert {item.slice.meta.name for item in changed[0].devices} == {"x-slice0"}


def test_a_shared_pool_that_no_node_has_any_more_is_not_kept() -> None:
    slices = [shared(number, 10, **only(f"l{number}")) for number in range(10)]
    state = state_with(node("n1"), *slices)
    seen = []
    for number in range(10):
        # The slices stay as they are: it is the node that sees others each time.
        state.upsert(read(labelled("n1", **{f"l{number}": "x"})))
        (pool,) = state.inventory.pools("n1", FEATURES)
        assert len(pool.devices) == 64
        seen.append(ref(pool))
        del pool
    assert [found() is None for found in seen] == [True] * 9 + [False]


@pytest.mark.parametrize("version", ["1.33", "1.37"])
def test_a_pool_of_many_devices_is_put_together_in_short_steps(version: str) -> None:
    features, meter = Features.of(version_named(version)), Meter()
    state = state_with(node("n1"), node("n2"), *(shared(number, 100) for number in range(100)))
    meter.measure(lambda: state.inventory.pools("n1", features))
    assert meter.total > 10_000, "two objects a device"
    assert meter.most < 2_000, meter.where
    again = Meter()
    again.measure(lambda: state.inventory.pools("n2", features))
    assert again.total < 2_000, "nothing for each device"


@pytest.mark.parametrize("at", range(1, 22))
def test_pools_that_change_while_they_are_put_together_are_not_kept(at: int) -> None:
    state = state_with(node("n1"), *(shared(number, 40) for number in range(40)))
    left = at

    def change(_cost: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            state.upsert(read(shared(7, 40, version=2)))

    with on_pause(change):
        (found,) = state.inventory.pools("n1", FEATURES)
    assert len(found.devices) == 40 * 64
    (now,) = state.inventory.pools("n1", FEATURES)
    assert {id(item.slice) for item in now.devices} == {
        id(item) for item in state.inventory.effective_slices()
    }
    assert left <= 0, "it has changed before the end"


def test_pools_of_a_node_that_goes_while_they_are_put_together_are_not_kept() -> None:
    state = state_with(node("n1"), *(shared(number, 40) for number in range(40)))
    with on_pause(lambda _cost: state.delete("Node", ("", "n1"))):
        state.inventory.pools("n1", FEATURES)
    assert state.inventory.kept_pools("n1", FEATURES) is None
    with pytest.raises(KeyError):
        state.inventory.pools("n1", FEATURES)


def test_two_evaluations_may_put_the_pools_of_a_node_together_at_once() -> None:
    state = state_with(node("n1"), *(shared(number, 40) for number in range(40)))
    inner = []

    def another(_cost: int) -> None:
        if not inner:
            inner.append(())
            inner[0] = state.inventory.pools("n1", FEATURES)

    with on_pause(another):
        outer = state.inventory.pools("n1", FEATURES)
    assert outer[0] is inner[0][0]
    assert state.inventory.kept_pools("n1", FEATURES) is not None


def test_attributes_that_templates_match_follow_the_templates() -> None:
    def made(name: str, *attributes: str) -> ResourceClaimTemplate:
        raw = template(name)
        raw["spec"]["spec"]["devices"]["constraints"] = [{"matchAttribute": item} for item in attributes]
        item = parse(raw)
        assert isinstance(item, ResourceClaimTemplate)
        return item

    state = State()
    state.upsert(made("a", "x/one", "x/two"))
    state.upsert(made("b", "x/one"))
    assert state.matched_attributes == {"x/one", "x/two"}
    fork = state.fork()
    state.upsert(made("a", "x/three"))
    assert state.matched_attributes == {"x/one", "x/three"}
    state.delete("ResourceClaimTemplate", ("default", "b"))
    state.delete("ResourceClaimTemplate", ("default", "b"))
    assert state.matched_attributes == {"x/three"}
    assert fork.matched_attributes == {"x/one", "x/two"}
    same = state.matched_attributes
    state.upsert(made("c", "x/three"))
    assert state.matched_attributes is same


@pytest.mark.parametrize("version", ["1.33", "1.37"])
def test_a_node_keeps_its_other_pools_when_one_has_changed(version: str) -> None:
    features = Features.of(version_named(version))
    state = state_with(node("n1"), *(of_node("n1", f"pool-{number}", 1) for number in range(3)))
    before = {pool.id: pool for pool in state.inventory.pools("n1", features)}
    state.upsert(read(of_node("n1", "pool-1", 2)))
    after = {pool.id: pool for pool in state.inventory.pools("n1", features)}
    assert {name.pool for name in before if before[name] is not after[name]} == {"pool-1"}
    (changed,) = after[PoolId(DRIVER, "pool-1")].devices
    assert changed.device.name == "d2"


def test_a_pool_changes_with_its_devices_on_other_nodes() -> None:
    state = state_with(*map(node, ("n1", "n2")), *(of_node(name, "p", 1, count=2) for name in ("n1", "n2")))
    assert state.inventory.pools("n1", FEATURES)[0].usable
    state.upsert(read(of_node("n2", "p", 1, count=2, draws=True)))
    (pool,) = state.inventory.pools("n1", FEATURES)
    assert not pool.usable, "a device of the other node draws from a counter set that the pool does not have"


def of_node(name: str, pool: str, generation: int, *, count: int = 1, draws: bool = False) -> dict[str, Any]:
    """A slice of a pool on one node, whose only device is named after the generation."""
    raw = slice_of(name, device(f"d{generation}"))
    raw["metadata"]["name"] = f"{pool}-{name}"
    raw["spec"]["pool"] = {"name": pool, "generation": generation, "resourceSliceCount": count}
    if draws:
        counters = {"counterSet": "set", "counters": {"memory": {"value": "1Gi"}}}
        raw["spec"]["devices"][0]["consumesCounters"] = [counters]
    return raw


steps: st.SearchStrategy[InventoryObject | str] = st.one_of(
    st.builds(
        lambda name, pool, generation, count, draws: read(
            of_node(name, pool, generation, count=count, draws=draws)
        ),
        st.sampled_from(["n1", "n2"]),
        st.sampled_from(["p", "q"]),
        st.integers(1, 2),
        st.integers(1, 2),
        st.booleans(),
    ),
    st.sampled_from(["p-n1", "p-n2", "q-n1"]),
    st.builds(lambda label: read(labelled("n1", zone=label)), st.sampled_from("ab")),
)


@pytest.mark.parametrize("version", ["1.33", "1.34", "1.37"])
@given(st.lists(steps, max_size=15))
def test_pools_that_are_kept_are_those_of_a_fresh_inventory(
    version: str, changes: list[InventoryObject | str]
) -> None:
    features = Features.of(version_named(version))
    state = state_with(node("n1"), node("n2"))
    for change in changes:
        if isinstance(change, str):
            state.delete("ResourceSlice", ("", change))
        else:
            state.upsert(change)
        fresh = State()
        for known in state.nodes.values():
            fresh.upsert(known)
        for published in state.inventory.slices.values():
            fresh.upsert(published)
        for name in ("n1", "n2"):
            kept = state.inventory.pools(name, features)
            assert list(map(looks, kept)) == list(map(looks, fresh.inventory.pools(name, features)))


def looks(pool: Pool) -> Any:
    """All fields of a pool; devices by their values."""
    devices = [(item.id, item.device, item.slice) for item in pool.devices]
    return [*(getattr(pool, item.name) for item in fields(pool) if item.name != "devices"), devices]
