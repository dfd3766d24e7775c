"""``nodes``: how many devices each node has, and how many are free."""

import click

from app.cli import options
from app.cli.lists.listing import (
    GONE,
    NO_VALUE,
    Column,
    Item,
    ListKind,
    ListQuery,
    age_of,
    listing,
    show,
    status_of,
)
from app.cli.problems import Exit
from app.cli.source import Source

_HELD = ("taken", "shared", "assumed")
_UNAVAILABLE = ("tainted", "unusable")


@click.command()
@options.anywhere
@listing()
def nodes(*, source: Source, view: ListQuery) -> int:
    """List nodes, with the number of their devices.

    Devices that several nodes can use are not counted here; see pools.
    """
    show(NODES, source, view, {})
    return Exit.OK


def in_states(counts: dict[str, int], *states: str) -> int:
    """How many of the devices are in one of the states; in any, if none is named."""
    return sum(number for state, number in counts.items() if not states or state in states)


def _count(item: Item, *states: str) -> str:
    return str(sum(in_states(counts, *states) for counts in item["devices"].values()))


NODES = ListKind(
    "node",
    "/api/v1/nodes",
    (
        Column("NAME", lambda item: str(item["name"])),
        Column("STATUS", status_of),
        Column("DEVICES", _count),
        Column("TAKEN", lambda item: _count(item, *_HELD)),
        Column("FREE", lambda item: _count(item, "free")),
        Column("UNAVAILABLE", lambda item: _count(item, *_UNAVAILABLE)),
        Column("AGE", age_of),
        Column("DRIVERS", lambda item: ", ".join(sorted(item["devices"])) or NO_VALUE, wide=True),
    ),
    lambda item: (item["name"],),
    lambda item: "dim" if item.get(GONE) else "" if item["status"] == "Ready" else "yellow",
    ("node", "nodes", "no"),
)
