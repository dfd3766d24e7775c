"""``plan``: would it fit, where, on which devices, and if not, why not."""

from typing import Any

import click

from app.cli import options
from app.cli.problems import Exit, InputError
from app.cli.source import Source
from app.cli.talk import say


@click.command()
@options.files
@options.anywhere
@options.namespace
@options.output
@options.policy
@options.feature
@click.option("--replicas", type=click.IntRange(0), help="Instead of the workload's own number.")
@click.option("--node", "nodes", multiple=True, metavar="NAME", help="Only this node; repeatable.")
@click.option(
    "--remove",
    multiple=True,
    metavar="KIND/[NAMESPACE/]NAME",
    help="As if this object of the inventory were gone; repeatable.",
)
@click.option(
    "--node-checks/--no-node-checks",
    default=True,
    help="Also judge nodeSelector, affinity, taints and requested resources.  [default: yes]",
)
@click.option("--explain", is_flag=True, help="Show what every node says, for placed Pods too.")
def plan(
    *,
    paths: tuple[str, ...],
    source: Source,
    namespace: str,
    output: str,
    policy: str,
    feature: tuple[str, ...],
    replicas: int | None,
    nodes: tuple[str, ...],
    remove: tuple[str, ...],
    node_checks: bool,
    explain: bool,
) -> int:
    """Dry run: would it fit, where, and why not.

    Asks a cluster, a running service (--server) or manifests (--snapshot). The files may hold the
    workload's own claims, templates and classes. Exit code 0: all placed, 1: not all, 2: bad input,
    3: could not ask.
    """
    from app.cli.asking import ask  # noqa: PLC0415 # as above
    from app.cli.placements import as_table, as_wide  # noqa: PLC0415 # --help must be quick
    from app.cli.printing import print_data  # noqa: PLC0415 # as above
    from app.cli.workloads import read_request  # noqa: PLC0415 # as above

    request = read_request(paths, namespace)
    request["explain"] = "full"
    request["nodeChecks"] = node_checks
    wishes: dict[str, Any] = {
        "replicas": replicas,
        "policy": policy or None,
        "nodes": list(nodes),
        "remove": [_removal(text, namespace) for text in remove],
        "features": options.switches(feature),
    }
    request |= {name: value for name, value in wishes.items() if value not in (None, [], {})}
    answer = ask(source, lambda asker: asker.post("/api/v1/placements", request))
    if output == options.TABLE:
        as_table(answer, explain=explain)
    elif output == options.WIDE:
        as_wide(answer, explain=explain)
    else:
        print_data(answer, output, [f"pod/{pod['name']}" for pod in answer["pods"]])
    placed, unplaced = answer["placed"], answer["unplaced"]
    if answer.get("complete") is False:
        say("time was up before the last Pod: ask for fewer Pods or fewer nodes")
    say(f"{placed} of {placed + unplaced} Pods placed (inventory revision {answer['revision']})")
    return Exit.NO if unplaced or answer.get("complete") is False else Exit.OK


def _removal(text: str, namespace: str) -> dict[str, str]:
    kind, *names = text.split("/")
    if not kind or not all(names) or len(names) not in (1, 2):
        raise InputError(f"--remove {text!r} is not KIND/NAME", "write it like Node/worker-1")
    return {"kind": kind, "name": names[-1], "namespace": names[0] if len(names) == 2 else namespace}
