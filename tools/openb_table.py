"""The table of policies on the published openb lists, in docs/policies.md.

python tools/openb_table.py             writes the table from bench/results/openb.json
python tools/openb_table.py FOLDER      first runs what that file does not hold yet, on the lists in FOLDER
                                        (openb_*_list_*.csv.gz, published.json)
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from made import page_with

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "policies.md"
RESULTS = ROOT / "bench" / "results" / "openb.json"
SEEDS = "42-51"
PERCENTS = ("100", "110", "130")
POLICIES = ("Random", "DotProd", "GpuClustering", "GpuPacking", "BestFit", "FGD", "expected-use")
OURS = "expected-use"

Json = dict[str, Any]


def page() -> str:
    """The whole page, its table made from the results."""
    return page_with(PAGE, table(json.loads(RESULTS.read_text(encoding="utf-8"))))


def table(results: Json) -> str:
    """Published, reproduced and the extender's own allocation, list by list."""
    head = "".join(f" {percent} % published | reproduced |" for percent in PERCENTS)
    lines = ["", f"| list | policy |{head}", "| --- | --- |" + " --- |" * (2 * len(PERCENTS))]
    for name, runs in results["lists"].items():
        lines += [
            _line(name, policy, results["published"][name], runs) for policy in POLICIES if policy in runs
        ]
    return "\n".join(lines) + "\n"


def _line(name: str, policy: str, published: Json, runs: Json) -> str:
    cells = []
    for percent in PERCENTS:
        figure = published.get(policy, {}).get(percent)
        measured = runs[policy][percent]
        cells += [
            "" if figure is None else f"{figure:.2f}",
            f"{measured['mean']:.2f} ± {measured['spread']:.2f}",
        ]
    if policy == OURS:
        cells = [f"**{cell}**" if cell else "" for cell in cells]
    return f"| {name} | `{policy}` | {' | '.join(cells)} |"


def run_missing(folder: Path) -> None:
    """Runs each list with each policy that has no result yet; after each the results are written."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"lists": {}}
    published = json.loads((folder / "published.json").read_text(encoding="utf-8"))["workloads"]
    results["published"] = {
        name: {
            policy: {percent: figures[percent] for percent in PERCENTS}
            for policy, figures in policies.items()
        }
        for name, policies in sorted(published.items())
    }
    for name, policy in _missing(results, sorted(published)):
        results["lists"].setdefault(name, {})[policy] = _run(folder, name, policy)
        results["lists"] = dict(sorted(results["lists"].items()))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _missing(results: Json, lists: list[str]) -> Iterator[tuple[str, str]]:
    for policy in POLICIES:
        for name in lists:
            if policy not in results["lists"].get(name, {}):
                yield name, policy


def _run(folder: Path, name: str, policy: str) -> Json:
    command = [
        sys.executable, "-c", "from app.cli import main; main()", "simulate", "import-csv",
        str(folder / "openb_node_list_gpu_node.csv.gz"), str(folder / f"openb_pod_list_{name}.csv.gz"),
        "--seeds", SEEDS, "--at", ",".join(PERCENTS), "--policy", policy, "-o", "json",
        "--processes", str(os.cpu_count() or 1),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    (found,) = json.loads(done.stdout)["policies"]
    allocation: Json = found["allocation"]
    return allocation


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_missing(Path(sys.argv[1]))
    PAGE.write_text(page(), encoding="utf-8")
