"""The page of workloads names every kind that is known, and tests that there are."""

import re
from pathlib import Path

import pytest

from app.core.model.workload_kinds import BUILT_IN, CUSTOM

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "workloads.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "`" in line
]


@pytest.mark.parametrize(("group", "kind"), [*BUILT_IN, *CUSTOM])
def test_a_kind_that_is_known_has_a_row(group: str, kind: str) -> None:
    kinds = [row[1] for row in ROWS if row[0] == (group or "core")]

    assert any(f"`{kind}`" in cell for cell in kinds)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}".replace("`", ""))
def test_a_row_names_a_test_that_has_its_kind(row: list[str]) -> None:
    file = ROOT / row[4].strip("`")
    text = file.read_text(encoding="utf-8")

    kinds = re.findall(r"`(\w+)`", row[1])
    assert kinds
    assert row[0] == "core" or any(kind in text for kind in kinds)
