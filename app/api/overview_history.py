"""The numbers of the overview over the last 24 hours: a ring in memory, and a file if one is set."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from app.core.overview.overview import Overview

STEP_SECONDS = 60.0
_SAMPLES = 1440
MAX_POINTS = 288
"""Points of an answer: one for five minutes of a day."""
_NUMBERS = ("devices", "inUse", "free", "pending", "fragmentation", "left", "troubled")


@dataclass(frozen=True, slots=True)
class OverviewSample:
    """The numbers at one time (RFC 3339, UTC). ``values`` by series; None where there is no number."""

    at: str
    values: dict[str, float | None] = field(default_factory=dict)


def sample_of(seen: Overview, at: str) -> OverviewSample:
    """A sample of an overview of the whole cluster. O(drivers)."""
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
    return OverviewSample(at, values | {f"inUse {name}": item.in_use for name, item in sums.drivers.items()})


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

    def names(self) -> list[str]:
        """The series that samples have: the fixed ones, then those of drivers. O(samples)."""
        found = {name: None for item in self._samples for name in item.values}
        return sorted(found, key=lambda name: (name not in _NUMBERS, name))

    def fill(self, samples: Iterable[OverviewSample]) -> None:
        """Replaces what was before the start by the samples of Prometheus, oldest first."""
        self._samples.clear()
        self._samples.extend(samples)
        self.source = "prometheus"

    def dump(self) -> bytes:
        """The samples as lines of JSON, for ``load``."""
        return b"".join(orjson.dumps(asdict(item)) + b"\n" for item in self._samples)

    def load(self, lines: Iterable[bytes], since: str) -> None:
        """Adds samples from a file, in its order; leaves out older ones, and lines that are not samples."""
        for sample in _read(lines):
            if sample.at >= since and (not self._samples or sample.at > self._samples[-1].at):
                self._samples.append(sample)
        self.source = "file"


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


def write(path: Path, content: bytes) -> None:
    """Replaces the file in one step. Raises: OSError."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(content)
    new.replace(path)
