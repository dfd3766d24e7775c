"""``decisions``: what filter and bind have answered lately, and who was evicted."""

from itertools import islice
from typing import Any

import click

from app.cli import options
from app.cli.problems import Exit
from app.cli.source import Source
from app.cli.talk import out, say, table

_COLOURS = {
    "passed": "green",
    "bound": "green",
    "refused": "yellow",
    "useless": "yellow",
    "failed": "red",
    "evicted": "red",
}


@click.command()
@click.option("--server", required=True, metavar="URL", help="The service: each keeps its own decisions.")
@options.output
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Newest first.")
@click.option("-n", "--namespace", default="", metavar="NAME", help="Only Pods of this namespace.")
@click.option("--pod", default="", metavar="NAME", help="Only Pods of this name.")
def decisions(*, server: str, output: str, limit: int, namespace: str, pod: str) -> int:
    """List what kube-scheduler was answered lately.

    A service keeps the last thousand filters, binds and preemptions in memory; a Pod that hears the
    same again has one line that counts.
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
    head = ("AT", "NAMESPACE", "POD", "VERB", "OUTCOME", "TIMES", "SAYS")
    out(table(head, rows, [_COLOURS.get(item["outcome"], "") for item in items]))
    say(f"{len(items)} decisions")
    return Exit.OK


def _row(item: dict[str, Any]) -> list[str]:
    says = " ".join(part for part in (item["node"] and f"on {item['node']}", item["summary"]) if part)
    return [
        item["at"],
        item["namespace"],
        item["name"],
        item["verb"],
        item["outcome"],
        str(item["times"]),
        says or "-",
    ]
