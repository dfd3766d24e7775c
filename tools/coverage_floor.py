"""Compares the coverage of the fast tests with the floors below.

Reads what slipcover wrote, prints the lines covered for each part of app/, and fails below a floor. The
end-to-end tests are not counted: they start the program in other processes.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

# Percent of lines. Core decides who gets which device, so less of it may go untested.
FLOORS = {"app/core": 97.0, "the rest of app": 90.0}


def part_of(file: str) -> str:
    """The part of the program whose floor counts for a file."""
    return "app/core" if file.startswith("app/core/") else "the rest of app"


def lines(report: Path) -> dict[str, tuple[int, int]]:
    """Covered and missing lines of each package of ``app/``, and of the two parts that have a floor."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for file, found in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        depth = 3 if file.startswith("app/core/") else 2
        package = "/".join(Path(file).parts[:depth]).removesuffix(".py")
        for name in {package, part_of(file)}:
            counts[name][0] += len(found["executed_lines"])
            counts[name][1] += len(found["missing_lines"])
    return {name: (covered, missing) for name, (covered, missing) in sorted(counts.items())}


def percent(covered: int, missing: int) -> float:
    return 100.0 * covered / (covered + missing) if covered + missing else 0.0


def main(report: Path) -> int:
    counted = lines(report)
    for name, (covered, missing) in counted.items():
        if name not in FLOORS:
            missed = f"{missing:>5} of {covered + missing} lines missed"
            print(f"{name:<28} {percent(covered, missing):5.1f} %  {missed}")
    failed = 0
    for name, floor in FLOORS.items():
        reached = percent(*counted.get(name, (0, 0)))
        failed += reached < floor
        compared = "below" if reached < floor else "at or above"
        print(f"{name:<28} {reached:5.1f} %  {compared} the floor of {floor} %")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
