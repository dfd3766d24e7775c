"""``simulate``: compares policies on one trace."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli import options
from app.cli.durations import FiniteRange
from app.cli.problems import Exit, InputError
from app.cli.talk import out, say, table

if TYPE_CHECKING:
    from app.core.simulation.run import TraceResult
    from app.core.simulation.trace import Trace
    from app.core.state.state import State

SHAPE_NAMES = ("bimodal", "diurnal", "inference-training", "partitioned", "long-tailed", "fill-and-churn")
_POLICIES = "first-fit,binpack,least-fragmentation"
_EVERY = 500
_OF_SHAPES = ("pods", "load", "seed", "write_trace")
"""The flags that only generate a trace."""
_IMPORT_CSV = "import-csv"


@dataclass(frozen=True, slots=True)
class _Source:
    """The flags that select the trace and the inventory, by their names."""

    shape: str | None
    trace_file: str | None
    snapshot: tuple[str, ...]
    nodes: int
    pods: int
    load: float | None
    seed: int
    write_trace: str | None


class _Simulate(click.Command):
    """``simulate``, or ``simulate import-csv``, which has its own arguments."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == [_IMPORT_CSV]:
            from app.cli.import_csv import import_csv  # noqa: PLC0415 - it loads multiprocessing

            return import_csv.make_context(f"{info_name} {_IMPORT_CSV}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command(cls=_Simulate)
@click.argument("shape", required=False, type=click.Choice(SHAPE_NAMES))
@click.option("--trace", "trace_file", metavar="FILE", help="Read the trace from a file, instead of a shape.")
@click.option("--snapshot", multiple=True, metavar="PATH...", help="Inventory to use.  [default: generated]")
@click.option(
    "--nodes",
    default=16,
    show_default=True,
    type=click.IntRange(1, 5000),
    help="Number of nodes to generate.",
)
@click.option(
    "--pods",
    default=1000,
    show_default=True,
    type=click.IntRange(1, 1_000_000),
    help="Number of Pods to generate.",
)
@click.option(
    "--load", type=FiniteRange(0.01, 10), help="Requested devices, as a share of the existing ones."
)
@click.option("--seed", default=1, show_default=True, help="Random seed.")
@click.option("--patience", default=0.0, show_default=True, type=FiniteRange(0), metavar="SECONDS",
              help="How long a Pod may wait before it counts as refused.")  # fmt: skip
@click.option("--policy", "policies", default=_POLICIES, show_default=True, metavar="NAMES",
              help="Policies, separated by commas; with weights as a=2+b=1.")  # fmt: skip
@click.option(
    "--plot", "plot_file", metavar="FILE", help="Write a plot of utilization and fragmentation (SVG)."
)
@click.option("--write-trace", metavar="FILE", help="Save the generated trace.")
@click.option("-o", "--output", type=click.Choice([options.TABLE, options.JSON]), default=options.TABLE,
              show_default=True, help="Output format.")  # fmt: skip
def simulate(*, patience: float, policies: str, plot_file: str | None, output: str, **flags: Any) -> int:
    """Compare scoring policies on a trace of Pods.

    SHAPE is the kind of trace to generate from the seed, with a matching inventory. See docs/policies.md.
    simulate import-csv NODES PODS reads published lists.
    """
    from app.core.scoring import UnknownPolicyError, policy_named  # noqa: PLC0415 - --help must be quick
    from app.core.simulation.plot import plot  # noqa: PLC0415 - as above

    names = [name.replace("+", ",").strip() for name in policies.split(",")]
    for name in names:
        try:
            policy_named(name)
        except UnknownPolicyError as error:
            raise InputError(f"--policy: {error}", "docs/policies.md has a list") from None
    source = _Source(**flags)
    trace, state = _set_up(source)
    results = [_run(state, trace, name, patience) for name in names]
    if plot_file:
        _write(plot_file, plot(f"{trace.name}, seed {source.seed}, {len(trace.jobs)} Pods", results))
    if output == options.JSON:
        out(json.dumps(_as_json(trace, results), indent=2))
    else:
        out(table(_head(trace), [_row(trace, result) for result in results]))
    return Exit.OK


def _set_up(source: _Source) -> "tuple[Trace, State]":
    if (source.shape is None) == (source.trace_file is None):
        raise InputError("name a SHAPE or a --trace, not both", f"shapes: {', '.join(SHAPE_NAMES)}")
    given = [flag for flag in _OF_SHAPES if source.trace_file is not None and options.is_given(flag)]
    if given:
        raise InputError(f"--trace excludes --{given[0].replace('_', '-')}", "name a SHAPE to generate Pods")
    if source.snapshot and options.is_given("nodes"):
        raise InputError("--snapshot excludes --nodes", "leave one of them out")
    return _made(source, source.shape) if source.shape else _read(source, source.trace_file or "")


def _read(source: _Source, trace_file: str) -> "tuple[Trace, State]":
    from app.cli.trace_file import read_trace_file  # noqa: PLC0415 - --help must be quick
    from app.core.simulation.fleet import whole_gpus  # noqa: PLC0415 - as above

    trace = read_trace_file(trace_file).trace
    state = _state(_manifests(source.snapshot) if source.snapshot else whole_gpus(source.nodes))
    for kind, name in _classes(trace):
        if not state.has("DeviceClass", ("", name)):
            raise InputError(
                f"--trace: {trace_file}: kind {kind!r}: DeviceClass {name} not found",
                "use a --snapshot that has it",
            )
    return trace, state


def _classes(trace: "Trace") -> Iterator[tuple[str, str]]:
    """The kinds, each with the classes that it requests."""
    for kind in trace.kinds.values():
        for request in kind.spec.requests:
            for way in request.options:
                yield kind.name, way.device_class


def _made(source: _Source, shape: str) -> "tuple[Trace, State]":
    import random  # noqa: PLC0415 - --help must be quick

    from app.core.simulation.shapes import SHAPES  # noqa: PLC0415 - as above
    from app.core.simulation.trace import trace_to_json  # noqa: PLC0415 - as above

    made = SHAPES[shape]
    state = _state(_manifests(source.snapshot) if source.snapshot else made.fleet(source.nodes))
    chance = random.Random(source.seed)  # noqa: S311 - no secret
    trace = made.trace(len(state.nodes), source.pods, chance.random, source.load)
    if source.write_trace:
        _write(source.write_trace, json.dumps(trace_to_json(trace, made.specs()), indent=1))
    return trace, state


def _manifests(paths: tuple[str, ...]) -> Iterator[Any]:
    from app.manifests.reader import ManifestError, read_paths  # noqa: PLC0415 - --help must be quick

    try:
        yield from read_paths(paths)
    except ManifestError as error:
        raise InputError(f"--snapshot: {error}", "dra-extender snapshot writes one") from None


def _state(manifests: Iterator[Any]) -> "State":
    from app.core.model.errors import ObjectError  # noqa: PLC0415 - --help must be quick
    from app.core.model.parse import parse  # noqa: PLC0415 - as above
    from app.core.model.workload import Workload  # noqa: PLC0415 - as above
    from app.core.state.state import State  # noqa: PLC0415 - as above

    state = State()
    for raw in manifests:
        try:
            item = parse(raw)
        except ObjectError as error:
            raise InputError(f"--snapshot: {error}", "run dra-extender check for details") from None
        if not isinstance(item, Workload):
            state.upsert(item)
    if not state.nodes:
        raise InputError("--snapshot: contains no Node", "dra-extender snapshot writes one")
    return state


def _run(state: "State", trace: "Trace", policy: str, patience: float) -> "TraceResult":
    from itertools import count  # noqa: PLC0415 - --help must be quick

    from app.core.placement.rules import Rules  # noqa: PLC0415 - as above
    from app.core.selectors import SelectorCache  # noqa: PLC0415 - as above
    from app.core.simulation.run import Simulation  # noqa: PLC0415 - as above

    numbers = count()
    rules = Rules(SelectorCache(), lambda: f"share-{next(numbers)}", policy=policy, policy_fixed=True)
    simulation = Simulation(state.fork(), trace, rules, patience=patience)
    for done in simulation.run():
        if done % _EVERY == 0:
            say(f"{policy}: {done} of {len(trace.jobs)} Pods")
    return simulation.result


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}", "name another file") from None


