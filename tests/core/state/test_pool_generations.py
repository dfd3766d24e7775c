"""What is counted of a pool as its slices come and go is what all its slices show."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.state.pool_generations import PoolGenerations
from app.core.state.pools import newest_generation
from tests.objects import device, slice_of

WITH, WITHOUT = Features(compatibility_groups=True), Features(compatibility_groups=False)


def slice_with(name: str, pool: str, generation: int, *, groups: bool) -> ResourceSlice:
    draw = {"counterSet": "s", "counters": {"c": {"value": "1"}}, "compatibilityGroups": ["g"]}
    raw: Any = slice_of("n", device("d") | ({"consumesCounters": [draw]} if groups else {}))
    raw["metadata"]["name"] = name
    raw["spec"]["pool"] |= {"name": pool, "generation": generation}
    item = parse(raw)
    assert isinstance(item, ResourceSlice)
    return item


SLICES = st.builds(
    lambda number, pool, generation, groups: slice_with(f"s{number}", pool, generation, groups=groups),
    st.integers(0, 5),
    st.sampled_from(["a", "b"]),
    st.integers(0, 3),
    st.booleans(),
)


@given(st.lists(st.tuples(st.booleans(), SLICES), max_size=30))
def test_sizes_are_those_of_all_slices(events: list[tuple[bool, ResourceSlice]]) -> None:
    sizes, known = PoolGenerations(), dict[str, ResourceSlice]()
    for comes, item in events:
        old = known.pop(item.meta.name, None)
        if old is not None:
            sizes.drop(old)
        if comes:
            known[item.meta.name] = item
            sizes.put(item)
        for pool in {item.pool_id for item in known.values()}:
            every = [item for item in known.values() if item.pool_id == pool]
            for features in (WITH, WITHOUT):
                expected = newest_generation(every, features)
                found = sizes.newest(pool)
                assert (found.number, found.counted(features)) == (expected.number, len(expected.slices))


def test_a_pool_without_slices_is_forgotten() -> None:
    sizes = PoolGenerations()
    item = slice_with("s", "a", 1, groups=False)
    sizes.put(item)
    other = sizes.fork()
    sizes.drop(item)
    assert other.newest(PoolId("gpu.example.com", "a")).slices == 1
    assert not sizes._sizes


def test_slices_with_groups_count_only_with_the_feature() -> None:
    sizes = PoolGenerations()
    sizes.put(slice_with("s", "a", 1, groups=True))
    found = sizes.newest(PoolId("gpu.example.com", "a"))
    assert (found.counted(WITH), found.counted(WITHOUT)) == (1, 0)
