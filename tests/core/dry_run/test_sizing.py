"""Which nodes to add: the cheapest, by brute force over small cases."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.core.dry_run import sizing
from app.core.dry_run.sizing import NodeShape, Sizing, size
from app.core.dry_run.what_if import WhatIfError
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.state import State
from tests.core.diagnosis.inventory import cls, dev, node, pod, pool, req, template
from tests.core.dry_run.states import rules, state_with
from tests.pausing import interrupted_after, interrupted_once_after


def gpu_node(name: str, gpus: int) -> list[JsonObject]:
    return [node(name), pool(name, *(dev(f"g{number}") for number in range(gpus)))]


def cluster(*sizes: int) -> State:
    """Nodes s0, s1, ... of so many GPUs, and templates for one, two and three."""
    objects: list[JsonObject] = [
        cls(),
        template("one"),
        template("two", req(count=2)),
        template("three", req(count=3)),
    ]
    for number, gpus in enumerate(sizes):
        objects += gpu_node(f"s{number}", gpus)
    return state_with(*objects)


def wanting(*templates: str) -> list[Pod]:
    found = []
    for number, name in enumerate(templates):
        item = parse(pod(templates=(name,)) | {"metadata": {"name": f"p{number}", "namespace": "default"}})
        assert isinstance(item, Pod)
        found.append(item)
    return found


def sized(state: State, pods: list[Pod], *shapes: NodeShape, there: Sequence[str] = ()) -> Sizing:
    return size(state, pods, list(there), rules(), shapes)


SIZES = {"one": 1, "two": 2, "three": 3}


def packs(wanted: list[int], bins: list[int]) -> bool:
    """Whether the numbers fit into the bins, each bin filled with whole numbers."""
    if not wanted:
        return True
    seen = set()
    for at, left in enumerate(bins):
        if left >= wanted[0] and left not in seen:
            seen.add(left)
            if packs(wanted[1:], [*bins[:at], left - wanted[0], *bins[at + 1 :]]):
                return True
    return False


def cheapest(wanted: list[int], there: list[int], shapes: list[tuple[int, float]], most: int) -> float | None:
    prices = []
    for counts in product(range(most + 1), repeat=len(shapes)):
        bins = [
            *there,
            *(gpus for (gpus, _), count in zip(shapes, counts, strict=True) for _ in range(count)),
        ]
        if packs(sorted(wanted, reverse=True), bins):
            prices.append(sum(count * price for (_, price), count in zip(shapes, counts, strict=True)))
    return min(prices, default=None)


@settings(max_examples=500, deadline=None)
@given(
    wanted=st.lists(st.sampled_from(list(SIZES)), min_size=1, max_size=6),
    gpus=st.lists(st.integers(1, 4), min_size=1, max_size=2),
    prices=st.lists(st.sampled_from([1.0, 1.5, 2.0, 3.5]), min_size=2, max_size=2),
    there=st.booleans(),
)
def test_the_cheapest_nodes_are_found_and_proven(
    wanted: list[str], gpus: list[int], prices: list[float], there: bool
) -> None:
    shapes = list(zip(gpus, prices, strict=False))
    asked = [SIZES[name] for name in wanted]
    expected = cheapest(asked, gpus[:1] if there else [], shapes, 6)
    assume(expected is not None or max(asked) > max(gpus))
    found = sized(
        cluster(*gpus),
        wanting(*wanted),
        *(NodeShape(f"s{at}", price, 6) for at, (_, price) in enumerate(shapes)),
        there=["s0"] if there else [],
    )
    if expected is None:
        assert found.outcome == "impossible"
        return
    assert (found.outcome, found.minimal) == ("fits", True)
    assert found.price == pytest.approx(expected)
    assert all(item.chosen is not None for item in found.placements)
    counts = {f"s{at}": found.counts[f"s{at}"] for at in range(len(shapes))}
    assert found.price == pytest.approx(sum(counts[f"s{at}"] * price for at, (_, price) in enumerate(shapes)))


def test_nothing_is_added_where_all_fit() -> None:
    found = sized(cluster(2), wanting("two"), NodeShape("s0"), there=["s0"])
    assert (found.outcome, found.minimal, found.price, found.counts) == ("fits", True, 0, {"s0": 0})
    assert found.text == "no node is needed: nothing cheaper is enough"


def test_many_nodes_of_one_shape_take_few_tries() -> None:
    found = sized(cluster(1), wanting(*["one"] * 40), NodeShape("s0", limit=64))
    assert (found.counts, found.minimal) == ({"s0": 40}, True)
    assert found.sets_tried <= 14  # 0, doubled seven times, halved five


def test_two_kinds_of_nodes_are_mixed_where_that_is_cheaper() -> None:
    found = sized(cluster(4, 1), wanting("three", "one", "one"), NodeShape("s0", 3), NodeShape("s1", 1))
    assert found.counts == {"s0": 1, "s1": 1}
    assert found.price == 4


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (
            NodeShape("s0"),
            "no number of these nodes is enough: Pod default/p0 fits neither on these nor on the existing",
        ),
        (NodeShape("s1", limit=1), "no number of these nodes is enough"),
    ],
)
def test_nodes_that_can_never_do_are_said_to_be_so(shape: NodeShape, text: str) -> None:
    found = sized(cluster(1, 2), wanting("two", "two"), shape)
    assert (found.outcome, found.minimal) == ("impossible", False)
    assert found.text.startswith(text)
    assert all(item.chosen is None for item in found.placements)


def test_the_pod_that_fits_on_none_is_named() -> None:
    found = sized(cluster(2), wanting("one", "two", "three", "one"), NodeShape("s0"))
    assert found.text == (
        "no number of these nodes is enough: Pod default/p2 fits neither on these nor on the existing nodes"
    )


def test_a_node_that_is_not_known_is_an_error() -> None:
    with pytest.raises(WhatIfError, match="Node other not found"):
        sized(cluster(1), wanting("two"), NodeShape("other"))


def test_nothing_is_called_minimal_when_tries_are_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizing, "MAX_SETS", 6)
    found = sized(cluster(2, 1), wanting(*["one"] * 9), NodeShape("s0", 1.9), NodeShape("s1", 1))
    assert found.outcome == "fits"
    assert not found.minimal
    assert found.text.endswith("cheaper ones may be enough")


def test_what_was_found_before_the_time_was_up_is_the_answer() -> None:
    outcomes = set()
    for pauses in (1, 30, 100_000):
        state, pods = cluster(2, 1), wanting(*["one"] * 6)
        with interrupted_after(pauses):
            found = sized(state, pods, NodeShape("s0", 1.9), NodeShape("s1", 1))
        outcomes.add((found.outcome, found.minimal))
    assert ("unknown", False) in outcomes
    assert ("fits", True) in outcomes


@pytest.mark.parametrize("pauses", range(1, 150, 12))
def test_the_search_ends_at_an_interruption(pauses: int) -> None:
    state, pods = cluster(2, 1), wanting(*["one"] * 6)
    with interrupted_once_after(pauses) as since:
        sized(state, pods, NodeShape("s0", 1.9), NodeShape("s1", 1))
    assert since[0] < 10
