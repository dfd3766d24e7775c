"""The text of the metrics is that of Prometheus' client, made in parts."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, Info
from prometheus_client.exposition import generate_latest

from app.observability.metrics import Metrics, Sample
from tests.pausing import Meter


def made_of(*samples: Sample) -> Metrics:
    found = Metrics("1.0")
    found.registry = CollectorRegistry()  # without numbers that differ from one moment to the next
    times = Histogram("times", "With help\nof two lines.", ("verb",), registry=found.registry)
    for verb in ("filter", "bind"):
        times.labels(verb).observe(1)
    Info("build", "Of this.", registry=found.registry).info({"version": "1"})
    found.add_source(lambda: samples)
    return found


def many(number: int) -> Iterator[Sample]:
    values = {(f"d{at}", 'with "\n'): float(at) for at in range(number)}
    yield Sample("devices", "Devices.\nAll.", values, ("driver", "state"))
    yield Sample("answers", "Answers.", values, ("driver", "state"), counter=True)
    yield Sample("none", "None.", {})


def test_the_text_in_parts_is_that_of_the_client() -> None:
    for number in (0, 1, 100, 101, 350):
        metrics = made_of(*many(number))
        assert metrics.text() == generate_latest(metrics.registry)


def test_long_metrics_are_written_with_pauses() -> None:
    metrics, meter = made_of(*list(many(5000))[:1]), Meter()
    assert meter.measure(metrics.text)
    assert meter.most < 10_000, (meter.most, meter.where)
