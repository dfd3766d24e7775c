"""Which of the fitting nodes are passed on."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.verdicts.candidates import Candidates
from app.core.verdicts.filter_result import FilterResult, ListedResult
from app.core.verdicts.node_verdict import NodeVerdict


def fits(**scores: int | None) -> FilterResult:
    """Nodes with their scores; None for one that does not fit."""
    verdicts = [NodeVerdict("misfit" if score is None else "fits", score or 0) for score in scores.values()]
    return ListedResult(list(scores), verdicts)


EQUAL = fits(**{f"n{number}": 5 for number in range(8)})


def test_zero_passes_every_node_that_fits_on_in_order() -> None:
    answers = fits(a=1, b=9, c=None)
    assert Candidates(0).of("p", answers, 0.0) == ["a", "b"]


def test_the_best_come_first_and_the_next_best_fill_up() -> None:
    assert Candidates(1).of("p", fits(a=1, b=9, c=4), 0.0) == ["b"]
    assert Candidates(2).of("p", fits(a=1, b=9, c=4), 0.0) == ["b", "c"]
    assert Candidates(5).of("p", fits(a=1, b=9, c=4), 0.0) == ["b", "c", "a"]


def test_the_choice_among_equals_is_spread_and_moves_on() -> None:
    candidates = Candidates(2)
    assert candidates.of("p", EQUAL, 0.0) == ["n0", "n4"]
    candidates.settled("p")
    assert candidates.of("q", EQUAL, 0.0) == ["n1", "n5"]


def test_pods_under_way_are_sent_to_nodes_of_their_own() -> None:
    candidates = Candidates(1)
    answers = fits(best=9, next=8, last=1)
    assert candidates.of("p", answers, 0.0) == ["best"]
    assert candidates.of("q", answers, 0.0) == ["next"]
    candidates.settled("p")
    assert candidates.of("r", answers, 0.0) == ["best"]


def test_where_every_node_is_aimed_at_one_is_passed_on_all_the_same() -> None:
    candidates = Candidates(1)
    assert candidates.of("p", fits(only=3), 0.0) == ["only"]
    assert candidates.of("q", fits(only=3), 0.0) == ["only"]


def test_a_pod_that_never_comes_to_be_bound_keeps_its_node_from_others_for_a_moment_only() -> None:
    candidates = Candidates(1)
    answers = fits(best=9, next=8)
    candidates.of("p", answers, 0.0)
    assert candidates.of("q", answers, 1.0) == ["next"]
    assert candidates.of("r", answers, 10.0) == ["best"]


def test_a_pod_that_is_filtered_again_is_not_in_its_own_way() -> None:
    candidates = Candidates(1)
    answers = fits(best=9, next=8)
    assert [candidates.of("p", answers, 0.0) for _ in range(2)] == [["best"], ["best"]]


@given(
    st.integers(1, 9),
    st.lists(st.lists(st.integers(0, 10) | st.none(), max_size=8), min_size=1, max_size=6),
)
def test_as_many_as_asked_for_or_all_there_are_each_once_and_none_that_does_not_fit(
    number: int, pods: list[list[int | None]]
) -> None:
    candidates = Candidates(number)
    for uid, scores in enumerate(pods):
        answers = fits(**{f"n{index}": score for index, score in enumerate(scores)})
        chosen = candidates.of(str(uid), answers, float(uid))
        fitting = {f"n{index}" for index, score in enumerate(scores) if score is not None}
        assert set(chosen) <= fitting
        assert len(chosen) == len(set(chosen)) == min(number, len(fitting))
