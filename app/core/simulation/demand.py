"""What a trace requests at a time: the Pods that run together, if each starts when it comes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.core.pauses import in_order, paced
from app.core.simulation.trace import Trace

_DIGITS = 6
"""Sums of sizes are compared without the digits that floating-point numbers lose."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The Pods that run together at one moment of a trace.

    ``at``: seconds since its start. ``pods``: how many of each kind. ``size``: what they request together, in
    devices. ``peak``: the most that the trace requests at any time.
    """

    at: float
    pods: Mapping[str, int]
    size: float
    peak: float


@dataclass(frozen=True, slots=True)
class _Span:
    """A time in which no Pod comes or goes."""

    at: float
    seconds: float
    pods: Counter[str]
    size: float


def demand_at(trace: Trace, quantile: float) -> Demand:
    """The demand that is not exceeded for this share of the time (0 to 1), and one moment that has it.

    The time is that from the first to the last arrival: while a trace starts and ends it is emptier than the
    cluster that it was taken from. Of several moments with the same demand, the one with the most Pods of the
    largest kinds, which is the hardest to place. Cost: O(jobs log jobs + jobs x kinds), with pauses.

    Raises: ValueError: the trace has no jobs.
    """
    if not trace.jobs:
        raise ValueError(f"{trace.name}: holds no jobs")
    by_size: dict[float, float] = {}
    for span in _spans(trace):
        by_size[span.size] = by_size.get(span.size, 0.0) + span.seconds
    wanted = _weighted(by_size, quantile)
    kinds = sorted(trace.kinds.values(), key=lambda kind: (-kind.size, kind.name))
    best: tuple[tuple[int, ...], _Span] | None = None
    for span in _spans(trace):
        if span.size == wanted:
            hardness = tuple(span.pods[kind.name] for kind in kinds)
            if best is None or hardness > best[0]:
                best = hardness, _Span(span.at, span.seconds, span.pods.copy(), span.size)
    assert best is not None  # noqa: S101 - it is the size of one of the spans
    found = best[1]
    return Demand(found.at, +found.pods, found.size, max(by_size))


def _weighted(by_size: Mapping[float, float], quantile: float) -> float:
    """The smallest size that is not exceeded for this share of the time."""
    total = sum(by_size.values())
    passed = 0.0
    for size in sorted(by_size):
        passed += by_size[size]
        if passed >= quantile * total * (1 - 1e-12):
            return size
    return max(by_size)


def _spans(trace: Trace) -> Iterator[_Span]:
    """The times between two changes. ``pods`` is the same counter in each: copy it to keep it."""
    last = trace.jobs[-1].at
    # Those that end make room for those that come at the same time.
    events = [(job.at, 1, job.kind) for job in trace.jobs if job.seconds > 0]
    events += [(job.at + job.seconds, -1, job.kind) for job in trace.jobs if job.seconds > 0]
    pods: Counter[str] = Counter()
    size = 0.0
    at = trace.jobs[0].at
    for when, change, kind in paced(in_order(events)):
        if when > last:
            break
        if when > at:
            yield _Span(at, when - at, pods, round(size, _DIGITS))
            at = when
        pods[kind] += change
        size += change * trace.kinds[kind].size
    # What came last counts for itself only if it is all there is.
    yield _Span(at, last - at if last > at else 0.0, pods, round(size, _DIGITS))
