"""make upstream-perf: Kubernetes' own scheduler benchmark of DRA, with its plugin and with this program.

Contenders take turns; each turn is a process with an etcd, a kube-apiserver and a kube-scheduler in it.
Prints a table and writes bench/results/upstream-perf.json.
"""

import argparse
import json
import platform
import re
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gobuild
import gotest
import upstream_build
from upstream_run import LOGS, Side, environment

RESULTS = gobuild.REPOSITORY / "bench" / "results" / "upstream-perf.json"
BENCHMARK = "BenchmarkPerfScheduling"
# The published ones of 500 nodes that allocate from a template; each keeps a part of the devices in use.
WORKLOADS = tuple(
    f"SchedulingWithResourceClaimTemplate/{name}_500nodes" for name in ("5000pods", "empty", "half", "full")
)


@dataclass(frozen=True, slots=True)
class Contender:
    """``settings``: environment of the extender."""

    name: str
    side: Side
    settings: tuple[tuple[str, str], ...] = ()


CONTENDERS = (
    Contender("in-tree", Side.IN_TREE),
    Contender("here", Side.HERE),
    Contender("here, all candidates", Side.HERE, (("DRA_CANDIDATES", "0"),)),
)


def turn(program: Path, contender: Contender, workload: str, *, seconds: int) -> float:
    """Pods scheduled a second, as the benchmark averages it. Raises: RuntimeError if it has failed."""
    logs = LOGS / "perf" / re.sub(r"\W+", "-", f"{contender.name} {workload}")
    logs.mkdir(parents=True, exist_ok=True)
    for old in logs.iterdir():
        old.unlink()
    levels = "/".join(f"^{part}$" for part in (BENCHMARK, *workload.split("/")))
    command = [program, f"-test.bench={levels}", "-test.benchtime=1ns", "-test.run=^$"]
    command += [f"-test.timeout={seconds}s", f"-data-items-dir={logs}"]
    log = logs / "tests.log"
    status = gotest.run_to_end(
        command,
        log,
        environment=environment(contender.side, logs) | dict(contender.settings),
        seconds=seconds,
        # Its workloads and templates are there.
        folder=upstream_build.source_folder() / "test" / "integration" / "scheduler_perf" / "dra",
    )
    found = [
        rate
        for path in logs.glob(f"{BENCHMARK}_*.json")
        for rate in throughputs(json.loads(path.read_text()))
    ]
    if status != 0 or len(found) != 1:
        raise RuntimeError(
            f"{contender.name}, {workload}: ended with {status} and {len(found)} results; see {log}"
        )
    return found[0]


def throughputs(data: Any) -> Iterator[float]:
    """The average rates in a file of data items."""
    for item in data["dataItems"]:
        if item["labels"]["Metric"] == "SchedulingThroughput":
            yield item["data"]["Average"]


def measure(
    program: Path, contenders: Sequence[Contender], workloads: Sequence[str], *, rounds: int, seconds: int
) -> list[dict[str, Any]]:
    """A row for each workload and contender: its rates by round, their median, the median of the ratios."""
    rates: dict[tuple[str, str], list[float]] = {}
    for number in range(1, rounds + 1):
        for workload in workloads:
            for contender in contenders:
                rate = turn(program, contender, workload, seconds=seconds)
                print(f"round {number}: {workload}, {contender.name}: {rate:.1f} Pods/s", flush=True)
                rates.setdefault((workload, contender.name), []).append(round(rate, 1))
    return rows(rates, contenders[0].name)


def rows(rates: Mapping[tuple[str, str], Sequence[float]], base: str) -> list[dict[str, Any]]:
    """Medians, and those of the ratios to ``base`` within each round."""
    made = []
    for (workload, contender), runs in rates.items():
        ratios = [rate / other for rate, other in zip(runs, rates[workload, base], strict=True)]
        made.append(
            {
                "workload": workload,
                "contender": contender,
                "pods_per_s": statistics.median(runs),
                "runs": list(runs),
                "to_in_tree": round(statistics.median(ratios), 2),
            }
        )
    return made


def table(found: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| workload | contender | Pods/s | to in-tree | by round |", "| --- | --- | --- | --- | --- |"]
    for row in found:
        runs = ", ".join(f"{rate:g}" for rate in row["runs"])
        name = row["workload"].rpartition("/")[2]
        lines.append(
            f"| {name} | {row['contender']} | {row['pods_per_s']:g} | {row['to_in_tree']}x | {runs} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", type=Path, help="the uv that gets Go where the PATH has none")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workload", action="append", help=f"like {WORKLOADS[1]}; repeatable")
    parser.add_argument("--seconds", type=int, default=600, help="the most that one turn may take")
    parser.add_argument("--to", type=Path, default=RESULTS, help="where the results go")
    given = parser.parse_args()
    try:
        program = upstream_build.binary("perf", uv=given.uv)
        found = measure(
            program, CONTENDERS, given.workload or WORKLOADS, rounds=given.rounds, seconds=given.seconds
        )
    except (gobuild.BuildError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    about = {
        "what": "SchedulingThroughput of test/integration/scheduler_perf/dra, Pods a second",
        "kubernetes": upstream_build.version(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
    }
    given.to.write_text(json.dumps({"about": about, "rows": found}, indent=1) + "\n", encoding="utf-8")
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
