"""Which Pods to move until fragmentation is below a bound: the fewest, by brute force over small cases."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.dry_run import defragment as module
from app.core.dry_run.defragment import Defragmentation, defragment, follow_defragmentation
from app.core.dry_run.repack import MAX_MOVES
from app.core.model.parse import parse
from app.core.overview.fragmentation import Fragmentation
from app.core.overview.overview import Overviewer, Question
from app.core.overview.pending import PodReason
from app.core.overview.requests import Demands
from app.core.state.state import State
from tests.core.diagnosis.inventory import claim, req
from tests.core.dry_run.moving import Running, built, cluster, drawn, reachable, run, wanting
from tests.core.dry_run.states import rules
from tests.pausing import interrupted_after


def planned(state: State, below: float, *, most: int = MAX_MOVES) -> Defragmentation:
    before = state.revision
    found = defragment(state, sorted(state.nodes), rules(), below, most=most)
    assert state.revision == before
    return found


def shown(found: Defragmentation) -> list[tuple[str, str, str]]:
    return [(move.pod.meta.name, move.source, move.answer.node) for move in found.plan.moves]


def on_the_page(state: State) -> float:
    """The fragmentation that the overview shows."""
    seen = Overviewer(state, rules()).view(Question(), lambda _: PodReason("", "", ""))
    return seen.sums.fragmentation() or 0.0


def halved() -> State:
    """Two nodes of four GPUs with one Pod each: three GPUs are free on both, and none is for ``four``."""
    state = cluster(4, 4)
    run(state, wanting("a", "one"), "n0")
    run(state, wanting("b", "one"), "n1")
    return state


def test_one_move_joins_what_is_free() -> None:
    state = halved()
    found = planned(state, 0.12)
    assert (found.plan.outcome, found.plan.minimal, len(found.plan.moves)) == ("fits", True, 1)
    assert found.before == pytest.approx(on_the_page(state))
    (move,) = found.plan.moves
    after = cluster(4, 4)
    for name in ("a", "b"):
        run(after, wanting(name, "one"), move.answer.node)
    assert found.after == pytest.approx(on_the_page(after))
    assert found.plan.text == (
        f"1 Pod(s) to move: fragmentation falls from {found.before:.1%} to {found.after:.1%}, "
        "no fewer are enough"
    )


def test_nothing_moves_below_the_bound() -> None:
    found = planned(halved(), 0.9)
    assert (found.plan.outcome, found.plan.minimal, found.plan.moves) == ("fits", True, ())
    assert found.plan.text.startswith("no Pod has to move: fragmentation is ")


def test_a_bound_that_is_out_of_reach_is_told_with_what_is_not() -> None:
    """Three GPUs on one node, whatever moves: ``four`` finds none of them."""
    state = cluster(2, 3)
    run(state, wanting("a", "one"), "n0")
    run(state, wanting("b", "one"), "n1")

    found = planned(state, 0.05)

    assert (found.plan.outcome, found.plan.minimal, found.plan.moves) == ("impossible", False, ())
    assert found.reached_by == 1
    assert found.after is not None
    assert found.before is not None
    assert 0.05 <= found.after < found.before
    assert found.plan.text == (
        "no sequence of up to 50 moves leads to fragmentation below 5.0%; "
        f"1 Pod(s) to move lead to {found.after:.1%}"
    )
    assert planned(state, found.after + 1e-6).plan.outcome == "fits"


def test_no_more_moves_than_allowed() -> None:
    state = cluster(4, 4, 4, 4)
    for number in range(4):
        run(state, wanting(f"p{number}", "one"), f"n{number}")
    found = planned(state, 0.01, most=2)
    assert (found.plan.outcome, found.reached_by) == ("impossible", 2)
    assert [len(planned(state, 0.01).plan.moves), planned(state, 0.01).after] == [3, 0.0]


def test_pods_of_the_system_and_those_that_the_caller_may_not_see_stay() -> None:
    state = cluster(4, 4)
    run(state, wanting("a", "one", owner=None), "n0")
    run(state, wanting("b", "one", owner=None), "n1")
    found = planned(state, 0.1)
    assert found.plan.stays == {"no controller would create it again": 2}
    hidden = defragment(halved(), ["n0", "n1"], rules(), 0.1, visible=lambda _: False)
    assert (hidden.plan.outcome, sum(hidden.plan.stays.values())) == ("impossible", 2)


def test_what_is_interrupted_is_not_proven() -> None:
    state = cluster(4, 4, 4, 4)
    for number in range(4):
        run(state, wanting(f"p{number}", "one"), f"n{number}")
    warm = rules()
    defragment(state, sorted(state.nodes), warm, 0.001)
    with interrupted_after(12):
        found = defragment(state, sorted(state.nodes), warm, 0.001)
    assert (found.plan.outcome, found.plan.minimal) == ("unknown", False)
    assert "were found within the limits" in found.plan.text


def test_time_may_be_up_at_any_pause() -> None:
    """Also while devices are measured, for so many kinds of request that this pauses by itself."""
    state = halved()
    for number in range(14):
        requests = [req(f"r{index}", count=number * 8 + index + 1) for index in range(8)]
        state.upsert(parse(claim(f"c{number}", *requests)))  # type: ignore[arg-type]
    nodes, steps, warm = sorted(state.nodes), [(("default", "a"), "n1")], rules()
    defragment(state, nodes, warm, 0.12)
    outcomes = set()
    for moment in (*range(6), *range(6, 120, 6)):
        with interrupted_after(moment):
            found = defragment(state, nodes, warm, 0.12).plan
        with interrupted_after(moment):
            followed = follow_defragmentation(state, nodes, warm, 0.12, steps).plan
        outcomes |= {(found.outcome, found.minimal), (followed.outcome, followed.minimal)}
    assert ("unknown", False) in outcomes


def test_a_plan_that_holds_is_followed_and_one_that_does_not_says_where() -> None:
    state = halved()

    def followed(below: float, *steps: tuple[str, str]) -> tuple[str, str]:
        asked = [(("default", name), to) for name, to in steps]
        found = follow_defragmentation(state, sorted(state.nodes), rules(), below, asked)
        return found.plan.outcome, found.plan.text

    assert followed(0.12, ("a", "n1")) == ("fits", "1 Pod(s) to move, as planned")
    assert followed(0.1, ("gone", "n1")) == ("impossible", "step 1: Pod default/gone may not move (any more)")
    assert followed(0.1, ("a", "n0")) == (
        "impossible",
        "step 1: Pod default/a does not fit on n0 (any more)",
    )
    outcome, text = followed(0.1)
    assert (outcome, text[:35]) == ("impossible", "after these moves fragmentation is ")


"""Node and devices of each running Pod."""
Shares = Sequence[tuple[int, float]]
"""Devices of a request, and its share of the mix."""


def fragmentation(free: Sequence[int], shares: Shares) -> float:
    unusable = sum(share * room for room in free for count, share in shares if room < count)
    matching = sum(share * room for room in free for _, share in shares)
    return unusable / matching if matching else 0.0


def fewest(gpus: Sequence[int], running: Running, shares: Shares, below: float) -> tuple[int | None, float]:
    """The fewest moves, over all sequences in which each Pod moves once; and the lowest fragmentation."""
    lowest = 1.0
    for moves, free in reachable(gpus, running):
        lowest = min(lowest, fragmentation(free, shares))
        if fragmentation(free, shares) < below:
            return moves, lowest
    return None, lowest


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_as_few_as_brute_force_finds(data: st.DataObject) -> None:
    gpus, running = drawn(data)
    below = data.draw(st.sampled_from([0.0, 0.05, 0.15, 0.3, 0.5]), label="below")
    state = built(gpus, running)
    shares = [(item.count, item.share) for item in Demands(state.request_mix, state, rules()).items]

    found = planned(state, below + 1e-9)

    expected, lowest = fewest(gpus, running, shares, below + 1e-9)
    assert found.before == pytest.approx(on_the_page(state)) or found.before is None
    if expected is None:
        assert found.plan.outcome == "impossible"
        assert found.after == pytest.approx(lowest)
    else:
        assert (found.plan.outcome, found.plan.minimal, len(found.plan.moves)) == ("fits", True, expected)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(0, 3))
def test_the_measure_after_moves_is_that_of_the_page(at: list[int], to: int) -> None:
    state = cluster(4, 4, 4, 4)
    measure = Fragmentation(state, rules())
    for number, node in enumerate(at):
        run(state, wanting(f"p{number}", "one"), f"n{node}")
    run(state, wanting("last", "two"), f"n{to}") if at.count(to) < 3 else None
    after = measure.after(state, {f"n{number}" for number in (*at, to)})
    assert Fragmentation(state, rules()).now() == pytest.approx(on_the_page(state))
    assert after is not None


def test_a_large_cluster_is_planned_without_trying_everything() -> None:
    """60 nodes with one Pod each: 15 nodes could take them all, so 45 moves leave nothing in pieces."""
    state = cluster(*[4] * 60)
    for number in range(60):
        run(state, wanting(f"p{number:02}", "one"), f"n{number}")
    found = planned(state, 0.2)
    assert found.plan.outcome == "fits"
    assert found.after is not None
    assert found.after < 0.2
    assert len(found.plan.moves) <= module.MAX_MOVES
