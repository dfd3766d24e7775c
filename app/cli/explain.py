"""``explain``: why a Pod is pending."""

import click

from app.cli import options
from app.cli.problems import Exit, InputError
from app.cli.source import Source
from app.cli.talk import out, say

_KINDS = ("pod", "pods", "po")


@click.command()
@click.argument("pod")
@options.anywhere
@options.namespace
@options.output
def explain(*, pod: str, source: Source, namespace: str, output: str) -> int:
    """Show why a Pod is pending: the reasons of each node.

    POD is a name, pod/NAME or NAMESPACE/NAME.

    For a Pod that is not in the inventory yet, use plan. Exit code 0: it fits or has a node, 1: it fits
    nowhere.
    """
    from app.cli.asking import ask  # noqa: PLC0415 - --help must be quick
    from app.cli.placements import MAX_NODES, pod_report  # noqa: PLC0415 - as above
    from app.cli.printing import print_data  # noqa: PLC0415 - as above

    space, name = _named(pod, namespace)
    path = f"/api/v1/pods/{space}/{name}/explain"
    level = "summary" if output in (options.TABLE, options.NAME) else "full"
    answer = ask(source, lambda asker: asker.get(path, explain=level))
    if output in (options.TABLE, options.WIDE):
        if answer["node"] is None:
            out(pod_report(answer, " has no node", MAX_NODES if output == options.TABLE else None))
        else:
            out(f"{space}/{name} is on {answer['node']}")
    else:
        print_data(answer, output, [f"pod/{answer['name']}"])
    say(f"inventory revision {answer['revision']}")
    return Exit.OK if answer["node"] is not None or answer["fitting"] else Exit.NO


def _named(text: str, namespace: str) -> tuple[str, str]:
    """Namespace and name of ``NAME``, ``pod/NAME`` or ``NAMESPACE/NAME``. Raises: InputError."""
    front, slash, name = text.rpartition("/")
    if name and front.lower() in _KINDS:
        return namespace, name
    if not name or "/" in front or (slash and not front) or front.lower() in _KINDS:
        raise InputError(f"{text!r} is not a Pod", "write NAME, pod/NAME or NAMESPACE/NAME")
    return front or namespace, name
