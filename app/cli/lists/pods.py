"""``pods``: pending Pods, and Pods with claims."""

import click

from app.cli import options
from app.cli.lists.listing import (
    GONE,
    NO_VALUE,
    Column,
    Item,
    Kind,
    Query,
    View,
    age_of,
    listing,
    show,
    status_of,
)
from app.cli.problems import Exit
from app.cli.source import Source


@click.command()
@options.anywhere
@listing(namespaced=True)
@click.option("-a", "--all", "everything", is_flag=True, help="Include Pods with a node that have claims.")
def pods(*, source: Source, view: View, everything: bool) -> int:
    """List pending Pods, and why they are pending.

    NAME is a Pod as NAME, NAMESPACE/NAME or pod/NAME; a named Pod may have a node. REASON is the last
    response to kube-scheduler, which only a service (--server) knows, or else the message of the Pod's
    condition PodScheduled. Use explain for the reasons of each node.
    """
    everything = everything or bool(view.names)
    query: Query = {} if everything or view.watch else {"pending": "true"}
    show(PODS, source, view, query, selected=lambda item: everything or item["node"] is None)
    return Exit.OK


def _color(item: Item) -> str:
    return "dim" if item.get(GONE) else "" if item["node"] else "yellow"


PODS = Kind(
    "Pod",
    "/api/v1/pods",
    (
        Column("NAMESPACE", lambda item: str(item["namespace"])),
        Column("NAME", lambda item: str(item["name"])),
        Column("STATUS", status_of),
        Column("NODE", lambda item: item["node"] or NO_VALUE),
        Column("AGE", age_of),
        Column("CLAIMS", lambda item: ", ".join(item["claims"]) or NO_VALUE),
        Column("REASON", lambda item: item["reason"] or NO_VALUE),
        Column("PRIORITY", lambda item: str(item["priority"]), wide=True),
        Column("SCHEDULER", lambda item: item["schedulerName"] or NO_VALUE, wide=True),
    ),
    lambda item: (item["namespace"], item["name"]),
    _color,
    ("pod", "pods", "po"),
    namespaced=True,
)
