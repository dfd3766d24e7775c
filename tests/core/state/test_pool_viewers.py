"""The nodes that see a pool are those that its slices name, whatever has come and gone."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.parse import parse
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.state.pool_viewers import MAX_VIEWERS, PoolViewers
from app.core.state.pools import concerns_every_node
from app.core.state.state import State
from app.core.versions import version_named
from tests.objects import DRIVER, device, node, slice_of
from tests.pausing import Meter

HERE, EVERYWHERE = Features.of(version_named("1.34")), Features.of(version_named("1.35"))
COUNTERS = [{"name": "set", "counters": {"memory": {"value": "1Gi"}}}]


def slice_with(name: str, pool: str, of: str, *, counters: bool = False) -> ResourceSlice:
    raw = slice_of(of, *([] if counters else [device("d")]))
    raw["metadata"]["name"] = name
    raw["spec"]["pool"]["name"] = pool
    raw["spec"] |= ({"sharedCounters": COUNTERS} if counters else {}) | ({} if of else {"allNodes": True})
    item = parse(raw)
    assert isinstance(item, ResourceSlice)
    return item


def viewers_of(slices: Iterable[ResourceSlice], features: Features) -> set[str] | None:
    """By a look at each slice."""
    every = list(slices)
    if any(concerns_every_node(item, features) for item in every):
        return None
    return {str(item.node_name) for item in every}


SLICES = st.builds(
    lambda number, pool, of, counters: slice_with(f"s{number}", pool, of, counters=counters),
    st.integers(0, 5),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["n1", "n1", "n2", "n3", ""]),
    st.booleans(),
)


@given(st.lists(st.tuples(st.booleans(), SLICES), max_size=30))
def test_viewers_are_those_that_all_slices_show(events: list[tuple[bool, ResourceSlice]]) -> None:
    viewers, known = PoolViewers(), dict[str, ResourceSlice]()
    for comes, item in events:
        before, expected = viewers.fork(), list(known.values())
        if (old := known.pop(item.meta.name, None)) is not None:
            viewers.drop(old)
        if comes:
            known[item.meta.name] = item
            viewers.put(item)
        for index, slices in ((viewers, list(known.values())), (before, expected)):
            for pool in (PoolId(DRIVER, "a"), PoolId(DRIVER, "b")):
                every = [item for item in slices if item.pool_id == pool]
                for features in (HERE, EVERYWHERE):
                    assert index.of(pool, (features,)) == viewers_of(every, features)


def test_of_a_pool_of_many_nodes_all_nodes_may_be_viewers() -> None:
    viewers, pool = PoolViewers(), PoolId(DRIVER, "p")
    slices = [slice_with(f"s{number}", "p", f"n{number}") for number in range(MAX_VIEWERS + 1)]
    for item in slices:
        viewers.put(item)
    assert viewers.of(pool, ()) is None
    viewers.drop(slices[3])
    assert viewers.of(pool, ()) == {str(item.node_name) for item in slices} - {"n3"}


def test_a_slice_costs_the_same_however_many_the_node_has_in_the_pool() -> None:
    state, features = State(), EVERYWHERE
    state.inventory.put_node(read_node())
    state.inventory.pools("n1", features)
    costs = []
    for number in range(500):
        item, meter = slice_with(f"s{number}", "p", "n1"), Meter()
        meter.measure(lambda item=item: state.upsert(item))  # type: ignore[misc] # called at once
        costs.append(meter.total)
    assert max(costs) <= 2 * costs[0]


def read_node() -> Node:
    item = parse(node("n1"))
    assert isinstance(item, Node)
    return item
