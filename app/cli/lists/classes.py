"""``classes``: DeviceClasses, and the devices that they match."""

import click

from app.cli import options
from app.cli.lists.listing import (
    GONE,
    NO_VALUE,
    Column,
    ListKind,
    ListQuery,
    age_of,
    listing,
    show,
    status_of,
)
from app.cli.lists.nodes import in_states
from app.cli.problems import Exit
from app.cli.source import Source


@click.command()
@options.anywhere
@listing()
def classes(*, source: Source, view: ListQuery) -> int:
    """List DeviceClasses, with the number of their devices.

    A device counts for each class whose selectors match it. STATUS shows the error of a selector.
    """
    show(CLASSES, source, view, {})
    return Exit.OK


CLASSES = ListKind(
    "class",
    "/api/v1/classes",
    (
        Column("NAME", lambda item: str(item["name"])),
        Column("STATUS", status_of),
        Column("DEVICES", lambda item: str(in_states(item["devices"]))),
        Column("FREE", lambda item: str(in_states(item["devices"], "free"))),
        Column("EXTENDED RESOURCE", lambda item: item["extendedResource"] or NO_VALUE),
        Column("AGE", age_of),
        Column("SELECTORS", lambda item: " && ".join(item["selectors"]) or NO_VALUE, wide=True),
    ),
    lambda item: (item["name"],),
    lambda item: "dim" if item.get(GONE) else "" if item["status"] == "Ready" else "red",
    ("deviceclass", "deviceclasses", "class", "classes", "deviceclass.resource.k8s.io"),
)
