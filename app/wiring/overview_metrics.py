"""The numbers of the overview as metrics, each with a bounded number of series."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import nsmallest
from pathlib import Path

from app.api.service import Service
from app.core.model.allocation import Allocation
from app.core.overview.groups import DeviceGroup, Sums
from app.core.overview.overview import Overview
from app.core.pauses import paced, paced_if_many
from app.core.state.device_views import STATES
from app.observability.certificates import CertificateError, expiry
from app.observability.durations import seconds_since
from app.observability.metrics import Metrics, Sample
from app.wiring.rules import now

Labelled = dict[tuple[str, ...], float]
OTHER = "other"
"""Stands for all groups beyond the setting ``metrics_values``, and all drivers beyond ``_MAX_DRIVERS``."""
_MAX_DRIVERS = 100
AGES = (("under_1m", 60), ("1m_to_15m", 900), ("15m_to_1h", 3600))
_OLDEST = "over_1h"
_MAX_REQUESTS = 8


def overview(service: Service) -> Callable[[], Iterable[Sample]]:
    """Of the overview that the scrape has made (``Service.observe``).

    Cost: O(groups + pending Pods), with pauses.
    """

    def samples() -> Iterable[Sample]:
        seen = service.observed
        if seen is None:
            return
        label = _driver_labels(seen)
        yield from _devices(seen, label)
        yield from _groups(service, seen, label)
        yield from _pools(service, seen, label)
        yield from _pending(seen)
        yield from _mix(seen.sums)

    return samples


def hold_times(metrics: Metrics) -> Callable[[Allocation], None]:
    """Observes how long a claim had its devices, if its allocation has a time (Kubernetes 1.35 and later)."""

    def released(allocation: Allocation) -> None:
        seconds = seconds_since(allocation.timestamp, now())
        if seconds is not None:
            metrics.claim_hold.observe(seconds)

    return released


def certificates(service: Service) -> Callable[[], Iterable[Sample]]:
    """When the files of TLS expire; one that cannot be read has no value."""
    settings = service.settings
    files = {"serving": settings.tls_cert_file, "client_ca": settings.client_ca_file}

    def samples() -> Iterable[Sample]:
        text = "When the first certificate of a file expires, in seconds since 1970: serving or client_ca."
        found: Labelled = {(name,): at for name, path in files.items() if (at := _expiry(path)) is not None}
        yield Sample("certificate_expiry_timestamp_seconds", text, found, ("certificate",))

    return samples


def _expiry(path: Path | None) -> float | None:
    try:
        return None if path is None else expiry(path)
    except (CertificateError, OSError):
        return None  # the reload of the files logs it


def _driver_labels(seen: Overview) -> Callable[[str], str]:
    """A function that gives the value of the label of a driver: its name for those with the most devices,
    and then for the first of the others.
    """
    named = _largest(_MAX_DRIVERS, ((group.devices, name) for name, group in seen.sums.drivers.items()))

    def label(driver: str) -> str:
        if len(named) < _MAX_DRIVERS:
            named.add(driver)
        return driver if driver in named else OTHER

    return label


def _largest(most: int, sizes: Iterable[tuple[int, str]]) -> set[str]:
    """The names of those with the largest numbers. O(names), with pauses."""
    return {name for _, name in nsmallest(most, ((-size, name) for size, name in paced(sizes)))}


def _devices(seen: Overview, label: Callable[[str], str]) -> Iterator[Sample]:
    counts: Labelled = {}
    blocks: Labelled = {}
    parts: dict[str, tuple[float, float]] = {}
    for name, group in paced(seen.sums.drivers.items(), 64):
        driver = label(name)
        for state, number in zip(STATES, group.states, strict=True):
            counts[driver, state] = counts.get((driver, state), 0.0) + number
        blocks[driver,] = max(blocks.get((driver,), 0), group.largest)
        unusable, matching = parts.get(driver, (0.0, 0.0))
        more = seen.sums.fragments.get(name, (0.0, 0.0))
        parts[driver] = unusable + more[0], matching + more[1]
    yield Sample("devices", "Devices by driver and state.", counts, ("driver", "state"))
    text = "The most free devices of a driver on one node."
    yield Sample("largest_free_block", text, blocks, ("driver",))
    text = (
        "Of the free devices that expected requests can use, the share on nodes with too few of them, 0 to 1."
    )
    shares: Labelled = {
        (driver,): unusable / matching for driver, (unusable, matching) in parts.items() if matching
    }
    yield Sample("fragmentation_ratio", text, shares, ("driver",))


def _groups(service: Service, seen: Overview, label: Callable[[str], str]) -> Iterator[Sample]:
    settings = service.settings
    chosen, most = settings.metrics_groups, settings.metrics_values
    attributes: Labelled = {}
    if "attribute" in chosen and seen.attribute:
        attributes = _by_value(seen.attribute, seen.sums.values, most)
    text = "Devices by value of the attribute overview_attribute: in use, free, or off (tainted or unusable)."
    yield Sample("devices_by_attribute", text, attributes, ("attribute", "value", "state"))
    labels: Labelled = {}
    for name, groups in seen.sums.labels.items() if "label" in chosen else ():
        labels |= _by_value(name, groups, most)
    text = "Devices by value of the node labels overview_labels: in use, free, or off (tainted or unusable)."
    yield Sample("devices_by_label", text, labels, ("label", "value", "state"))
    held: Labelled = {}
    if "namespace" in chosen:
        uses = seen.sums.namespaces
        named = _largest(most, ((use.in_use, name) for name, use in uses.items()))
        for name, use in paced(uses.items()):
            for driver, number in paced_if_many(use.by_driver.items()):
                key = (name if name in named else OTHER, label(driver))
                held[key] = held.get(key, 0.0) + number
    text = "Devices that claims of a namespace hold, by driver."
    yield Sample("devices_by_namespace", text, held, ("claim_namespace", "driver"))


def _by_value(name: str, groups: Mapping[str, DeviceGroup], most: int) -> Labelled:
    found: Labelled = {}
    named = _largest(most, ((group.devices, value) for value, group in groups.items()))
    for group in paced(groups.values(), 64):
        value = group.name if group.name in named else OTHER
        rest = group.devices - group.in_use - group.free
        for state, number in (("in_use", group.in_use), ("free", group.free), ("off", rest)):
            found[name, value, state] = found.get((name, value, state), 0.0) + number
    return found


def _pools(service: Service, seen: Overview, label: Callable[[str], str]) -> Iterator[Sample]:
    pools = Counter(label(pool.driver) for pool in paced(list(service.state.inventory.pool_ids())))
    found: Labelled = {}
    for pool, trouble in paced(seen.troubles.pools.items()):
        key = label(pool.driver), "incomplete" if trouble.startswith("pool incomplete") else "invalid"
        found[key] = found.get(key, 0.0) + 1
    for pool in paced(seen.troubles.pools_gone):
        key = label(pool.driver), "gone"
        found[key] = found.get(key, 0.0) + 1
    for driver, number in pools.items():
        wrong = sum(found.setdefault((driver, state), 0.0) for state in ("incomplete", "invalid"))
        found.setdefault((driver, "gone"), 0.0)
        found[driver, "complete"] = max(0.0, number - wrong)
    text = "Pools by driver and state: complete, incomplete, invalid, or gone (claims hold devices of it)."
    yield Sample("pools", text, found, ("driver", "state"))
    # The others together are gone if one of them is; a driver itself is gone or has pools.
    gone: Labelled = {(driver,): 0.0 for driver in pools}
    gone |= {(label(item.driver),): 1.0 for item in paced(seen.troubles.drivers_gone)}
    text = "1 for a driver without slices that had some since the start, or whose devices claims hold."
    yield Sample("driver_gone", text, gone, ("driver",))


def _pending(seen: Overview) -> Iterator[Sample]:
    counts: Labelled = {}
    oldest, moment = 0.0, now()
    for group in seen.pending:
        for created in paced(list(group.created)):
            seconds = seconds_since(created, moment) or 0.0  # 0 for a Pod from a file
            oldest = max(oldest, seconds)
            age = next((name for name, end in AGES if seconds < end), _OLDEST)
            key = (group.reason.code or "Refused", age)
            counts[key] = counts.get(key, 0.0) + 1
    text = (
        "Pending Pods by the code of the reason that refuses most nodes, and age: under_1m, 1m_to_15m, "
        "15m_to_1h, over_1h."
    )
    yield Sample("pending_pods", text, counts, ("reason", "age"))
    yield Sample("pending_pods_oldest_seconds", "Age of the oldest pending Pod.", {(): oldest})


def _mix(sums: Sums) -> Iterator[Sample]:
    rooms = sums.rooms[:_MAX_REQUESTS]
    text = "Share of the most frequent expected requests, from templates and claims, 0 to 1."
    yield Sample("expected_request_share", text, {(item.text,): item.share for item in rooms}, ("request",))
    text = "How many more of an expected request would find devices, by their number alone."
    yield Sample("expected_request_fits", text, {(item.text,): item.fits for item in rooms}, ("request",))
