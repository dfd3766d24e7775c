"""Writes what ``make attack`` has measured into the table of docs/security.md.

``python -m bench.attacks.table 200.json 5000.json``: the rows of each size. A row of the table may stand for
several attacks, and shows the worst of them.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

DOCUMENT = Path("docs/security.md")
_FIGURES = ("filter p99", "longest turn")

ROWS: Mapping[str, Sequence[str]] = {
    "filter of a claim with 32 selectors of 925,556 units": ["filter, 32 dear selectors*", "filter, * x 32"],
    "filter of a Pod with 32 claims of 32 selectors each": ["a Pod with 32 claims of 32 dear selectors"],
    "explanation of a Pod with such selectors": ["explanation of a Pod with 32 dear selectors"],
    "explanation of a Pod with 3,000 claims that no device satisfies": ["explanation of a Pod with 3,000 *"],
    "`/matches` with a selector beyond the cost limit": ["matches, a selector beyond the cost limit*"],
    "16 MiB of `{}` in JSON labeled as YAML": [
        "*, 16 MiB of {} in JSON sent as YAML",
        "four bodies of 16 MiB *",
    ],
    "16 MiB of `0` in JSON labeled as YAML": ["*, 16 MiB of 0 in JSON sent as YAML"],
    "16 MiB of `{}{}{}...`": ["*, 16 MiB of {}{}{}"],
    "YAML of 300,000 keys": ["*, YAML of 300,000 keys"],
    "3 million times `---`": ["*, 3 million times ---"],
    "one comment or one scalar of 16 MiB": ["*, one comment of 16 MiB", "*, one scalar of 16 MiB"],
    "16 MiB of `{}` in JSON": ["*, 16 MiB of {} in JSON", "*, JSON of 1,000,000 unknown fields"],
    "16 MiB of escapes in one JSON string": ["*, 16 MiB of escapes in JSON"],
    "`addNodes` of 100,000 and of 2,000 nodes": [
        "placements, addNodes *",
        "placements, removal of each node",
    ],
    "a slice of 10,000 devices, 150 selectors in a class": [
        "placements, a slice of 10,000 devices",
        "placements, * selectors of 10 kB in a class",
    ],
    "filters of 40 Pods with 32 such selectors each": ["filters, 40 Pods with 32 dear selectors each"],
    "8,000 slices of one pool over all nodes, one by one": ["slices of one pool over all nodes, one by one"],
    "a pool whose generation rises 100 times a second": ["a pool whose generation rises *"],
    "1,000 taints in a dry run": ["placements, 1,000 taints", "capacity for an extended resource"],
    "600 claims with a selector each": ["placements, 600 claims *", "placements, 60 claims *"],
    "10,000 Pods with a claim each": ["placements, 10,000 Pods with a claim each"],
    "Pods with 3,000 containers, claims or affinity terms": ["filters of a Pod with 3,000 *"],
    "30 dry runs at once": ["30 dry runs at once"],
    "lists beside 20 Pods with 16 claims of 1.3 MB of selectors each": ["lists beside 20 Pods *"],
    "queries with long or many parameters, selectors that nest deeply": [
        "queries *",
        "matches, selectors that *",
    ],
    "8 MB of invalid values in a body": ["invalid values in bodies of 4 to 8 MB"],
    "webhooks that name 100,000 nodes": ["webhooks with 100,000 unknown nodes and victims"],
    "3,000 drivers": ["3,000 drivers"],
    "3,000 pools for all nodes, of which one changes 10 times a second": ["3,000 pools for all nodes*"],
    "16 taints on each of 6,400 devices": ["16 taints on each of 6,400 devices"],
    "a node selector on each of 128 devices of a pool": ["a node selector on each of 128 devices of a pool*"],
    "one pool of 3,200 devices for all nodes": ["one pool of 3,200 devices for all nodes*"],
    "preemption and repack beside 1,000 Pods and 1,000 PodDisruptionBudgets": ["*1,000 PodDisruptionBudgets"],
    "30 selectors of 10 kB, each with thousands of parts": ["filter, 30 wide selectors"],
    "selectors with large regular expressions, and with large ones on long texts": [
        "filter, large patterns x 32",
        "filter, a large pattern and a long text x 32",
    ],
    "filters of 120 kinds of claims with 32 selectors of 10 kB each": ["filters of 120 kinds of claims *"],
    "20,000 whole nodes that are not known, in a filter": ["20,000 whole nodes that are not known, *"],
    "a filter of a Pod in a group of 10,000 Pods": ["filter of a Pod of a group of 10,000 Pods"],
    "requests that wait for no response; fields without end behind a body": [
        "requests that *",
        "fields without *",
    ],
}
"""The attacks that each row stands for, by patterns of their names."""


def filled(document: str, sizes: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    """The document with the figures in its table. ``sizes``: the measured rows for each number of nodes.

    Raises: ValueError, for an attack of a row that was not measured.
    """
    lines = document.splitlines(keepends=True)
    for at, line in enumerate(lines):
        cells = line.split(" | ")
        title = cells[0].removeprefix("| ")
        if title in ROWS and len(cells) == 5:
            cells[2:4] = [" / ".join(_worst(title, figure, rows) for rows in sizes) for figure in _FIGURES]
            lines[at] = " | ".join(cells)
    return "".join(lines)


def _worst(title: str, figure: str, rows: Sequence[Mapping[str, Any]]) -> str:
    found = [row[figure] for row in rows if any(fnmatchcase(row["attack"], name) for name in ROWS[title])]
    if not found:
        raise ValueError(f"no attack was measured for {title!r}")
    return f"{max(found):.0f}"


def main() -> int:
    """Reads the command line, fills the table, and prints the worst figures of each size."""
    parser = argparse.ArgumentParser(prog="table", description=__doc__)
    parser.add_argument("rows", type=Path, nargs=2, help="JSON of make attack for 200 and for 5,000 nodes")
    sizes = [json.loads(path.read_text()) for path in parser.parse_args().rows]
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), sizes))
    for rows in sizes:
        worst = {figure: max(row[figure] for row in rows) for figure in (*_FIGURES, "/livez", "MB")}
        beyond = [row["attack"] for row in rows if row["beyond"]]
        print(f"{rows[0]['nodes']} nodes, {len(rows)} attacks: {worst}; beyond a limit: {beyond or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
