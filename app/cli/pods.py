"""``pods``: pending Pods, and Pods with claims."""

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
@click.option("-n", "--namespace", default="", metavar="NAME", help="Only in this namespace.  [default: all]")
@click.option("-a", "--all", "everything", is_flag=True, help="Include running Pods with claims.")
def pods(*, source: Source, output: str, watch: bool, namespace: str, everything: bool) -> int:
    """List pending Pods. Use explain for the reasons.

    Only a service (--server) knows the last response to kube-scheduler.
    """
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.waiting import listed  # noqa: PLC0415 - as above

    def evaluation() -> list[dict[str, Any]]:
        return ask(source, lambda asker: asker.items("/api/v1/pods", namespace=namespace))

    def selected(item: dict[str, Any]) -> bool:
        return everything or item["node"] is None

    listed("Pod", evaluation, _name, selected, show=_print, output=output, watch=watch)
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
    colors = ["dim" if item.get("gone") else "" if item["node"] else "yellow" for item in items]
    out(table(("NAMESPACE", "NAME", "NODE", "CREATED", "CLAIMS", "REASON"), rows, colors))
