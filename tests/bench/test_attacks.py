"""The attacks on a running service measure what others notice."""

import asyncio
from fnmatch import fnmatchcase
from typing import Any

import pytest

from bench.attacks.__main__ import run
from bench.attacks.inputs import attacks
from bench.attacks.table import DOCUMENT, ROWS, filled


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


def test_each_attack_is_in_the_documented_table() -> None:
    documented = [name for patterns in ROWS.values() for name in patterns]
    missing = [name for name in attacks() if not any(fnmatchcase(name, pattern) for pattern in documented)]
    unused = [pattern for pattern in documented if not any(fnmatchcase(name, pattern) for name in attacks())]
    assert (missing, unused) == ([], [])
    titles = {line.split(" | ")[0].removeprefix("| ") for line in DOCUMENT.read_text().splitlines()}
    assert [title for title in ROWS if title not in titles] == []


def test_a_row_shows_the_worst_of_its_attacks_at_each_size() -> None:
    rows = [{"attack": name, "filter p99": at, "longest turn": 2.4} for at, name in enumerate(attacks())]
    document = "| YAML of 300,000 keys | a bound | 1 / 2 | 3 / 4 | 400 |\nanother line\n"
    worst = max(row["filter p99"] for row in rows if "300,000 keys" in row["attack"])
    expected = f"| YAML of 300,000 keys | a bound | {worst} / {worst} | 2 / 2 | 400 |\nanother line\n"
    assert filled(document, [rows, rows]) == expected
    with pytest.raises(ValueError, match="no attack was measured for 'YAML of 300,000 keys'"):
        filled(document, [rows, []])
