"""``decisions``: recent responses to filter and bind, and evicted Pods."""

from itertools import islice
from typing import Any

import click

from app.cli import options
from app.cli.problems import Exit
from app.cli.source import Source
from app.cli.talk import counted, out, say, table

_COLORS = {
    "passed": "green",
    "bound": "green",
    "refused": "yellow",
    "useless": "yellow",
    "failed": "red",
    "evicted": "red",
}


@click.command()
@click.option(
    "--server", required=True, metavar="URL", help="URL of the service. Each replica keeps its own decisions."
)
@options.output
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Maximum number, newest first.",
)
@click.option("-n", "--namespace", default="", metavar="NAME", help="Only Pods in this namespace.")
@click.option("--pod", default="", metavar="NAME", help="Only Pods with this name.")
def decisions(*, server: str, output: str, limit: int, namespace: str, pod: str) -> int:
    """List recent responses to kube-scheduler.

    A service keeps the last thousand filters, binds and preemptions in memory. Repeated responses about a
    Pod share one line with a count.
    """
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.printing import print_data  # noqa: PLC0415 - as above

    found = ask(
        Source(server=server),
        lambda asker: asker.items("/api/v1/decisions", namespace=namespace, name=pod),
    )
    items = list(islice(found, limit))
    if output not in (options.TABLE, options.WIDE):
        print_data(items, output, [f"pod/{item['name']}" for item in items])
        return Exit.OK
    rows = [_row(item) for item in items]
    head = ("TIME", "NAMESPACE", "POD", "VERB", "OUTCOME", "COUNT", "REASON")
    out(table(head, rows, [_COLORS.get(item["outcome"], "") for item in items]))
    say(counted(len(items), "decision"))
    return Exit.OK


def _row(item: dict[str, Any]) -> list[str]:
    reason = " ".join(part for part in (item["node"] and f"on {item['node']}", item["summary"]) if part)
    return [
        item["at"],
        item["namespace"],
        item["name"],
        item["verb"],
        item["outcome"],
        str(item["times"]),
        reason or "-",
    ]
