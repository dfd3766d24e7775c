"""``pods``: those that wait for a node, and those that hold claims."""

from typing import Any

import click

from app.cli import options
from app.cli.problems import Exit
from app.cli.source import Source
from app.cli.talk import out, table


@click.command()
@options.anywhere
@options.output
@options.watch
@click.option("-n", "--namespace", default="", metavar="NAME", help="Only this namespace.  [default: all]")
@click.option("-a", "--all", "everything", is_flag=True, help="Also Pods that run and hold claims.")
def pods(*, source: Source, output: str, watch: bool, namespace: str, everything: bool) -> int:
    """List Pods that are pending; explain says why.

    What kube-scheduler was told last is known to a service alone (--server).
    """
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.waiting import listed  # noqa: PLC0415 - as above

    def evaluation() -> list[dict[str, Any]]:
        return ask(source, lambda asker: asker.items("/api/v1/pods", namespace=namespace))

    def wanted(item: dict[str, Any]) -> bool:
        return everything or item["node"] is None

    listed("Pods", evaluation, _name, wanted, show=_print, output=output, watch=watch)
    return Exit.OK


def _name(item: dict[str, Any]) -> tuple[str, str]:
    return item["namespace"], item["name"]


def _print(items: list[dict[str, Any]], output: str) -> None:
    from app.cli.printing import print_data  # noqa: PLC0415 - --help must be quick

    if output not in (options.TABLE, options.WIDE):
        print_data(items, output, [f"pod/{item['name']}" for item in items])
        return
    rows = [
        [
            item["namespace"],
            item["name"],
            "gone" if item.get("gone") else item["node"] or "pending",
            item["created"] or "-",
            ", ".join(item["claims"]) or "-",
            item["said"] or "-",
        ]
        for item in items
    ]
    colours = ["dim" if item.get("gone") else "" if item["node"] else "yellow" for item in items]
    out(table(("NAMESPACE", "NAME", "NODE", "MADE", "CLAIMS", "SAID"), rows, colours))
