"""``devices``: all devices, their nodes, and the claims that hold them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
    head_of,
    listing,
    show,
)
from app.cli.problems import Exit
from app.cli.source import Source
from app.cli.talk import counted, say

if TYPE_CHECKING:
    from app.cli.asking import Asker

_COLORS = {"free": "green", "tainted": "yellow", "unusable": "red", "assumed": "yellow", GONE: "dim"}
_MAX_NODES = 3


@click.command()
@options.anywhere
@listing(labels=False)
@click.option("--node", default="", metavar="NAME", help="Only devices that this node can use.")
@click.option("--driver", default="", metavar="NAME", help="Only devices of this driver.")
@click.option(
    "--state",
    type=click.Choice(["free", "taken", "shared", "assumed", "tainted", "unusable"]),
    help="Only devices in this state.",
)
@click.option("--selector", default="", metavar="CEL", help="Only devices that match this CEL selector.")
@click.option(
    "--attribute", multiple=True, metavar="NAME=VALUE", help="Only devices with this attribute or capacity."
)
@click.option(
    "--show",
    "shown",
    multiple=True,
    metavar="NAME",
    help="Attributes or capacities to show as columns, separated by commas. Repeatable.",
)
def devices(
    *,
    source: Source,
    view: ListQuery,
    node: str,
    driver: str,
    state: str | None,
    selector: str,
    attribute: tuple[str, ...],
    shown: tuple[str, ...],
) -> int:
    """List devices, and the claims that hold them.

    NAME is a device as DEVICE, POOL/DEVICE or DRIVER/POOL/DEVICE.
    """
    values = tuple(name for text in shown for name in text.split(",") if name)
    fixed = {"node": node, "driver": driver}
    if state and not view.watch:
        fixed["state"] = state  # with --watch, a device that changes its state is shown once more
    query: Query = {name: value for name, value in fixed.items() if value}
    if values:
        query["show"] = list(values)
    kind = replace(DEVICES, columns=(*DEVICES.columns[:-1], *map(_value_column, values), DEVICES.columns[-1]))
    matching = _matching(source, selector, attribute)
    show(
        kind,
        source,
        view,
        query,
        selected=lambda item: not state or item["state"] == state,
        narrow=lambda items: matching(items) if selector or attribute else items,
    )
    return Exit.OK


def _matching(source: Source, selector: str, attribute: tuple[str, ...]) -> Any:
    """Narrows items to those that a selector and attributes match, by one request to the service."""
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick

    async def read(asker: "Asker") -> set[str]:
        query = {"selector": selector} if selector else {}
        answer = await asker.get("/api/v1/matches", **query, attribute=list(attribute))
        for failure in answer["failures"]:
            say(f"{counted(failure['shapes'], 'kind')} of devices cannot be evaluated: {failure['message']}")
        return set(answer["items"])

    def narrow(items: list[Item]) -> list[Item]:
        found = ask(source, read)
        return [item for item in items if "/".join(_identity(item)) in found]

    return narrow


def _identity(item: Item) -> tuple[str, ...]:
    return item["driver"], item["pool"], item["device"]


def _node(item: Item) -> str:
    nodes = item["nodes"]
    if nodes == ["*"]:
        return "all"
    shown = nodes[:_MAX_NODES]
    more = len(nodes) - len(shown) + item.get("nodesOmitted", 0)
    return ", ".join(shown) + (f" and {more} more" if more else "") or NO_VALUE


def _state(item: Item) -> str:
    return GONE if item.get(GONE) else str(item["state"])


def _value_column(name: str) -> Column:
    def text(item: Item) -> str:
        values = item.get("values") or {}
        found = [value for known, value in values.items() if name in (known, known.rpartition("/")[2])]
        return ",".join(found) or NO_VALUE

    return Column(head_of(name), text)


DEVICES = ListKind(
    "device",
    "/api/v1/devices",
    (
        Column("NODE", _node),
        Column("DRIVER", lambda item: str(item["driver"])),
        Column("POOL", lambda item: str(item["pool"])),
        Column("DEVICE", lambda item: str(item["device"])),
        Column("STATE", _state),
        Column("CLAIMS", lambda item: ", ".join(item["claims"]) or NO_VALUE),
        Column("NOTE", lambda item: item.get("note") or NO_VALUE, wide=True),
    ),
    _identity,
    lambda item: _COLORS.get(_state(item), ""),
)
