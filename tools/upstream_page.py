"""docs/upstream.md: how Kubernetes' own tests end with its plugin and here, and why where that differs.

python tools/upstream_page.py          rewrites the page from tests/upstream/results.json and differences.yaml
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch

import gobuild
import upstream_build
import yaml
from made import page_with

PAGE = gobuild.REPOSITORY / "docs" / "upstream.md"
RESULTS = upstream_build.MODULE / "results.json"
DIFFERENCES = upstream_build.MODULE / "differences.yaml"
WORDS = "words"
"""Passes if the answers are put into the plugin's words."""


@dataclass(frozen=True, slots=True)
class Row:
    """One subtest: how it ends with the plugin and here; ``why`` for a difference."""

    name: str
    in_tree: str
    here: str
    why: str = ""

    @property
    def differs(self) -> bool:
        return self.in_tree == "pass" and self.here != "pass"


def rows(results: Mapping[str, tuple[str, str]], reasons: Mapping[str, str]) -> list[Row]:
    """A row for each subtest; ``reasons``: pattern of subtests to why they differ."""
    made = []
    for name, (in_tree, here) in results.items():
        row = Row(name, in_tree, here)
        if row.differs:
            row = Row(name, in_tree, here, next((why for p, why in reasons.items() if fnmatch(name, p)), ""))
        made.append(row)
    return made


def faults(found: Iterable[Row], reasons: Mapping[str, str]) -> list[str]:
    """Differences without a reason, and reasons without a difference among these subtests."""
    listed = list(found)
    lines = [f"{row.name}: {row.here} here, and no reason" for row in listed if row.differs and not row.why]
    for pattern in reasons:
        named = [row for row in listed if fnmatch(row.name, pattern)]
        if named and not any(row.differs for row in named):
            lines.append(f"{pattern}: a reason, and no difference")
    return lines


def save_results(results: Mapping[str, tuple[str, str]]) -> None:
    """Those of a whole run."""
    text = json.dumps({"kubernetes": upstream_build.version(), "subtests": results}, indent=1)
    RESULTS.write_text(f"{text}\n", encoding="utf-8")


def load_results() -> dict[str, tuple[str, str]]:
    """The results of the last whole run."""
    subtests = json.loads(RESULTS.read_text(encoding="utf-8"))["subtests"]
    return {name: (in_tree, here) for name, (in_tree, here) in subtests.items()}


def load_reasons() -> dict[str, str]:
    """Pattern of subtests to why they differ."""
    entries = yaml.safe_load(DIFFERENCES.read_text(encoding="utf-8"))
    return {pattern: " ".join(entry["why"].split()) for entry in entries for pattern in entry["subtests"]}


def page() -> str:
    """The whole page, its tables made from the results."""
    return page_with(PAGE, tables(rows(load_results(), load_reasons())))


def tables(found: Iterable[Row]) -> str:
    """A summary, and a table for each configuration."""
    parts: dict[str, list[Row]] = {}
    for row in found:
        parts.setdefault(row.name.partition("/")[0], []).append(row)
    lines = [
        "| configuration | subtests | pass in-tree | pass here | differ in words alone | differ |",
        "| --- " * 6 + "|",
    ]
    for name, part in parts.items():
        numbers = [
            len(part),
            sum(row.in_tree == "pass" for row in part),
            sum(row.here == "pass" for row in part),
            sum(row.differs and row.here == WORDS for row in part),
            sum(row.differs and row.here != WORDS for row in part),
        ]
        lines.append(f"| `{name}` | {' | '.join(map(str, numbers))} |")
    for name, part in parts.items():
        lines += ["", f"## {name}", "", "| subtest | in-tree | here | why |", "| --- | --- | --- | --- |"]
        for row in part:
            lines.append(f"| {row.name.partition('/')[2]} | {row.in_tree} | {row.here} | {row.why} |")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
