"""``decisions``: recent responses to filter and bind, and evicted Pods."""

from dataclasses import replace
from itertools import islice

import click

from app.cli import options
from app.cli.lists.listing import Column, Item, ListKind, ListQuery, listing, print_items
from app.cli.problems import Exit, InputError
from app.cli.source import PROXY, Source
from app.cli.talk import counted, say

_COLORS = {
    "passed": "green",
    "bound": "green",
    "refused": "yellow",
    "useless": "yellow",
    "failed": "red",
    "evicted": "red",
}


@click.command()
@options.service
@listing(namespaced=True, labels=None, named=False, watched=False)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Maximum number, newest first.",
)
@click.option("--pod", default="", metavar="NAME", help="Only Pods with this name.")
def decisions(*, source: Source, view: ListQuery, limit: int, pod: str) -> int:
    """List recent responses to kube-scheduler.

    A service keeps the last thousand filters, binds and preemptions in memory, each replica its own.
    Repeated responses about a Pod share one line with a count. With --kubeconfig or --context instead of
    --server, the service is reached through the API server.
    """
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick

    if not source.server:
        if not source.given:
            raise InputError("decisions are kept by a service", "name it with --server URL or --server proxy")
        source = replace(source, server=PROXY)
    found = ask(
        source,
        lambda asker: asker.items("/api/v1/decisions", namespace=view.namespace, name=pod, limit="1000"),
    )
    items = list(islice(found, limit))
    print_items(DECISIONS, view, items)
    if view.is_table and view.headers:
        say(counted(len(items), "decision"))
    return Exit.OK


def _reason(item: Item) -> str:
    return " ".join(part for part in (item["node"] and f"on {item['node']}", item["summary"]) if part) or "-"


DECISIONS = ListKind(
    "decision",
    "/api/v1/decisions",
    (
        Column("TIME", lambda item: str(item["at"])),
        Column("NAMESPACE", lambda item: str(item["namespace"])),
        Column("POD", lambda item: str(item["name"])),
        Column("VERB", lambda item: str(item["verb"])),
        Column("OUTCOME", lambda item: str(item["outcome"])),
        Column("COUNT", lambda item: str(item["times"])),
        Column("REASON", _reason),
    ),
    lambda item: (item["namespace"], item["name"]),
    lambda item: _COLORS.get(item["outcome"], ""),
    ("pod",),
)
