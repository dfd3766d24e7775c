"""``make bench``: side by side in one run; prints tables, writes bench/results/*.json and plots of them."""

import argparse
import platform
import sys
from pathlib import Path

from gobuild import BuildError
from oracle import binary

from bench import (
    allocation,
    cel,
    dry_run,
    end_to_end,
    files_entered,
    http_filter,
    memory,
    plot,
    scale,
    shortcuts,
)
from bench.run import Run

RESULTS = Path(__file__).parent / "results"
PARTS = (
    cel.PART,
    allocation.PART,
    http_filter.PART,
    dry_run.PART,
    files_entered.PART,
    memory.PART,
    scale.PART,
    shortcuts.PART,
    end_to_end.PART,
)


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    names = [part.name for part in PARTS]
    parser.add_argument("--part", choices=names, action="append", help="default: all of them")
    parser.add_argument("--nodes", type=int, nargs="*", default=[500, 5000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=int, default=50_000, help="nodes of the scaling law, 0 for none")
    parser.add_argument(
        "--contenders",
        nargs="*",
        choices=[contender.name for contender in end_to_end.CONTENDERS],
        default=[],
        help="of the part e2e; default: all of them",
    )
    parser.add_argument("--pods", type=int, default=0, help="that each contender of e2e binds in a turn")
    parser.add_argument("--uv", type=Path, help="the uv that gets Go where the PATH has none")
    parser.add_argument("--to", type=Path, default=RESULTS, help="where the results go")
    given = parser.parse_args()
    try:
        program = binary(uv=given.uv)
    except BuildError as error:
        print(f"no comparison with the in-tree allocator: {error}", file=sys.stderr)
        return 1
    given.to.mkdir(parents=True, exist_ok=True)
    run = Run(program, given.nodes, given.rounds, given.scale, given.uv, given.contenders, given.pods)
    run.progress(f"Python {platform.python_version()}: {run.mix_ms} ms of CPU time for a fixed mix of steps")
    lacking = False
    for part in PARTS:
        if given.part is not None and part.name not in given.part:
            continue
        if why := part.lacks():
            print(f"{part.name} is left out: {why}", file=sys.stderr)
            lacking = True
            continue
        part.run(run, given.to)
    plot.draw(given.to, given.to / "performance.svg", max(given.nodes))
    return 1 if lacking and given.part is not None else 0


if __name__ == "__main__":
    sys.exit(main())
