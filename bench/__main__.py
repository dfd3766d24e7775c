"""``make bench``: side by side in one run; prints tables, writes bench/results/local/*.json."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

from gobuild import BuildError
from oracle import Oracle, binary

from bench import allocation, cel, http_filter
from bench.scenes import SCENES

RESULTS = Path(__file__).parent / "results"
PARTS = ("cel", "in-process", "http")
_HTTP = ("one", "misfit", "half")


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all of them")
    parser.add_argument("--nodes", type=int, nargs="*", default=[500, 5000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--scale", type=int, default=50_000, help="nodes of the scaling law, 0 for none")
    parser.add_argument("--uv", type=Path, help="the uv that gets Go where the PATH has none")
    parser.add_argument("--to", type=Path, default=RESULTS / "local", help="where the results go")
    given = parser.parse_args()
    parts = given.part or PARTS
    try:
        program = binary(uv=given.uv)
    except BuildError as error:
        print(f"no comparison with the in-tree allocator: {error}", file=sys.stderr)
        return 1
    given.to.mkdir(parents=True, exist_ok=True)
    if "cel" in parts:
        _write(given.to / "cel.json", _cel(program))
    with Oracle("bench", program) as in_tree:
        if "in-process" in parts:
            rows = _in_process(given.nodes, given.rounds, given.scale, in_tree)
            _write(given.to / "allocation.json", rows)
        if "http" in parts:
            _write(given.to / "http-filter.json", _http(max(given.nodes), given.rounds, in_tree))
    return 0


def _cel(program: Path) -> list[dict[str, Any]]:
    _progress("one evaluation of usual selectors; ratios: theirs over ours, more is better")
    columns = ("fast_ns", "cel_go_ns", "cel_python_ns", "ratio_cel_go", "ratio_cel_python", "compile_us")
    print(*(f"{name:>16}" for name in columns), " selector", flush=True)
    rows = cel.measure(program)
    for row in rows:
        print(*(f"{row[name]:>16}" for name in columns), "", row["selector"], flush=True)
    return rows


def _in_process(sizes: list[int], rounds: int, scale: int, in_tree: Oracle) -> list[dict[str, Any]]:
    _progress("one Pod on all nodes, 8 devices each, ms a Pod; ratios: in-tree over ours, more is better")
    columns = ("scene", "nodes", "fits", "cold_ms", "moving_ms", "in_tree_ms", "cold_ratio", "moving_ratio")
    print(*(f"{name:>12}" for name in columns), flush=True)
    rows = []
    for nodes in sizes:
        for scene in SCENES:
            rows.append(allocation.measure(scene, nodes, rounds, in_tree))
            print(*(f"{rows[-1][name]:>12}" for name in columns), flush=True)
    if scale:
        for scene in SCENES[:2]:
            rows.append(allocation.measure(scene, scale, 3, None))
            print(*(f"{rows[-1].get(name, '-'):>12}" for name in columns), flush=True)
    return rows


def _http(nodes: int, rounds: int, in_tree: Oracle) -> list[dict[str, Any]]:
    _progress(f"filter over HTTP with {nodes} node names, a Pod bound between calls, client included")
    columns = ("scene", "first_ms", "filter_ms", "filter_p99_ms", "plain_ms", "in_tree_ms", "ratio")
    print(*(f"{name:>14}" for name in columns), flush=True)
    rows = []
    for scene in (scene for scene in SCENES if scene.name in _HTTP):
        row = asyncio.run(http_filter.measure(scene, nodes, max(40, rounds)))
        alone = allocation.measure(scene, nodes, 3, in_tree)["in_tree_ms"]
        row |= {"in_tree_ms": alone, "ratio": round(alone / row["filter_ms"], 2)}
        rows.append(row)
        print(*(f"{row[name]:>14}" for name in columns), flush=True)
    return rows


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    about = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    path.write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")
    _progress(f"written to {path}")


_started = time.monotonic()


def _progress(text: str) -> None:
    print(f"[{time.monotonic() - _started:4.0f} s] {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
