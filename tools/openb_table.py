"""The table of policies on the published openb lists, in docs/policies.md.

python tools/openb_table.py             writes the table from bench/results/openb.json
python tools/openb_table.py FOLDER      first runs what that file does not hold yet, on the lists in FOLDER
                                        (openb_*_list_*.csv.gz, published.json)
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from made import page_with

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "policies.md"
RESULTS = ROOT / "bench" / "results" / "openb.json"
SEEDS = range(42, 52)
PERCENTS = ("100", "110", "130")
POLICIES = ("Random", "DotProd", "GpuClustering", "GpuPacking", "BestFit", "FGD", "expected-use")
OURS = "expected-use"

Json = dict[str, Any]


def page() -> str:
    """The whole page, its table made from the results."""
    return page_with(PAGE, table(json.loads(RESULTS.read_text(encoding="utf-8"))))


def table(results: Json) -> str:
    """Published, reproduced and the extender's own allocation, list by list."""
    head = "".join(f" {percent} % published | here |" for percent in PERCENTS)
    lines = ["", f"| list | policy | seeds |{head}", "| --- | --- | --- |" + " --- |" * (2 * len(PERCENTS))]
    for name, runs in results["lists"].items():
        lines += [
            _line(name, policy, results["published"][name], runs) for policy in POLICIES if policy in runs
        ]
    return "\n".join(lines) + "\n"


def _line(name: str, policy: str, published: Json, runs: Json) -> str:
    cells = []
    for percent in PERCENTS:
        figure = published.get(policy, {}).get(percent)
        values = [run[percent] for run in runs[policy].values()]
        cells.append("" if figure is None else f"{figure:.2f}")
        cells.append(f"{fmean(values):.2f} ± {stdev(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}")
    if policy == OURS:
        cells = [f"**{cell}**" if cell else "" for cell in cells]
    return f"| {name} | `{policy}` | {len(runs[policy])} | {' | '.join(cells)} |"


def run_missing(folder: Path) -> None:
    """Runs each list, policy and seed that has no result yet; after each the results are written."""
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"lists": {}}
    published = json.loads((folder / "published.json").read_text(encoding="utf-8"))["workloads"]
    results["published"] = {
        name: {
            policy: {percent: figures[percent] for percent in PERCENTS}
            for policy, figures in policies.items()
        }
        for name, policies in sorted(published.items())
    }
    for name, policy, seed in _missing(results, sorted(published)):
        runs = results["lists"].setdefault(name, {}).setdefault(policy, {})
        runs[str(seed)] = _run(folder, name, policy, seed)
        results["lists"] = dict(sorted(results["lists"].items()))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _missing(results: Json, lists: list[str]) -> Iterator[tuple[str, str, int]]:
    """The extender's own policy with all seeds first: it is what the table is for."""
    for policy in reversed(POLICIES):
        for seed in SEEDS:
            for name in lists:
                if str(seed) not in results["lists"].get(name, {}).get(policy, {}):
                    yield name, policy, seed


def _run(folder: Path, name: str, policy: str, seed: int) -> Json:
    command = [
        sys.executable, "-c", "from app.cli import main; main()", "simulate", "import-csv",
        str(folder / "openb_node_list_gpu_node.csv.gz"), str(folder / f"openb_pod_list_{name}.csv.gz"),
        "--seeds", str(seed), "--at", ",".join(PERCENTS), "--policy", policy, "-o", "json",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    (found,) = json.loads(done.stdout)["policies"]
    (run,) = found["runs"]
    allocation: Json = run["allocation"]
    return allocation


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_missing(Path(sys.argv[1]))
    PAGE.write_text(page(), encoding="utf-8")
