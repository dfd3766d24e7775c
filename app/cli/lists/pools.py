"""``pools``: pools of devices and their slices."""

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
from app.cli.lists.nodes import in_states
from app.cli.problems import Exit
from app.cli.source import Source

_MAX_NODES = 3


@click.command()
@options.anywhere
@listing(labels=False)
@click.option("--node", default="", metavar="NAME", help="Only pools with devices that this node can use.")
@click.option("--driver", default="", metavar="NAME", help="Only pools of this driver.")
def pools(*, source: Source, view: ListQuery, node: str, driver: str) -> int:
    """List pools of devices, and whether they are complete.

    NAME is a pool as POOL or DRIVER/POOL. STATUS shows why no device of a pool can be used, such as
    missing slices.
    """
    query: Query = {name: value for name, value in (("node", node), ("driver", driver)) if value}
    show(POOLS, source, view, query)
    return Exit.OK


def _nodes(item: Item) -> str:
    if item["nodes"] == ["*"]:
        return "all"
    shown = item["nodes"][:_MAX_NODES]
    more = len(item["nodes"]) - len(shown) + item["nodesOmitted"]
    return ", ".join(shown) + (f" and {more} more" if more else "") or NO_VALUE


POOLS = ListKind(
    "pool",
    "/api/v1/pools",
    (
        Column("DRIVER", lambda item: str(item["driver"])),
        Column("POOL", lambda item: str(item["pool"])),
        Column("NODES", _nodes),
        Column("SLICES", lambda item: f"{item['slices']}/{item['sliceCount']}"),
        Column("DEVICES", lambda item: str(in_states(item["devices"]))),
        Column("TAKEN", lambda item: str(in_states(item["devices"], "taken", "shared", "assumed"))),
        Column("FREE", lambda item: str(in_states(item["devices"], "free"))),
        Column("STATUS", status_of),
        Column("AGE", age_of),
        Column("GENERATION", lambda item: str(item["generation"]), wide=True),
    ),
    lambda item: (item["driver"], item["pool"]),
    lambda item: "dim" if item.get(GONE) else "" if item["status"] == "Ready" else "red",
)
