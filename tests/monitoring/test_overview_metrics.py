"""The metrics of the overview have a bounded number of series, and the ages of Pods."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Asked, inventory, run  # noqa: F401 - a fixture
from tests.objects import DRIVER, allocation, claim, device, device_class, node, pod, slice_of

Inventory = Callable[..., Path]


async def samples(service: Asked, name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels, in the order of their names."""
    text = (await service.client.get("/metrics")).text
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"dra_extender_{name}"
    }


def cluster() -> list[dict[str, Any]]:
    objects: list[dict[str, Any]] = [device_class()]
    for at in range(6):
        objects += [
            node(f"n{at}", zone=f"z{at}"),
            slice_of(f"n{at}", *(device(f"d{n}", model=f"m{at}") for n in range(at + 1))),
        ]
        held = claim(f"c{at}", namespace=f"team-{at}")
        objects.append(held | {"status": {"allocation": allocation(f"n{at}", "d0")}})
    return objects


def test_groups_beyond_the_limit_are_counted_together(inventory: Inventory) -> None:  # noqa: F811 - the fixture
    async def evaluation(service: Asked) -> None:
        assert await samples(service, "devices_by_attribute") == {
            ("model", "in_use", "m5"): 1, ("model", "free", "m5"): 5, ("model", "off", "m5"): 0,
            ("model", "in_use", "m4"): 1, ("model", "free", "m4"): 4, ("model", "off", "m4"): 0,
            ("model", "in_use", "other"): 4, ("model", "free", "other"): 6, ("model", "off", "other"): 0,
        }  # fmt: skip
        assert await samples(service, "devices_by_label") == {}
        assert await samples(service, "devices_by_namespace") == {
            ("team-0", DRIVER): 1,
            ("team-1", DRIVER): 1,
            ("other", DRIVER): 4,
        }

    run(inventory(*cluster()), evaluation, metrics_values=2, metrics_groups="attribute,namespace")


AGES = ((30, "under_1m"), (300, "1m_to_15m"), (2000, "15m_to_1h"), (9000, "over_1h"))


@pytest.mark.parametrize(("seconds", "age"), AGES)
def test_pending_pods_count_by_reason_and_age(inventory: Inventory, seconds: int, age: str) -> None:  # noqa: F811 - the fixture
    waiting = pod("p", "large")
    created = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds)
    waiting["metadata"]["creationTimestamp"] = created.isoformat(timespec="seconds").replace("+00:00", "Z")

    async def evaluation(service: Asked) -> None:
        assert await samples(service, "pending_pods") == {(age, "TooFewDevices"): 1}
        (oldest,) = (await samples(service, "pending_pods_oldest_seconds")).values()
        assert seconds <= oldest < seconds + 60

    objects = (device_class(), node("n"), slice_of("n", device("d")), claim("large", 3), waiting)
    run(inventory(*objects), evaluation)


def test_the_wait_of_a_pod_ends_with_its_binding(inventory: Inventory) -> None:  # noqa: F811 - the fixture
    waiting = pod("p", "c")
    waiting["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"

    async def evaluation(service: Asked) -> None:
        await service.post("/scheduler/filter", {"Pod": waiting, "NodeNames": ["n"], "Nodes": None})
        body = {"PodName": "p", "PodNamespace": "default", "PodUID": "uid-p", "Node": "n"}
        assert not (await service.post("/scheduler/bind", body))["Error"]
        assert await samples(service, "pod_wait_seconds_count") == {(): 1}

    run(inventory(device_class(), node("n"), slice_of("n", device("d")), claim("c"), waiting), evaluation)
