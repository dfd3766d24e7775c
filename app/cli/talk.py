"""Writes to the terminal: data to stdout, messages to stderr, colors only on a terminal."""

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from app.cli.problems import InputError

_COLORS = {"green": "32", "yellow": "33", "red": "31", "dim": "2", "bold": "1"}

_GAP = "   "
_LEAST_WIDTH = 12
"""No cell is cut below this."""


class ReaderGoneError(Exception):
    """The reader of stdout (head, less) has closed the pipe."""


def out(text: str) -> None:
    """Writes a line of the result. Raises: ReaderGoneError, InputError."""
    write(f"{text}\n")


def write(text: str) -> None:
    """As ``out``, for text that contains its line breaks. Flushes, since a pipe may have a waiting reader.

    Raises: ReaderGoneError, InputError.
    """
    stream = _opened(sys.stdout)
    if stream is None:
        raise InputError("cannot write to stdout: it is closed")
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        silence(stream)
        raise ReaderGoneError from None
    except OSError as error:
        silence(stream)
        raise InputError(f"cannot write to stdout: {error.strerror}") from None


def say(text: str) -> None:
    """Writes a message for people, not for a pipe. It is lost if no one can read it any more."""
    tell(f"{text}\n")


def tell(text: str) -> None:
    """As ``say``, for text that contains its line break."""
    stream = _opened(sys.stderr)
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        silence(stream)


def _opened(stream: TextIO | None) -> TextIO | None:
    """The stream; None if it was closed when the program started, which its type does not tell."""
    return stream


def silence(stream: TextIO) -> None:
    """Nothing may be flushed at exit to what cannot be written to."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_terminal(stream: TextIO | None) -> bool:
    """Whether this stream is one; it is None if it was closed when the program started."""
    return stream is not None and stream.isatty()


def counted(number: int, noun: str) -> str:
    """``1 Pod``, ``2 Pods``, ``2 classes``: a number with its noun."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def progress(text: str) -> None:
    """Shows a line on stderr that the next one replaces; nothing if stderr is not a terminal."""
    if is_terminal(sys.stderr):
        tell(f"\r\x1b[K{text}")


def colored(stream: TextIO | None) -> bool:
    """Whether this stream has colors (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return is_terminal(stream)


def paint(text: str, color: str) -> str:
    """The text in a color, if stdout has colors."""
    if not color or not colored(sys.stdout):
        return text
    return f"\x1b[{_COLORS[color]}m{text}\x1b[0m"


def terminal_width() -> int | None:
    """The columns of the terminal, None if stdout is not one."""
    if not is_terminal(sys.stdout):
        return None
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() else os.get_terminal_size(sys.stdout.fileno()).columns or None


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    colors: Sequence[str] = (),
    *,
    headers: bool = True,
    width: int | None = None,
) -> str:
    """Columns as kubectl prints them: no frames, safe for grep and awk.

    Args:
        colors: one for each row, "" for none.
        headers: whether the first line has the heads.
        width: cuts the longest cells so that lines are no longer; None cuts nothing.

    Cost: O(cells).
    """
    cells = [list(map(str, row)) for row in rows]
    widths = [len(name) for name in head] if headers else [0] * len(head)
    for row in cells:
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], len(cell))
    if width is not None:
        widths = _narrowed(widths, [len(name) for name in head], width)
    lines = [_line(row, widths) for row in cells]
    painted = [paint(line, color) for line, color in zip(lines, colors or [""] * len(rows), strict=True)]
    return "\n".join([paint(_line(head, widths), "bold"), *painted] if headers else painted)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(
        (cell if len(cell) <= width else f"{cell[: width - 1]}…").ljust(width)
        for cell, width in zip(row, widths, strict=True)
    ).rstrip()


def _narrowed(widths: Sequence[int], heads: Sequence[int], width: int) -> list[int]:
    """Takes from the widest column until all fit, but no column gets shorter than its head or a name."""
    result = list(widths)
    least = [min(own, max(head, _LEAST_WIDTH)) for own, head in zip(widths, heads, strict=True)]
    excess = sum(result) + len(_GAP) * (len(result) - 1) - width
    while excess > 0:
        widest = max(range(len(result)), key=lambda column: result[column] - least[column])
        spare = result[widest] - least[widest]
        if spare <= 0:
            return result
        others = [own for column, own in enumerate(result) if column != widest and own < result[widest]]
        step = min(excess, spare, max(1, result[widest] - max(others, default=0)))
        result[widest] -= step
        excess -= step
    return result
