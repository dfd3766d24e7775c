"""``pods``: pending Pods, and Pods with claims."""

import click

from app.cli import options
from app.cli.lists.listing import (
    GONE,
    NO_VALUE,
    Column,
    Item,
    ListKind,
    ListQuery,
    Query,
    age_of,
    listing,
    show,
    status_of,
)
from app.cli.output.formats import WIDE
from app.cli.problems import Exit
from app.cli.source import Source


@click.command()
@options.anywhere
@listing(namespaced=True)
@click.option("-a", "--all", "everything", is_flag=True, help="Include Pods with a node that have claims.")
@click.option(
    "--reason",
    default="",
    metavar="CODE",
    help="Only pending Pods with this reason: a reason code such as TooFewDevices.",
)
def pods(*, source: Source, view: ListQuery, everything: bool, reason: str) -> int:
    """List pending Pods, and why they are pending.

    NAME is a Pod as NAME, NAMESPACE/NAME or pod/NAME; a named Pod may have a node. REASON is the last
    response to kube-scheduler, which only a service (--server) knows, or else the message of the Pod's
    condition PodScheduled. With -o wide and --reason, Pods without a response are evaluated, and CODE is the
    reason code. Use explain for the reasons of each node.
    """
    if reason:
        _show_reason(source, view, reason)
        return Exit.OK
    everything = everything or bool(view.names)
    query: Query = {} if everything or view.watch else {"pending": "true"}
    if view.output == WIDE:
        query["evaluate"] = "true"
    show(PODS, source, view, query, selected=lambda item: everything or item["node"] is None)
    return Exit.OK


def _show_reason(source: Source, view: ListQuery, reason: str) -> None:
    """While watching, a Pod whose reason changes is shown once more: the service must not leave it out."""
    query: Query = {"evaluate": "true"} if view.watch else {"reason": reason}
    show(
        PODS,
        source,
        view,
        query,
        selected=lambda item: reason == item["group"] or reason.lower() == item["code"].lower(),
    )


def _color(item: Item) -> str:
    return "dim" if item.get(GONE) else "" if item["node"] else "yellow"


PODS = ListKind(
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
        Column("CODE", lambda item: item["code"] or NO_VALUE, wide=True),
        Column("REQUESTS", lambda item: item["requests"] or NO_VALUE, wide=True),
        Column("PRIORITY", lambda item: str(item["priority"]), wide=True),
        Column("SCHEDULER", lambda item: item["schedulerName"] or NO_VALUE, wide=True),
    ),
    lambda item: (item["namespace"], item["name"]),
    _color,
    ("pod", "pods", "po"),
    namespaced=True,
)
