from collections.abc import Generator

import pytest

from app.core.pauses import Pauses, finish


def three(*, after: int, fails: bool = False) -> Generator[None, None, int]:
    for _ in range(after):
        yield
    if fails:
        raise ValueError("as it comes")
    return 3


def test_the_result_is_there_when_the_pauses_are_over() -> None:
    pauses = Pauses(three(after=2))
    passed = 0
    for _ in pauses:
        assert not hasattr(pauses, "result")
        passed += 1
    assert (passed, pauses.result) == (2, 3)


def test_work_without_a_pause_has_a_result() -> None:
    assert finish(three(after=0)) == 3


def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="as it comes"):
        finish(three(after=1, fails=True))


def test_work_that_is_left_is_closed() -> None:
    steps = three(after=9)
    for _ in Pauses(steps):
        break
    assert steps.gi_frame is None
