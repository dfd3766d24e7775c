"""``simulate import-csv``: places a published list of tasks on a list of nodes by several policies."""

import csv
import gzip
import io
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import click

from app.cli import options
from app.cli.durations import FiniteRange
from app.cli.problems import Exit, InputError
from app.cli.talk import out, say, table, write

if TYPE_CHECKING:
    from app.core.simulation.packing import PackingResult
    from app.core.simulation.task_list import ListedNode, ListedTask

_CSV = "csv"
_EVERY = 2500
_MAX_SEEDS = 1000
_DEFAULT = "Random,DotProd,GpuClustering,GpuPacking,BestFit,FGD,expected-use"
_HINT = "docs/policies.md shows the form of the lists"


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lists, and the order of arrival. ``departures``: Pods arrive and leave at the times of the list."""

    nodes: "Sequence[ListedNode]"
    tasks: "Sequence[ListedTask]"
    ratio: float
    departures: bool
    where: str


@click.command("import-csv")
@click.argument("nodes_file", metavar="NODES")
@click.argument("tasks_file", metavar="PODS")
@click.option("--seeds", default="42", show_default=True, metavar="LIST",
              help="Random seeds of the order of arrival: numbers and ranges, as 42-51.")  # fmt: skip
@click.option("--ratio", default=1.3, show_default=True, type=FiniteRange(0.01, 10),
              help="Requested GPUs at the end, as a share of all GPUs.")  # fmt: skip
@click.option("--departures", is_flag=True, help="Let Pods arrive and leave at the times of the list.")
@click.option("--policy", "policies", default=_DEFAULT, show_default=True, metavar="NAMES",
              help="Policies, separated by commas.")  # fmt: skip
@click.option("--at", default="100,110,130", show_default=True, metavar="PERCENT",
              help="Report the allocation when this percentage of the GPUs has been requested.")  # fmt: skip
@click.option("--processes", default=0, show_default=True, type=click.IntRange(0, 64),
              help="Number of parallel processes; 0: one for each CPU.")  # fmt: skip
@click.option("-o", "--output", type=click.Choice([options.TABLE, options.JSON, _CSV]), default=options.TABLE,
              show_default=True, help="Output format.")  # fmt: skip
def import_csv(
    *,
    nodes_file: str,
    tasks_file: str,
    seeds: str,
    ratio: float,
    departures: bool,
    policies: str,
    at: str,
    processes: int,
    output: str,
) -> int:
    """Compare scoring policies on lists of nodes and Pods in the format of Alibaba's openb trace.

    NODES and PODS are CSV files, optionally compressed with gzip. See docs/policies.md.
    """
    names = _policies(policies)
    numbers = _seeds(seeds)
    percents = _numbers("--at", at)
    lists = _read(nodes_file, tasks_file, ratio, departures)
    runs = [(lists, name, seed) for name in names for seed in numbers]
    results = _run_all(runs, processes)
    if output == options.JSON:
        out(json.dumps(_as_json(lists, names, results, percents), indent=2))
    elif output == _CSV:
        write(_as_csv(lists, results, percents))
    else:
        out(table(_head(lists, percents), [_row(lists, name, results, percents) for name in names]))
    return Exit.OK


def _policies(text: str) -> list[str]:
    from app.core.simulation.task_policies import TASK_POLICIES, task_policy  # noqa: PLC0415 - --help must be quick

    found = []
    for part in text.split(","):
        name = task_policy(part.strip())
        if name is None:
            raise InputError(
                f"--policy: unknown policy {part.strip()!r} for lists", f"only {', '.join(TASK_POLICIES)}"
            )
        found.append(name)
    return found


def _seeds(text: str) -> list[int]:
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            start = int(first)
            end = int(last) if dash else start
        except ValueError:
            raise InputError(
                f"--seeds: {part.strip()!r} is not a number or a range", "as in 1,42-51"
            ) from None
        if end < start or len(found) + end - start >= _MAX_SEEDS:
            raise InputError(f"--seeds: {part.strip()!r} is empty or too long", f"at most {_MAX_SEEDS} seeds")
        found += range(start, end + 1)
    return found


def _numbers(flag: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{flag}: {text!r} is not a list of whole numbers", "as in 100,130") from None


def _read(nodes_file: str, tasks_file: str, ratio: float, departures: bool) -> _Lists:  # noqa: FBT001 - a flag
    from app.core.simulation.arrivals import recorded  # noqa: PLC0415 - --help must be quick
    from app.core.simulation.task_list import TaskListError, read_nodes, read_tasks  # noqa: PLC0415 - as above

    try:
        nodes = read_nodes(_lines(nodes_file), nodes_file)
        tasks = read_tasks(_lines(tasks_file), tasks_file)
        if departures:
            recorded(tasks, tasks_file)
    except (OSError, EOFError, UnicodeDecodeError, zlib.error, TaskListError) as error:
        raise InputError(str(error), _HINT) from None
    return _Lists(nodes, tasks, ratio, departures, tasks_file)


def _lines(path: str) -> Iterator[str]:
    raw = Path(path).read_bytes()
    if raw.startswith(b"\x1f\x8b"):
        raw = gzip.decompress(raw)
    return iter(io.StringIO(raw.decode("utf-8-sig"), newline=""))


def _run_all(runs: "Sequence[tuple[_Lists, str, int]]", processes: int) -> "list[PackingResult]":
    workers = min(processes or os.cpu_count() or 1, len(runs))
    if workers == 1:
        return [_run(*run) for run in runs]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(_run, *zip(*runs, strict=True)))


def _run(lists: _Lists, name: str, seed: int) -> "PackingResult":
    import random  # noqa: PLC0415 - --help must be quick

    from app.core.simulation.arrivals import arrivals, recorded, shuffled  # noqa: PLC0415 - as above
    from app.core.simulation.packing import Packing  # noqa: PLC0415 - as above
    from app.core.simulation.task_policies import TASK_POLICIES  # noqa: PLC0415 - as above

    draw = random.Random(seed).random  # noqa: S311 - no secret
    if lists.departures:
        events = recorded(lists.tasks, lists.where)
    else:
        events = arrivals(lists.tasks, lists.nodes, lists.ratio, draw)
    # Among equals the first node is taken: which one that is has to be no matter of the list's order.
    nodes = shuffled(lists.nodes, draw)
    packing = Packing(nodes, TASK_POLICIES[name]([item.task for item in lists.tasks], draw), seed)
    for done in packing.run(events):
        if done % _EVERY == 0:
            say(f"{name}, seed {seed}: {done} of {len(events)} arrivals and departures")
    result = packing.result
    say(f"{name}, seed {seed}: {result.placed.total()} Pods placed, {result.refused.total()} refused")
    return result


def _at(lists: _Lists, result: "PackingResult", percents: Sequence[int]) -> dict[str, float]:
    """Allocations by their names: percents that were reached, and the mean where Pods leave."""
    if lists.departures:
        return {"mean": result.mean}
    return {str(item): result.at(item) for item in percents if item <= 100 * lists.ratio}


def _of(name: str, results: "Sequence[PackingResult]") -> "list[PackingResult]":
    return [item for item in results if item.policy == name]


def _names(lists: _Lists, percents: Sequence[int]) -> list[str]:
    return ["mean"] if lists.departures else [str(item) for item in percents if item <= 100 * lists.ratio]


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def _head(lists: _Lists, percents: Sequence[int]) -> tuple[str, ...]:
    title = "ALLOCATED" if lists.departures else "ALLOCATED AT"
    return ("POLICY", *(f"{title} {name.upper()} %" for name in _names(lists, percents)), "PLACED", "REFUSED")


def _row(lists: _Lists, name: str, results: "Sequence[PackingResult]", percents: Sequence[int]) -> list[str]:
    mine = _of(name, results)
    cells = []
    for point in _names(lists, percents):
        values = [_at(lists, item, percents)[point] for item in mine]
        cells.append(f"{fmean(values):.2f} ± {_spread(values):.2f}")
    placed, refused = (fmean(getattr(item, part).total() for item in mine) for part in ("placed", "refused"))
    return [name, *cells, f"{placed:.0f}", f"{refused:.0f}"]


def _as_json(
    lists: _Lists, names: Sequence[str], results: "Sequence[PackingResult]", percents: Sequence[int]
) -> dict[str, Any]:
    return {
        "trace": Path(lists.where).name,
        "nodes": len(lists.nodes),
        "gpus": sum(item.gpus for item in lists.nodes),
        "ratio": None if lists.departures else lists.ratio,
        "policies": [_policy_json(lists, name, _of(name, results), percents) for name in names],
    }


def _policy_json(
    lists: _Lists, name: str, results: "Sequence[PackingResult]", percents: Sequence[int]
) -> dict[str, Any]:
    runs = [
        {
            "seed": item.seed,
            "placed": dict(sorted(item.placed.items())),
            "refused": dict(sorted(item.refused.items())),
            "allocation": {key: round(value, 4) for key, value in _at(lists, item, percents).items()},
        }
        for item in results
    ]
    allocation = {}
    for point in _names(lists, percents):
        values = [_at(lists, item, percents)[point] for item in results]
        allocation[point] = {"mean": round(fmean(values), 4), "spread": round(_spread(values), 4)}
    return {
        "policy": name,
        "placed": dict(sorted(sum((item.placed for item in results), Counter()).items())),
        "refused": dict(sorted(sum((item.refused for item in results), Counter()).items())),
        "allocation": allocation,
        "runs": runs,
    }


def _as_csv(lists: _Lists, results: "Sequence[PackingResult]", percents: Sequence[int]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("policy", "seed", "arrived", "allocated", "placed", "refused"))
    for item in results:
        for point, value in _at(lists, item, percents).items():
            rows.writerow(
                (item.policy, item.seed, point, f"{value:.4f}", item.placed.total(), item.refused.total())
            )
    return text.getvalue()
