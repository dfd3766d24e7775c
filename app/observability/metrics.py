"""Every metric, with its help text and buckets.

One registry for each application, so that two of them can live in one process. No label has unbounded
values: no names of Pods, claims, nodes or paths.
"""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.core.pauses import paced, pause

PREFIX = "dra_extender"
_AT_ONCE = 100
"""Samples of a metric that are written between two pauses: a millisecond."""


def doubling(first: float, count: int) -> tuple[float, ...]:
    """Buckets that double, as kube-scheduler's do."""
    return tuple(first * 2**number for number in range(count))


REQUEST_BUCKETS = doubling(0.0005, 14)  # 0.5 ms to 4 s
NODE_BUCKETS = (0, *doubling(1, 14))  # to 8,192


@dataclass(frozen=True, slots=True)
class Sample:
    """A metric that is computed at each scrape. ``values``: by the values of ``labels``, in order."""

    name: str
    help: str
    values: Mapping[tuple[str, ...], float]
    labels: Sequence[str] = ()
    counter: bool = False


Labelled = TypeVar("Labelled", bound=MetricWrapperBase)


class ByLabels(Generic[Labelled]):
    """The children of a metric by the values of its labels.

    Each is looked up in the metric only once: that takes eight calls, some of them with a lock held.
    """

    __slots__ = ("_children", "_metric")

    def __init__(self, metric: Labelled) -> None:
        self._metric = metric
        self._children: dict[tuple[str, ...], Labelled] = {}

    def labels(self, *values: str) -> Labelled:
        """The child with these values of the labels. O(1)."""
        found = self._children.get(values)
        if found is None:
            found = self._children[values] = self._metric.labels(*values)
        return found


class Metrics:
    """The metrics of one application."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self.requests = ByLabels(
            Histogram(
                f"{PREFIX}_request_duration_seconds",
                "Time from the first byte of a request to the last of its response, by verb and HTTP status.",
                ("verb", "code"),
                buckets=REQUEST_BUCKETS,
                registry=self.registry,
            )
        )
        self.in_flight = ByLabels(
            Gauge(
                f"{PREFIX}_requests_in_flight",
                "Requests in progress, by verb.",
                ("verb",),
                registry=self.registry,
            )
        )
        self.filter_nodes = ByLabels(
            Counter(
                f"{PREFIX}_filter_nodes_total",
                "Nodes that filters evaluated for Pods with claims, by result: fits, misfit or invalid.",
                ("result",),
                registry=self.registry,
            )
        )
        self.refusals = ByLabels(
            Counter(
                f"{PREFIX}_filter_refusals_total",
                "Nodes that filters refused, by the code of the first reason.",
                ("reason",),
                registry=self.registry,
            )
        )
        self.filter_fitting = Histogram(
            f"{PREFIX}_filter_fitting_nodes",
            "Nodes that one filter of a Pod with claims returned.",
            buckets=NODE_BUCKETS,
            registry=self.registry,
        )
        self.plain_pods = Counter(
            f"{PREFIX}_plain_pods_total",
            "Filters of Pods without claims, which pass at once.",
            registry=self.registry,
        )
        self.late = ByLabels(
            Counter(
                f"{PREFIX}_deadline_exceeded_total",
                "Requests that reached their time limit before all nodes were evaluated, by verb.",
                ("verb",),
                registry=self.registry,
            )
        )
        self.bind_duration = ByLabels(
            Histogram(
                f"{PREFIX}_bind_duration_seconds",
                "Time of one bind, writes to the API server included, by outcome: bound or refused.",
                ("outcome",),
                buckets=doubling(0.001, 14),
                registry=self.registry,
            )
        )
        self.pod_wait = Histogram(
            f"{PREFIX}_pod_wait_seconds",
            "Time from the creation of a Pod with claims to its binding.",
            buckets=doubling(1, 16),  # to 9 h
            registry=self.registry,
        )
        self.claim_hold = Histogram(
            f"{PREFIX}_claim_hold_seconds",
            "Time from the allocation of a claim to its release.",
            buckets=doubling(15, 16),  # to 5.7 days
            registry=self.registry,
        )
        self.dry_run_pods = ByLabels(
            Counter(
                f"{PREFIX}_dry_run_pods_total",
                "Pods of dry runs, by result: placed or unplaced.",
                ("result",),
                registry=self.registry,
            )
        )
        self.turned_away = Counter(
            f"{PREFIX}_dry_runs_turned_away_total",
            "Dry runs rejected with 429 because too many were in progress.",
            registry=self.registry,
        )
        self.expander_requests = ByLabels(
            Histogram(
                f"{PREFIX}_expander_duration_seconds",
                "Time of one request of Cluster Autoscaler for the best options, by gRPC status.",
                ("code",),
                buckets=doubling(0.001, 13),  # to 4.1 s: it waits 5 s
                registry=self.registry,
            )
        )
        self.expander_options = ByLabels(
            Counter(
                f"{PREFIX}_expander_options_total",
                "Options of Cluster Autoscaler, by result: best or other, and in addition unknown if the "
                "devices of the node group are not known.",
                ("result",),
                registry=self.registry,
            )
        )
        self.loop_lag = Histogram(
            f"{PREFIX}_event_loop_lag_seconds",
            "Delay of timers on the event loop, which delays every request.",
            buckets=doubling(0.001, 12),
            registry=self.registry,
        )
        self.loop_held = Histogram(
            f"{PREFIX}_event_loop_held_seconds",
            "CPU time of turns of the event loop that took 0.1 s or more. The log names what held it.",
            buckets=doubling(0.0125, 10),
            registry=self.registry,
        )
        Gauge(
            f"{PREFIX}_build_info",
            "Always 1; the labels are the version of this program and of Python.",
            ("version", "python"),
            registry=self.registry,
        ).labels(version, platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def add_source(self, samples: Callable[[], Iterable[Sample]]) -> None:
        """Calls ``samples`` at each scrape: it must be fast, or pause."""
        self.registry.register(_Sourced(samples))

    def text(self) -> bytes:
        """All metrics, for Prometheus. Cost: O(samples), with pauses."""
        return b"".join(_texts(self.registry))


def _texts(registry: CollectorRegistry) -> Iterator[bytes]:
    for metric in registry.collect():
        for number, part in enumerate(_parts(metric)):
            pause()
            text = generate_latest(_Collected(part))
            yield text.split(b"\n", 2)[2] if number else text  # the help and the type are there already


def _parts(metric: Metric) -> Iterator[Metric]:
    """Metrics with a part of the samples each. Those of counters and histograms need each other's."""
    if metric.type != "gauge":
        yield metric
        return
    for first in range(0, max(1, len(metric.samples)), _AT_ONCE):
        part = Metric(metric.name, metric.documentation, metric.type, metric.unit)
        part.samples = metric.samples[first : first + _AT_ONCE]
        yield part


class _Collected(Collector):
    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return (self._metric,)


class _Sourced(Collector):
    def __init__(self, samples: Callable[[], Iterable[Sample]]) -> None:
        self._samples = samples

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        for sample in self._samples():
            family = CounterMetricFamily if sample.counter else GaugeMetricFamily
            metric = family(f"{PREFIX}_{sample.name}", sample.help, labels=sample.labels)
            for labels, value in paced(list(sample.values.items())):
                metric.add_metric(labels, value)
            yield metric
