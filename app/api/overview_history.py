"""The numbers of the overview over the last 24 hours: a ring in memory, and a file if one is set."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from pathlib import Path
from sys import intern
from typing import Any

import orjson

from app.core.overview.overview import Overview
from app.core.pauses import paced

STEP_SECONDS = 60.0
_SAMPLES = 1440
MAX_POINTS = 288
"""Points of an answer: one for five minutes of a day."""
_NUMBERS = ("devices", "inUse", "free", "pending", "fragmentation", "left", "troubled")
MAX_DRIVERS = 20
"""Drivers that a sample has a number of each for; the others are counted together."""
_OF_DRIVER = "inUse "
OTHER_DRIVERS = f"{_OF_DRIVER}other"


@dataclass(frozen=True, slots=True)
class OverviewSample:
    """The numbers at one time (RFC 3339, UTC). ``values`` by series; None where there is no number."""

    at: str
    values: dict[str, float | None] = field(default_factory=dict)


def sample_of(seen: Overview, at: str) -> OverviewSample:
    """A sample of an overview of the whole cluster, with the largest drivers. O(drivers), with pauses."""
    sums, troubles = seen.sums, seen.troubles
    numbers = (
        sums.total.devices,
        sums.total.in_use,
        sums.total.free,
        seen.waiting,
        sums.fragmentation(),
        len(troubles.claims),
        len(troubles.pools) + len(troubles.pools_gone),
    )
    values: dict[str, float | None] = dict(zip(_NUMBERS, numbers, strict=True))
    ranked = nsmallest(MAX_DRIVERS, ((-item.devices, name) for name, item in paced(sums.drivers.items())))
    used = [sums.drivers[name].in_use for _, name in ranked]
    # Interned, since a day of samples has each name 1,440 times.
    names = [intern(f"{_OF_DRIVER}{name}") for _, name in ranked]
    values |= dict(zip(names, used, strict=True))
    if len(sums.drivers) > len(ranked):
        values[OTHER_DRIVERS] = sums.total.in_use - sum(used)
    return OverviewSample(at, values)


def _bounded(sample: OverviewSample) -> OverviewSample:
    """A sample from elsewhere, with the drivers of which most devices are in use. O(series)."""
    values = {intern(name): value for name, value in sample.values.items() if name in _NUMBERS}
    drivers = {name: value for name, value in sample.values.items() if name.startswith(_OF_DRIVER)}
    rest = drivers.pop(OTHER_DRIVERS, None)
    ranked = nsmallest(MAX_DRIVERS, drivers, key=lambda name: (-(drivers[name] or 0), name))
    values |= {intern(name): drivers[name] for name in ranked}
    if rest is not None or len(drivers) > len(ranked):
        more = sum(value or 0 for value in drivers.values()) - sum(drivers[name] or 0 for name in ranked)
        values[OTHER_DRIVERS] = (rest or 0) + more
    return OverviewSample(sample.at, values)


class OverviewHistory:
    """At most a day of samples, one a minute. ``source`` is where those from before the start come from."""

    def __init__(self) -> None:
        self._samples: deque[OverviewSample] = deque(maxlen=_SAMPLES)
        self.source = "memory"

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, sample: OverviewSample) -> None:
        """Adds the newest sample. O(1)."""
        self._samples.append(sample)

    def points(self) -> list[OverviewSample]:
        """At most ``MAX_POINTS`` samples, oldest first: the last one, and others at equal intervals before
        it.
        """
        step = -(-len(self._samples) // MAX_POINTS) or 1
        return list(self._samples)[::-1][::step][::-1]

    def fill(self, samples: Iterable[OverviewSample]) -> None:
        """Replaces what was before the start by the samples of Prometheus, oldest first. With pauses."""
        found = [_bounded(item) for item in paced(samples, 8)]
        self._samples.clear()
        self._samples.extend(found)
        self.source = "prometheus"

    def samples(self) -> list[OverviewSample]:
        """All of them, oldest first, to ``dump`` in a thread."""
        return list(self._samples)

    def load(self, lines: Iterable[bytes], since: str) -> None:
        """Adds samples from a file, in its order; leaves out older ones, and lines that are not samples.

        With pauses.
        """
        for sample in _read(paced(lines, 8)):
            if sample.at >= since and (not self._samples or sample.at > self._samples[-1].at):
                self._samples.append(_bounded(sample))
        self.source = "file"


def series_of(points: Sequence[OverviewSample]) -> list[str]:
    """The series that samples have: the fixed ones, then those of drivers, the most recent ``MAX_DRIVERS``
    and the others. O(samples x series), with pauses.
    """
    fixed: set[str] = set()
    drivers: set[str] = set()
    for item in paced(reversed(points), 32):
        for name in item.values:
            if name in _NUMBERS or name == OTHER_DRIVERS:
                fixed.add(name)
            elif len(drivers) < MAX_DRIVERS:
                drivers.add(name)
    return sorted(fixed | drivers, key=lambda name: (name not in _NUMBERS, name))


def dump(samples: Iterable[OverviewSample]) -> bytes:
    """The samples as lines of JSON, for ``load``. Cost: some 2 us for each, without the loop's thread."""
    return b"".join(orjson.dumps({"at": item.at, "values": item.values}) + b"\n" for item in samples)


def _read(lines: Iterable[bytes]) -> Iterator[OverviewSample]:
    for line in lines:
        try:
            raw: Any = orjson.loads(line)
            values = raw["values"].items()
            yield OverviewSample(str(raw["at"]), {str(name): _number(value) for name, value in values})
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
            continue  # cut off when the process ended, or written by another version


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def write(path: Path, samples: Iterable[OverviewSample]) -> None:
    """Replaces the file in one step. Raises: OSError."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(dump(samples))
    new.replace(path)
