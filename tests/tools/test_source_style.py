"""Python is written in one style where several are possible and ruff has no rule."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("app", "bench", "charts", "loadtest", "tests", "tools")
STYLES = {
    "an exemption has its reason after a dash": r"# (ruff: )?noqa(?!: [A-Z]+\d+(, [A-Z]+\d+)* - \S)",
    "annotations are evaluated": r"^from __future__ import annotations$",
    "dataclasses are imported by name": r"^import dataclasses$",
    "test modules import no test module": r"^\s*(from|import) (\S+\.)?test_\w+( |$)",
}


def _lines(path: Path, *, comments: bool) -> Iterator[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    if not comments:
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


@pytest.mark.parametrize("style", STYLES)
def test_one_style(style: str) -> None:
    pattern = re.compile(STYLES[style])
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in _lines(path, comments="noqa" in STYLES[style])
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import x  # noqa: PLC0415 - slow to import", False),
        ("# ruff: noqa: S105, S106 - not secrets", False),
        ("import x  # noqa: PLC0415", True),
        ("import x  # noqa: PLC0415 # slow to import", True),
    ],
)
def test_the_pattern_of_exemptions(line: str, found: bool) -> None:
    assert bool(re.search(STYLES["an exemption has its reason after a dash"], line)) is found
