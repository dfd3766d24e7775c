from itertools import pairwise
from typing import Any

import pytest

from app.core.pauses import InterruptedWorkError, emptied, on_pause, paced, pause
from tests.pausing import interrupted_after


def test_outside_of_anybodys_care_a_pause_does_nothing() -> None:
    pause()


def test_a_pause_calls_the_innermost_hook() -> None:
    calls: list[str] = []
    with on_pause(lambda _cost: calls.append("outer")):
        pause()
        with on_pause(lambda _cost: calls.append("inner")):
            pause()
        pause()
    pause()
    assert calls == ["outer", "inner", "outer"]


@pytest.mark.parametrize(
    ("number", "every", "pauses"), [(0, 3, 0), (1, 3, 1), (3, 3, 1), (4, 3, 2), (7, 3, 3), (5, 1, 5)]
)
def test_paced_items_are_all_there_with_a_pause_at_the_first_and_at_every_so_many(
    number: int, every: int, pauses: int
) -> None:
    calls: list[None] = []
    with on_pause(lambda _cost: calls.append(None)):
        assert list(paced(range(number), every)) == list(range(number))
    assert len(calls) == pauses


def test_an_interruption_is_raised_out_of_the_pause() -> None:
    with interrupted_after(2):
        pause()
        pause()
        with pytest.raises(InterruptedWorkError):
            pause()


@pytest.mark.parametrize(
    "container",
    [[[number] for number in range(10_000)], {number: [number] for number in range(10_000)}],
    ids=["list", "dict"],
)
def test_a_container_is_emptied_with_pauses(container: Any) -> None:
    pauses: list[int] = []
    with on_pause(lambda _cost: pauses.append(len(container))):
        emptied(container, [1])
    assert not container
    steps = [before - after for before, after in pairwise([10_000, *pauses])]
    assert steps
    assert max(steps) <= 8
