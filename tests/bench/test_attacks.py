"""The attacks on a running service measure what others notice."""

import asyncio
from typing import Any

from bench.attacks.__main__ import run
from bench.attacks.inputs import attacks


def test_an_attack_is_measured_beside_filters_probes_and_the_lease() -> None:
    name = "placements, a slice of 10,000 devices"
    rows: list[dict[str, Any]] = []
    asyncio.run(run(100, {name: attacks()[name]}, rows))
    (row,) = rows
    assert row["end"].startswith("422 InvalidObject")
    assert row["lease"] == "kept"
    assert row["failed"] == []
    assert row["longest turn"] > 0
    assert row["MB"] > 0
