"""``plan``: whether Pods fit, where, on which devices, and if not, why not."""

from typing import Any

import click

from app.cli import options, what_if
from app.cli.durations import DurationParam, FiniteRange
from app.cli.problems import Exit, InputError
from app.cli.source import Source
from app.cli.talk import counted, say


@click.command()
@options.maybe_files
@options.anywhere
@options.namespace
@options.output
@options.policy
@options.feature
@options.kubernetes_version
@click.option("--replicas", type=click.IntRange(0), help="Override the workload's replica count.")
@click.option("--node", "nodes", multiple=True, metavar="NAME", help="Evaluate only this node. Repeatable.")
@options.generated
@what_if.changes
@click.option(
    "--node-checks/--no-node-checks",
    default=True,
    help="Also check nodeSelector, affinity, taints and resource requests.  [default: yes]",
)
@click.option("--explain", is_flag=True, help="Show the reasons of each node, for placed Pods too.")
@click.option(
    "--how-many",
    is_flag=True,
    help="Show how many more of these Pods fit, where, and what limits the number.",
)
@click.option(
    "--nodes-needed",
    is_flag=True,
    help="Find the fewest or cheapest --like nodes to add so that everything fits.",
)
@click.option(
    "--trace",
    "trace_file",
    metavar="FILE",
    help="With --nodes-needed, place the Pods of this trace that run together, on new nodes alone.",
)
@click.option(
    "--quantile",
    type=FiniteRange(0, 1),
    default=0.95,
    show_default=True,
    help="With --trace, the share of the time for which its demand is no larger.",
)
@click.option(
    "--all-or-nothing",
    is_flag=True,
    help="Place all Pods or none, searching beyond greedy one-by-one placement.",
)
@click.option(
    "--preemption",
    is_flag=True,
    help="Show which Pods preemption would evict (by spec.priority) for Pods that fit nowhere.",
)
@click.option("--wait", is_flag=True, help="Keep retrying until everything fits.")
@click.option(
    "--timeout",
    type=DurationParam(),
    default="5m",
    show_default=True,
    help="Time limit of --wait, such as 90s, 5m or 1h.",
)
def plan(
    *,
    paths: tuple[str, ...],
    source: Source,
    namespace: str,
    output: str,
    policy: str,
    feature: tuple[str, ...],
    kubernetes_version: str,
    replicas: int | None,
    nodes: tuple[str, ...],
    generated: tuple[str, ...],
    changed: dict[str, Any],
    node_checks: bool,
    explain: bool,
    how_many: bool,
    nodes_needed: Any,
    trace_file: str | None,
    quantile: float,
    all_or_nothing: bool,
    preemption: bool,
    wait: bool,
    timeout: float,
) -> int:
    """Show whether Pods fit, where, and if not, why (dry run).

    Uses a cluster, a running service (--server) or manifests (--snapshot). The files may contain the
    workload's claims, templates and classes. Flags such as --drain simulate a change of the cluster. Exit
    code 0: all placed, 1: not all placed, or a file contains an unknown kind, 2: bad input, 3:
    could not query.
    """
    drains = bool(changed.get("drain"))
    _check_flags(how_many=how_many, nodes_needed=bool(nodes_needed), wait=wait, traced=bool(trace_file))
    if trace_file and (not nodes_needed or paths or replicas is not None or drains):
        text = "--trace requires --nodes-needed, and excludes -f, --replicas and --drain"
        raise InputError(text, "write --nodes-needed --like NODE --trace FILE")
    if not paths and not trace_file and (how_many or not drains):
        raise InputError("nothing to place", "name a file with -f, or a node with --drain")
    request = options.dry_run_fields(
        replicas=replicas,
        policy=policy,
        nodes=nodes,
        kubernetes_version=kubernetes_version,
        feature=feature,
        changed=changed,
        allOrNothing=all_or_nothing or None,
        preemption=preemption or None,
    )
    request["nodeChecks"] = node_checks
    incomplete = False
    if paths:
        from app.cli.workloads import read_dry_run_input, request_fields  # noqa: PLC0415 - --help must be quick

        files = read_dry_run_input(paths, namespace, kubernetes_version)
        request |= request_fields(files, generated, namespace)
        incomplete = not files.complete
    if trace_file:
        from app.cli.trace_demand import demand_fields  # noqa: PLC0415 - as above

        # Nodes that are there hold Pods of the trace, if it was recorded there.
        request |= demand_fields(trace_file, quantile, namespace) | {"nodes": list(nodes)}
    if nodes_needed:
        code = _nodes_needed(source, request | {"shapes": nodes_needed}, output)
    elif how_many:
        code = _how_many(source, request, output)
    else:
        request["explain"] = _level(output, explain=explain)
        code = _place(source, request, output, explain=explain, timeout=timeout if wait else None)
    return code or (Exit.NO if incomplete else Exit.OK)


