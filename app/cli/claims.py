"""``claims``: the devices of claims, and the Pods that use them."""

from typing import Any

import click

from app.cli import options
from app.cli.problems import Exit
from app.cli.source import Source
from app.cli.talk import out, table

_COLORS = {"assumed": "yellow", "pending": "yellow", "gone": "dim"}


@click.command()
@options.anywhere
@options.output
@options.watch
@click.option("-n", "--namespace", default="", metavar="NAME", help="Only in this namespace.  [default: all]")
def claims(*, source: Source, output: str, watch: bool, namespace: str) -> int:
    """List claims, their devices and their Pods."""
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.waiting import listed  # noqa: PLC0415 - as above

    def evaluation() -> list[dict[str, Any]]:
        return ask(source, lambda asker: asker.items("/api/v1/claims"))

    def selected(item: dict[str, Any]) -> bool:
        return not namespace or item["namespace"] == namespace

    listed("claim", evaluation, _name, selected, show=_print, output=output, watch=watch)
    return Exit.OK


def _name(item: dict[str, Any]) -> tuple[str, str]:
    return item["namespace"], item["name"]


def _print(items: list[dict[str, Any]], output: str) -> None:
    from app.cli.placements import devices_of  # noqa: PLC0415 - as above
    from app.cli.printing import print_data  # noqa: PLC0415 - as above

    if output not in (options.TABLE, options.WIDE):
        print_data(items, output, [f"resourceclaim/{item['name']}" for item in items])
        return
    full = output == options.WIDE
    rows = [
        [
            item["namespace"],
            item["name"],
            _state(item),
            devices_of(item["allocation"], full=full) if item["allocation"] else "-",
            _reserved(item),
        ]
        for item in items
    ]
    colors = [_COLORS.get(_state(item), "") for item in items]
    out(table(("NAMESPACE", "NAME", "STATE", "DEVICES", "RESERVED FOR"), rows, colors))


def _state(item: dict[str, Any]) -> str:
    if item.get("gone"):
        return "gone"
    if item["assumed"]:
        return "assumed"
    return "allocated" if item["allocation"] else "pending"


def _reserved(item: dict[str, Any]) -> str:
    names = ", ".join(_consumer(consumer) for consumer in item["reservedFor"]) or "-"
    return f"{names} ({item['note']})" if item.get("note") else names


def _consumer(consumer: dict[str, Any]) -> str:
    resource, name = consumer.get("resource", ""), str(consumer.get("name"))
    return name if resource in ("pods", "") else f"{resource}/{name}"
