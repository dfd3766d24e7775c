"""Finds the characters of a YAML scalar's value in the file: escapes, folded lines and blocks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# An escape of a double-quoted scalar; a line break after the backslash joins the lines.
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\n[ \t]*|.)")
_SPACES = {"\\n": "\n", "\\ ": " ", "\\t": "\t", "\\\t": "\t", "\\r": "\r", "\\x20": " ", "\\u0020": " "}
_BLANK = " \t\r\n"
BLOCKS = ("|", ">")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value and its source. ``line`` and ``column`` (from 1) are where the source begins.

    ``style`` is libyaml's: ``|``, ``>``, a quote, or empty for a plain scalar.
    """

    value: str
    style: str
    line: int
    column: int

    def place(self, rows: Sequence[str], line: int, column: int) -> tuple[int, int]:
        """Line and column (from 1) in the file, for a line (from 1) and a column (from 0) of the value.

        Cost: O(length of the scalar).
        """
        before = self.value.split("\n")[: line - 1]
        target = sum(len(row) + 1 for row in before) + column
        if self.style in BLOCKS:
            start, at = self.line, 0  # the source begins with the mark, its text on the next line
        else:
            start, at = self.line - 1, self.column - 1 + (self.style in ("'", '"'))
        source = "\n".join(rows[start:])
        offset = self._offset(source, at, target)
        text = source[:offset]
        return start + text.count("\n") + 1, offset - text.rfind("\n")

    def _offset(self, source: str, at: int, target: int) -> int:
        """Walks value and source side by side. A run of blanks may have a different length in each."""
        done = 0
        if self.style in BLOCKS:
            at = self._past(source, at)
        while done < target and at < len(source):
            if self.value[done : done + 1] in _BLANK:
                end = done
                while self.value[end : end + 1] and self.value[end] in _BLANK:
                    end += 1
                done, at = end, self._past(source, at)
                continue
            at += self._width(source, at)
            done += 1
            if done < target and self.style == '"':
                at = self._joined(source, at)
        return at

    def _width(self, source: str, at: int) -> int:
        """The length in the source of one character that is not a blank."""
        if self.style == '"' and source[at] == "\\":
            found = _ESCAPE.match(source, at)
            return found.end() - at if found is not None else 1
        return 2 if self.style == "'" and source[at : at + 2] == "''" else 1

    def _joined(self, source: str, at: int) -> int:
        """Past lines that a backslash joins without a blank."""
        while source[at : at + 2] == "\\\n":
            found = _ESCAPE.match(source, at)
            at = found.end() if found is not None else at + 2
        return at

    def _past(self, source: str, at: int) -> int:
        """Past blanks, written or escaped."""
        while at < len(source):
            escape = _ESCAPE.match(source, at) if self.style == '"' else None
            if escape is not None and (escape.group() in _SPACES or escape.group().startswith("\\\n")):
                at = escape.end()
            elif source[at] in _BLANK:
                at += 1
            else:
                break
        return at
