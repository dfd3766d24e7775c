"""A log of changed nodes.

Verdicts of nodes are kept from Pod to Pod; this log shows which of them to discard.
"""

from collections import deque
from collections.abc import Iterable

_KEPT = 4096
"""Maximum number of entries: a reader with an older position must evaluate all nodes again."""


class ChangeLog:
    """A log of sets of nodes. ``position`` is the number of entries made so far."""

    def __init__(self) -> None:
        self.position = 0
        self._log: deque[tuple[str, ...] | None] = deque(maxlen=_KEPT)

    def fork(self) -> "ChangeLog":
        """An independent copy. Cost: O(entries)."""
        other = ChangeLog()
        other.position = self.position
        other._log = deque(self._log, maxlen=_KEPT)
        return other

    def note(self, nodes: Iterable[str] | None) -> None:
        """Adds nodes with possibly different verdicts from now on; None stands for all."""
        self._log.append(None if nodes is None else tuple(nodes))
        self.position += 1

    def since(self, position: int) -> set[str] | None:
        """The nodes added after ``position``; None: all of them, or the position is too old."""
        number = self.position - position
        if number > len(self._log):
            return None
        changed: set[str] = set()
        for back in range(1, number + 1):
            entry = self._log[-back]
            if entry is None:
                return None
            changed.update(entry)
        return changed
