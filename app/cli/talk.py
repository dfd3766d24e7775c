"""Writing to the terminal: data to stdout, talk to stderr, colour only where a person looks."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

_COLOURS = {"green": "32", "yellow": "33", "red": "31", "dim": "2", "bold": "1"}


class ReaderGoneError(Exception):
    """Whoever read stdout (head, less) has seen enough."""


def out(text: str) -> None:
    """A piece of the answer. Raises: ReaderGoneError."""
    write(f"{text}\n")


def write(text: str) -> None:
    """As ``out``, for text that ends its own lines. At once: a pipe may be read as it comes."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ReaderGoneError from None


def say(text: str) -> None:
    """What a person wants to know and a pipe does not."""
    sys.stderr.write(f"{text}\n")


def progress(text: str) -> None:
    """A line on stderr that the next one takes the place of; nothing where nobody looks."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def coloured(stream: TextIO) -> bool:
    """Whether colours are wanted on this stream (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def paint(text: str, colour: str) -> str:
    """The text in a colour, if stdout shows colours."""
    if not colour or not coloured(sys.stdout):
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], colours: Sequence[str] = ()) -> str:
    """Columns as kubectl prints them: no frames, no cuts, safe for grep and awk.

    Args:
        colours: one for each row, "" for none.
    """
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    painted = [
        paint(line, colour) for line, colour in zip(lines[1:], colours or [""] * len(rows), strict=True)
    ]
    return "\n".join([paint(lines[0], "bold"), *painted])