def _check_flags(*, how_many: bool, nodes_needed: bool, wait: bool, traced: bool) -> None:
    """Refuses flags that have no effect beside the others. Raises: InputError."""
    of_placements = ("explain", "all_or_nothing", "preemption", "wait")
    if nodes_needed:
        options.must_not_go_together("nodes_needed", "how_many", *of_placements)
    if how_many:
        options.must_not_go_together("how_many", *of_placements, "replicas")
    options.must_go_together("timeout", "wait", given=wait)
    options.must_go_together("quantile", "trace", given=traced)


def _level(output: str, *, explain: bool) -> str:
    """How much of the nodes is requested: no more than is shown."""
    if output == options.NAME:
        return "none"
    return "summary" if output == options.TABLE and not explain else "full"


def _place(
    source: Source, request: dict[str, Any], output: str, *, explain: bool, timeout: float | None
) -> int:
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.placements import as_table, as_wide  # noqa: PLC0415 - as above
    from app.cli.printing import print_data  # noqa: PLC0415 - as above
    from app.cli.progress import placements_with_progress  # noqa: PLC0415 - as above
    from app.cli.waiting import until  # noqa: PLC0415 - as above

    def evaluation() -> dict[str, Any]:
        return ask(source, lambda asker: placements_with_progress(asker, request))

    answer = (
        evaluation()
        if timeout is None
        else until(evaluation, _all_placed, _short, timeout, options.POLL_SECONDS)
    )
    if output == options.TABLE:
        as_table(answer, explain=explain)
    elif output == options.WIDE:
        as_wide(answer, explain=explain)
    else:
        print_data(answer, output, [f"pod/{pod['name']}" for pod in answer["pods"]])
    for note in answer.get("notes") or ():
        say(note)
    placed, unplaced = answer["placed"], answer["unplaced"]
    if answer.get("complete") is False:
        say("the dry run timed out before the last Pod: use fewer Pods or fewer nodes")
    if answer.get("gang"):
        say(f"all or nothing: {answer['gang']['text']}")
    say(f"{placed} of {counted(placed + unplaced, 'Pod')} placed (inventory revision {answer['revision']})")
    return Exit.OK if _all_placed(answer) else Exit.NO


def _nodes_needed(source: Source, request: dict[str, Any], output: str) -> int:
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.placements import sizing_table  # noqa: PLC0415 - as above
    from app.cli.printing import print_data  # noqa: PLC0415 - as above

    answer = ask(source, lambda asker: asker.post("/api/v1/sizing", request))
    if output in (options.TABLE, options.WIDE):
        sizing_table(answer, wide=output == options.WIDE)
    else:
        print_data(answer, output, [f"node/{item['like']}" for item in answer["shapes"] if item["count"]])
    for note in answer.get("notes") or ():
        say(note)
    say(f"{answer['text']} (inventory revision {answer['revision']})")
    return Exit.OK if answer["outcome"] == "fits" else Exit.NO


def _all_placed(answer: dict[str, Any]) -> bool:
    return not answer["unplaced"] and answer.get("complete") is not False


def _short(answer: dict[str, Any]) -> str:
    """The summary of the first Pod without a node."""
    first = next((pod for pod in answer["pods"] if pod["node"] is None), None)
    return (
        f"{first['namespace']}/{first['name']}: {first['summary']}"
        if first is not None
        else "Pods were omitted"
    )


def _how_many(source: Source, request: dict[str, Any], output: str) -> int:
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.placements import capacity_table  # noqa: PLC0415 - as above
    from app.cli.printing import print_data  # noqa: PLC0415 - as above

    workloads = request.pop("workloads")
    if len(workloads) != 1:
        raise InputError(f"--how-many needs one workload, not {len(workloads)}", "name one file")
    request["workload"] = workloads[0]
    answer = ask(source, lambda asker: asker.post("/api/v1/capacity", request))
    if output in (options.TABLE, options.WIDE):
        capacity_table(answer)
    else:
        print_data(answer, output, [f"node/{item['name']}" for item in answer["nodes"]])
    for note in answer.get("notes") or ():
        say(note)
    more = " or more" if answer["capped"] else ""
    say(f"{answer['fits']}{more} fit (inventory revision {answer['revision']})")
    return Exit.OK if answer["fits"] else Exit.NO
