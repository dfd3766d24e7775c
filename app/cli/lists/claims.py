"""``claims``: the devices of claims, and the Pods that use them."""

from collections.abc import Sequence
from typing import Any

import click

from app.cli import options
from app.cli.lists.listing import GONE, NO_VALUE, Column, Item, ListKind, ListQuery, age_of, listing, show
from app.cli.output.devices_text import devices_of
from app.cli.problems import Exit
from app.cli.source import Source

_COLORS = {"assumed": "yellow", "pending": "yellow", GONE: "dim"}


@click.command()
@options.anywhere
@listing(namespaced=True)
def claims(*, source: Source, view: ListQuery) -> int:
    """List claims, their devices and their Pods.

    NAME is a claim as NAME, NAMESPACE/NAME or claim/NAME.
    """
    show(CLAIMS, source, view, {})
    return Exit.OK


def _state(item: Item) -> str:
    if item.get(GONE):
        return GONE
    if item["assumed"]:
        return "assumed"
    return "allocated" if item["allocation"] else "pending"


def _devices(item: Item, *, full: bool = False) -> str:
    full = full or bool(item.get("poolNameShared"))
    return devices_of(item["allocation"], full=full) if item["allocation"] else NO_VALUE


def _reserved(item: Item) -> str:
    names = ", ".join(map(_consumer, _consumers(item))) or NO_VALUE
    return f"{names} ({item['note']})" if item.get("note") else names


def _consumers(item: Item) -> Sequence[dict[str, Any]]:
    return item["reservedFor"] or ()


def _consumer(consumer: dict[str, Any]) -> str:
    resource, name = consumer.get("resource", ""), str(consumer.get("name"))
    return name if resource in ("pods", "") else f"{resource}/{name}"


CLAIMS = ListKind(
    "claim",
    "/api/v1/claims",
    (
        Column("NAMESPACE", lambda item: str(item["namespace"])),
        Column("NAME", lambda item: str(item["name"])),
        Column("STATE", _state),
        Column("DEVICES", _devices),
        Column("RESERVED FOR", _reserved),
        Column("AGE", age_of),
        Column("FULL NAMES", lambda item: _devices(item, full=True), wide=True),
    ),
    lambda item: (item["namespace"], item["name"]),
    lambda item: _COLORS.get(_state(item), ""),
    ("resourceclaim", "resourceclaims", "claim", "claims", "resourceclaim.resource.k8s.io"),
    namespaced=True,
)
