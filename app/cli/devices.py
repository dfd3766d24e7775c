"""``devices``: all devices, their nodes, and the claims that hold them."""

from typing import TYPE_CHECKING, Any

import click

from app.cli import options
from app.cli.problems import Exit
from app.cli.source import Source
from app.cli.talk import counted, out, say, table

if TYPE_CHECKING:
    from app.cli.asking import Asker

_COLORS = {"free": "green", "tainted": "yellow", "unusable": "red", "assumed": "yellow", "gone": "dim"}


@click.command()
@options.anywhere
@options.output
@options.watch
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
def devices(
    *,
    source: Source,
    output: str,
    watch: bool,
    node: str,
    driver: str,
    state: str | None,
    selector: str,
    attribute: tuple[str, ...],
) -> int:
    """List devices, and the claims that hold them."""
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.waiting import listed  # noqa: PLC0415 - as above

    matching: set[str] | None = None

    async def read(asker: "Asker") -> tuple[list[dict[str, Any]], set[str] | None]:
        items = await asker.items("/api/v1/devices")
        if not selector and not attribute:
            return items, None
        query = {"selector": selector} if selector else {}
        answer = await asker.get("/api/v1/matches", **query, attribute=list(attribute))
        for failure in answer["failures"]:
            say(f"{counted(failure['shapes'], 'kind')} of devices cannot be evaluated: {failure['message']}")
        return items, set(answer["items"])

    def evaluation() -> list[dict[str, Any]]:
        nonlocal matching
        items, matching = ask(source, read)
        return items

    def selected(item: dict[str, Any]) -> bool:
        return (
            (matching is None or _name(item) in matching)
            and (not node or node in item["nodes"] or item["nodes"] == ["*"])
            and (not driver or item["driver"] == driver)
            and (not state or item["state"] == state)
        )

    listed("device", evaluation, _name, selected, show=_print, output=output, watch=watch)
    return Exit.OK


def _name(item: dict[str, Any]) -> str:
    return f"{item['driver']}/{item['pool']}/{item['device']}"


def _print(items: list[dict[str, Any]], output: str) -> None:
    from app.cli.printing import print_data  # noqa: PLC0415 - as above

    if output not in (options.TABLE, options.WIDE):
        print_data(items, output, [_name(item) for item in items])
        return
    head = ["NODE", "DRIVER", "POOL", "DEVICE", "STATE", "CLAIMS"]
    rows = [_row(item) for item in items]
    if output == options.WIDE:
        head.append("NOTE")
        rows = [[*row, item.get("note") or "-"] for row, item in zip(rows, items, strict=True)]
    out(table(head, rows, [_COLORS.get(_state(item), "") for item in items]))


def _row(item: dict[str, Any]) -> list[str]:
    nodes = item["nodes"]
    where = (
        "all"
        if nodes == ["*"]
        else ", ".join(nodes[:3]) + (f" and {len(nodes) - 3} more" if len(nodes) > 3 else "")
    )
    claims = ", ".join(item["claims"])
    return [where or "-", item["driver"], item["pool"], item["device"], _state(item), claims or "-"]


def _state(item: dict[str, Any]) -> str:
    return "gone" if item.get("gone") else str(item["state"])