def _head(trace: "Trace") -> tuple[str, ...]:
    kinds = [f"{name.upper()} REFUSED" for name in trace.kinds]
    return ("POLICY", *kinds, "REFUSED", "UTILIZATION", "FRAGMENTATION", "MEAN WAIT")


def _row(trace: "Trace", result: "TraceResult") -> list[str]:
    requested = {name: result.placed[name] + result.refused[name] for name in trace.kinds}
    return [
        result.policy,
        *(f"{result.refused[name]} of {requested[name]}" for name in trace.kinds),
        str(result.refused.total()),
        f"{result.mean('utilisation'):.1%}",
        f"{result.mean('fragmentation'):.1%}",
        f"{result.waited / max(1, result.placed.total()):.0f} s",
    ]


def _as_json(trace: "Trace", results: "list[TraceResult]") -> dict[str, Any]:
    return {
        "trace": trace.name,
        "pods": len(trace.jobs),
        "largest": trace.largest.name,
        "policies": [
            {
                "policy": item.policy,
                "placed": {name: item.placed[name] for name in trace.kinds},
                "refused": {name: item.refused[name] for name in trace.kinds},
                "meanWaitSeconds": item.waited / max(1, item.placed.total()),
                "utilisation": item.mean("utilisation"),
                "fragmentation": item.mean("fragmentation"),
                "samples": [
                    {
                        "at": sample.at,
                        "utilisation": sample.utilisation,
                        "fragmentation": sample.fragmentation,
                        "waiting": sample.waiting,
                    }
                    for sample in item.samples
                ],
            }
            for item in results
        ],
    }
