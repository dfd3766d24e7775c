"""Writes to the terminal: data to stdout, messages to stderr, colors only on a terminal."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

_COLORS = {"green": "32", "yellow": "33", "red": "31", "dim": "2", "bold": "1"}


class ReaderGoneError(Exception):
    """The reader of stdout (head, less) has closed the pipe."""


def out(text: str) -> None:
    """Writes a line of the result. Raises: ReaderGoneError."""
    write(f"{text}\n")


def write(text: str) -> None:
    """As ``out``, for text that contains its line breaks. Flushes, since a pipe may have a waiting reader."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nothing may be flushed to stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ReaderGoneError from None


def say(text: str) -> None:
    """Writes a message for people, not for a pipe."""
    sys.stderr.write(f"{text}\n")


def counted(number: int, noun: str) -> str:
    """``1 Pod``, ``2 Pods``: a number with its noun, which forms its plural with an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def progress(text: str) -> None:
    """Shows a line on stderr that the next one replaces; nothing if stderr is not a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def colored(stream: TextIO) -> bool:
    """Whether this stream has colors (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def paint(text: str, color: str) -> str:
    """The text in a color, if stdout has colors."""
    if not color or not colored(sys.stdout):
        return text
    return f"\x1b[{_COLORS[color]}m{text}\x1b[0m"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], colors: Sequence[str] = ()) -> str:
    """Columns as kubectl prints them: no frames, no cuts, safe for grep and awk.

    Args:
        colors: one for each row, "" for none.
    """
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    painted = [paint(line, color) for line, color in zip(lines[1:], colors or [""] * len(rows), strict=True)]
    return "\n".join([paint(lines[0], "bold"), *painted])
