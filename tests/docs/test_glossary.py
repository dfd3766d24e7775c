"""The glossary names classes and files that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith(("| word", "| ---"))
]


def test_there_are_rows() -> None:
    assert len(ROWS) > 50
    assert all(len(row) == 4 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_the_source_defines_the_classes_of_a_row(row: list[str]) -> None:
    source = ROOT / row[3].strip("`")
    names = re.findall(r"`([A-Z]\w+)`", row[0])
    tree = ast.parse(source.read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)} | {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert set(names) <= defined


def test_each_word_has_one_row() -> None:
    words = [row[0] for row in ROWS]
    assert sorted(set(words)) == sorted(words)
