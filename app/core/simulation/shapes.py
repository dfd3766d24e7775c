"""Traces in the shape of those that clusters with GPUs have been described by, made from a seed.

Rates are such that ``load`` times the fleet's devices are requested on average: the larger the fleet, the
more Pods in the same time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import cos, exp, log, pi, sqrt

from app.core.json_object import JsonObject
from app.core.simulation import fleet
from app.core.simulation.trace import Job, PodKind, Trace, kind

Draw = Callable[[], float]
"""The next random number, from 0 to below 1."""

HOUR = 3600.0
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Mixed:
    """A kind of Pod in a shape: how many of all Pods it is, and how long one runs.

    ``spread`` is sigma of a lognormal distribution around the mean ``hours``; 0: exponential.
    """

    name: str
    size: float
    spec: JsonObject
    share: float
    hours: float
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class Shape:
    """``rate`` is the arrivals at a time of the trace, 1 being the mean."""

    name: str
    about: str
    mixed: tuple[Mixed, ...]
    load: float
    rate: Callable[[float], float]
    partitioned: bool = False

    def fleet(self, nodes: int) -> Iterator[JsonObject]:
        """The inventory that goes with it."""
        return fleet.partitioned_gpus(nodes) if self.partitioned else fleet.whole_gpus(nodes)

    def specs(self) -> Mapping[str, JsonObject]:
        """The requests of the claims of each kind."""
        return {item.name: item.spec for item in self.mixed}

    def trace(self, nodes: int, jobs: int, draw: Draw, load: float | None = None) -> Trace:
        """A number of Pods for a fleet of a number of nodes; ``load`` overrides that of the shape."""
        devices = nodes * (4.0 if self.partitioned else sum(fleet.SIZES) / len(fleet.SIZES))
        total = sum(item.share for item in self.mixed)
        work = sum(item.share / total * item.size * item.hours for item in self.mixed) * HOUR
        mean_gap = work / (devices * (load or self.load))
        kinds: dict[str, PodKind] = {item.name: kind(item.name, item.size, item.spec) for item in self.mixed}
        found, at = [], 0.0
        for number in range(jobs):
            at += -log(1.0 - draw()) * mean_gap / max(0.05, self.rate(at))
            chosen = self._chosen(draw() * total)
            found.append(Job(f"pod-{number:05}", chosen.name, at, _seconds(chosen, draw)))
        return Trace(self.name, kinds, found)

    def _chosen(self, point: float) -> Mixed:
        for item in self.mixed:
            point -= item.share
            if point < 0:
                return item
        return self.mixed[-1]


def _seconds(item: Mixed, draw: Draw) -> float:
    if not item.spread:
        return -log(1.0 - draw()) * item.hours * HOUR
    normal = sqrt(-2 * log(1.0 - draw())) * cos(2 * pi * draw())
    return exp(log(item.hours * HOUR) - item.spread**2 / 2 + item.spread * normal)


def _steady(at: float) -> float:
    del at
    return 1.0


def _by_day(at: float) -> float:
    return 1.0 - 0.8 * cos(2 * pi * at / DAY)


_FIRST_HOURS = 4.0


def _fill(at: float) -> float:
    return 6.0 if at < _FIRST_HOURS * HOUR else 1.0


_WHOLE = fleet.whole
SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape(
            "bimodal",
            "Poisson arrivals, many Pods of one GPU and some of a whole node",
            (Mixed("1-gpu", 1, _WHOLE(1), 0.9, 2), Mixed("8-gpus", 8, _WHOLE(8), 0.1, 2)),
            0.7,
            _steady,
        ),
        Shape(
            "diurnal",
            "batch work in waves of a day, of 1, 2 and 4 GPUs, those of 4 on one NUMA node",
            (
                Mixed("1-gpu", 1, _WHOLE(1), 0.6, 3),
                Mixed("2-gpus", 2, _WHOLE(2), 0.25, 3),
                Mixed("4-gpus-one-numa", 4, _WHOLE(4, one_numa_node=True), 0.15, 3),
            ),
            0.7,
            _by_day,
        ),
        Shape(
            "inference-training",
            "long-lived inference on one GPU beside training on 4 of one NUMA node and on 8",
            (
                Mixed("inference", 1, _WHOLE(1), 0.5, 12),
                Mixed("train-4", 4, _WHOLE(4, one_numa_node=True), 0.3, 3),
                Mixed("train-8", 8, _WHOLE(8), 0.2, 3),
            ),
            0.65,
            _steady,
        ),
        Shape(
            "partitioned",
            "partitions of GPUs as MIG has them, and whole ones",
            (
                Mixed("1g", 1 / 8, fleet.partition("1g"), 0.5, 3),
                Mixed("2g", 2 / 8, fleet.partition("2g"), 0.2, 3),
                Mixed("3g", 4 / 8, fleet.partition("3g"), 0.15, 3),
                Mixed("7g", 1, fleet.partition("7g"), 0.15, 3),
            ),
            0.7,
            _steady,
            partitioned=True,
        ),
        Shape(
            "long-tailed",
            "durations over orders of magnitude and mostly small Pods, as in Microsoft's Philly trace",
            (
                Mixed("1-gpu", 1, _WHOLE(1), 0.7, 2, 1.5),
                Mixed("2-gpus", 2, _WHOLE(2), 0.12, 2, 1.5),
                Mixed("4-gpus", 4, _WHOLE(4), 0.1, 3, 1.5),
                Mixed("8-gpus", 8, _WHOLE(8), 0.08, 4, 1.5),
            ),
            0.65,
            _steady,
        ),
        Shape(
            "fill-and-churn",
            "filled quickly as in a scale test, then Pods of 1 and 8 GPUs that come and go",
            (Mixed("1-gpu", 1, _WHOLE(1), 0.85, 6), Mixed("8-gpus", 8, _WHOLE(8), 0.15, 1)),
            0.65,
            _fill,
        ),
    )
}
