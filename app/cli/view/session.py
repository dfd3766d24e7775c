"""Begins the interactive view, where it is possible."""

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from app.cli import options
from app.cli.source import Source
from app.cli.talk import is_terminal

if TYPE_CHECKING:
    from app.cli.lists.listing import Item, ListKind


def is_possible() -> bool:
    """Whether stdin and stdout are a terminal, and textual is installed."""
    return is_terminal(sys.stdin) and is_terminal(sys.stdout) and find_spec("textual") is not None


def begin(source: Source, first: "ListKind") -> None:
    """Shows the view until it is closed."""
    from app.cli.asking import ask  # noqa: PLC0415 - what only a view needs
    from app.cli.lists.claims import CLAIMS  # noqa: PLC0415 - as above
    from app.cli.lists.devices import DEVICES  # noqa: PLC0415 - as above
    from app.cli.lists.nodes import NODES  # noqa: PLC0415 - as above
    from app.cli.lists.pods import PODS  # noqa: PLC0415 - as above
    from app.cli.view.screen import Screen  # noqa: PLC0415 - as above

    def read(kind: "ListKind") -> "list[Item]":
        query = {"pending": "true"} if kind is PODS else {}
        return ask(source, lambda asker: asker.items(kind.path, **query))

    kinds = [NODES, DEVICES, PODS, CLAIMS]
    number = next((at for at, kind in enumerate(kinds) if kind.noun == first.noun), 0)
    Screen(kinds, read, options.POLL_SECONDS, number).run()
