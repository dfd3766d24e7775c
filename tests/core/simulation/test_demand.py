"""The Pods of a trace that run together at a quantile of its demand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.simulation.demand import demand_at
from app.core.simulation.trace import Job, PodKind, Trace, kind
from tests.core.diagnosis.inventory import req

KINDS: dict[str, PodKind] = {
    name: kind(name, size, {"devices": {"requests": [req(count=max(1, int(size)))]}})
    for name, size in {"small": 1.0, "large": 4.0, "half": 0.5}.items()
}


def trace(*jobs: tuple[str, float, float]) -> Trace:
    found = [Job(f"j{number}", name, at, seconds) for number, (name, at, seconds) in enumerate(jobs)]
    return Trace("t", KINDS, sorted(found, key=lambda job: job.at))


# Demand: 1 for 10 s, 5 for 70 s, 9 for 10 s, 1 for 10 s; the last one comes at 100.
STEPS = trace(
    ("small", 0, 100), ("large", 10, 80), ("large", 80, 10), ("small", 100, 5),
)  # fmt: skip

QUANTILES = {
    0.0: (1.0, {"small": 1}),
    0.2: (1.0, {"small": 1}),
    0.5: (5.0, {"small": 1, "large": 1}),
    0.9: (5.0, {"small": 1, "large": 1}),
    0.95: (9.0, {"small": 1, "large": 2}),
    1.0: (9.0, {"small": 1, "large": 2}),
}


@pytest.mark.parametrize(("quantile", "expected"), QUANTILES.items(), ids=map(str, QUANTILES))
def test_the_demand_that_is_not_exceeded_for_a_share_of_the_time(
    quantile: float, expected: tuple[float, dict[str, int]]
) -> None:
    found = demand_at(STEPS, quantile)
    assert (found.size, dict(found.pods), found.peak) == (*expected, 9.0)


def test_of_equal_demands_the_one_with_the_largest_pods() -> None:
    # Four small Pods, then a large one, each for half of the time.
    jobs = [("small", 0.0, 50.0)] * 4 + [("large", 50.0, 100.0), ("small", 100.0, 1.0)]
    found = demand_at(trace(*jobs), 0.5)
    assert (dict(found.pods), found.at) == ({"large": 1}, 50.0)


def test_a_trace_that_comes_at_once_is_its_own_demand() -> None:
    found = demand_at(trace(("small", 0, 10), ("large", 0, 20)), 0.95)
    assert (dict(found.pods), found.size) == ({"small": 1, "large": 1}, 5.0)


def test_pods_that_take_no_time_need_no_devices() -> None:
    assert demand_at(trace(("large", 0, 0), ("small", 0, 10), ("small", 5, 0)), 1.0).size == 1.0


def test_a_pod_that_goes_makes_room_for_one_that_comes() -> None:
    found = demand_at(trace(("large", 0, 10), ("large", 10, 10), ("small", 20, 1)), 1.0)
    assert dict(found.pods) == {"large": 1}


def test_an_empty_trace_has_no_demand() -> None:
    with pytest.raises(ValueError, match="t: holds no jobs"):
        demand_at(Trace("t", KINDS, ()), 0.5)


JOB = st.tuples(st.sampled_from(list(KINDS)), st.integers(0, 20), st.integers(0, 15))


@given(st.lists(JOB, min_size=1, max_size=12), st.sampled_from([0.1, 0.5, 0.8, 0.95]))
def test_as_counted_second_by_second(jobs: list[tuple[str, int, int]], quantile: float) -> None:
    made = trace(*((name, float(at), float(seconds)) for name, at, seconds in jobs))
    found = demand_at(made, quantile)

    def running(second: int) -> list[Job]:
        return [job for job in made.jobs if job.at <= second < job.at + job.seconds]

    first, last = int(made.jobs[0].at), int(made.jobs[-1].at)
    sizes = sorted(sum(KINDS[job.kind].size for job in running(second)) for second in range(first, last))
    if sizes:
        rank = next(rank for rank, _ in enumerate(sizes) if (rank + 1) >= quantile * len(sizes) * (1 - 1e-12))
        assert found.size == sizes[rank]
    at = [job.kind for job in running(int(found.at))]
    assert dict(found.pods) == {name: at.count(name) for name in at}
