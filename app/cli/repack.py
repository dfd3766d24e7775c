"""``repack``: the fewest running Pods to move so that waiting ones fit."""

from collections.abc import Sequence
from typing import Any

import click

from app.cli import options, what_if
from app.cli.durations import DurationParam, FiniteRange
from app.cli.problems import Exit, InputError
from app.cli.source import Source
from app.cli.talk import say


@click.command()
@options.maybe_files
@options.anywhere
@options.namespace
@options.output
@options.policy
@options.feature
@options.kubernetes_version
@click.option("--replicas", type=click.IntRange(0), help="Override the workload's replica count.")
@click.option("--pending", is_flag=True, help="Make room for the Pods with claims that wait for a node.")
@click.option("--node", "nodes", multiple=True, metavar="NAME", help="Use only this node. Repeatable.")
@click.option(
    "--fragmentation-below",
    type=FiniteRange(0.1, 100),
    metavar="PERCENT",
    help="Instead of room for Pods: move Pods until fragmentation, as the page shows it, is below this.",
)
@click.option(
    "--max-moves",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Move at most this many Pods.",
)
@click.option(
    "--apply",
    "carry_out",
    is_flag=True,
    help="Carry out the plan: evict one Pod after the other, and stop at the first surprise.",
)
@click.option(
    "--interval",
    type=DurationParam(),
    default="10s",
    show_default=True,
    help="With --apply, the least time between two evictions.",
)
@click.option(
    "--timeout",
    type=DurationParam(),
    default="5m",
    show_default=True,
    help="With --apply, how long an evicted Pod may take to run on its new node.",
)
@options.generated
@what_if.changes
def repack(
    *,
    paths: tuple[str, ...],
    source: Source,
    namespace: str,
    output: str,
    policy: str,
    feature: tuple[str, ...],
    kubernetes_version: str,
    replicas: int | None,
    pending: bool,
    nodes: tuple[str, ...],
    fragmentation_below: float | None,
    max_moves: int,
    carry_out: bool,
    interval: float,
    timeout: float,
    generated: tuple[str, ...],
    changed: dict[str, Any],
) -> int:
    """Show which running Pods to move so that others fit; with --apply, move them.

    Plans for Pods and workloads in files, for pending Pods, or for the Pods of a drained node. With
    --fragmentation-below it plans moves that reduce the fragmentation of free devices. Each step
    evicts one Pod that a controller creates again, and that fits on the other node at this step.
    DaemonSets, static Pods, Pods without a controller, Pods of groups and of higher priority stay, and
    PodDisruptionBudgets are respected. Nothing is written without --apply. With it, you need the
    permissions `create` on pods/eviction, and `patch` and `list` on pods. Exit code 0: everything fits
    (and was moved), 1: no plan, --apply stopped, or a file contains an unknown kind, 2: bad input,
    3: could not query.
    """
    _check_flags(
        makes_room=bool(paths or pending or changed.get("drain")),
        lowers=fragmentation_below is not None,
        carry_out=carry_out,
        simulated=bool(source.snapshot or changed),
    )
    request = options.dry_run_fields(
        replicas=replicas,
        policy=policy,
        nodes=nodes,
        kubernetes_version=kubernetes_version,
        feature=feature,
        changed=changed,
    )
    request |= {"pending": pending, "maxMoves": max_moves}
    if fragmentation_below is not None:
        request["fragmentationBelow"] = fragmentation_below / 100
    incomplete = False
    if paths:
        from app.cli.workloads import read_dry_run_input, request_fields  # noqa: PLC0415 - --help must be quick

        files = read_dry_run_input(paths, namespace, kubernetes_version)
        request |= request_fields(files, generated, namespace)
        incomplete = not files.complete
    answer = _ask(source, request, output)
    if answer["outcome"] != "fits":
        return Exit.NO
    if carry_out and answer["moves"]:
        return _apply(source, request, answer["moves"], interval, timeout)
    return Exit.NO if incomplete else Exit.OK


def _check_flags(*, makes_room: bool, lowers: bool, carry_out: bool, simulated: bool) -> None:
    """Raises: InputError."""
    if carry_out and simulated:
        raise InputError(
            "--apply moves Pods of a cluster as it is", "leave out --snapshot and simulated changes"
        )
    for name in ("interval", "timeout"):
        options.must_go_together(name, "apply", given=carry_out)
    if makes_room and lowers:
        text = "--fragmentation-below is for the cluster as it is"
        raise InputError(text, "leave out -f, --pending and --drain")
    if not makes_room and not lowers:
        hint = "name a file with -f, or use --pending, --drain NODE or --fragmentation-below PERCENT"
        raise InputError("nothing to make room for", hint)


def _apply(
    source: Source, request: dict[str, Any], moves: list[dict[str, Any]], interval: float, timeout: float
) -> int:
    import asyncio  # noqa: PLC0415 - --help must be quick

    from app.cli.asking import ask  # noqa: PLC0415 - as above
    from app.cli.cluster_objects import with_client  # noqa: PLC0415 - as above
    from app.cli.evictions import Pace, SurpriseError, carry_out, evict  # noqa: PLC0415 - as above

    pace = Pace(interval, timeout)

    def check(rest: Sequence[dict[str, Any]]) -> None:
        steps = [{name: move[name] for name in ("namespace", "name", "to")} for move in rest]
        answer = ask(source, lambda asker: asker.post("/api/v1/repack", request | {"moves": steps}))
        if answer["outcome"] != "fits":
            raise SurpriseError(f"the plan does not hold any more: {answer['text']}")

    def move(item: dict[str, Any]) -> str:
        return asyncio.run(with_client(source, lambda client: evict(client, item, pace)))

    return carry_out(moves, check, move, pace)


def _ask(source: Source, request: dict[str, Any], output: str) -> dict[str, Any]:
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.placements import repack_table  # noqa: PLC0415 - as above
    from app.cli.printing import print_data  # noqa: PLC0415 - as above

    answer = ask(source, lambda asker: asker.post("/api/v1/repack", request))
    if output in (options.TABLE, options.WIDE):
        repack_table(answer, wide=output == options.WIDE)
    else:
        print_data(answer, output, [f"pod/{item['name']}" for item in answer["moves"]])
    for note in answer.get("notes") or ():
        say(note)
    stays = "; ".join(f"{count} {reason}" for reason, count in sorted(answer["stays"].items()))
    if stays:
        say(f"Pods that stay: {stays}")
    unplaced = next((pod for pod in answer["pods"] if pod["node"] is None), None)
    if unplaced is not None:
        say(f"{unplaced['namespace']}/{unplaced['name']}: {unplaced['summary']}")
    say(f"{answer['text']} (inventory revision {answer['revision']})")
    return answer
