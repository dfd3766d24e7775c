import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from app.cluster.client.backoff import Backoff


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds


def test_delays_double_to_the_cap() -> None:
    backoff = Backoff(Hand(), uniform=lambda _low, high: high)
    assert [backoff.next_delay() for _ in range(8)] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]


def test_two_minutes_without_failure_start_anew() -> None:
    clock = Hand()
    backoff = Backoff(clock, uniform=lambda _low, high: high)
    for _ in range(8):
        clock.time += backoff.next_delay()
    clock.time += 119
    assert backoff.next_delay() == 30
    clock.time += 30 + 120
    assert backoff.next_delay() == 0.8


def test_waiting_itself_is_no_time_without_failure() -> None:
    clock = Hand()
    backoff = Backoff(clock, cap_seconds=1000, uniform=lambda _low, high: high)
    for expected in itertools.islice((0.8 * 2**n for n in itertools.count()), 10):
        delay = backoff.next_delay()
        assert delay == expected
        clock.time += delay


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 60)), max_size=30), st.randoms())
def test_delay_is_never_under_what_the_server_asks_nor_30_s_over_it(
    failures: list[tuple[float, float]], draw: random.Random
) -> None:
    clock = Hand()
    backoff = Backoff(clock, uniform=draw.uniform)
    for healthy, at_least in failures:
        clock.time += healthy
        delay = backoff.next_delay(at_least)
        assert at_least <= delay <= at_least + 30
        clock.time += delay
