"""Which nodes have changed since one last looked.

Answers about nodes are kept from one Pod to the next; this log says which of them to throw away.
"""

from collections import deque
from collections.abc import Iterable

_KEPT = 4096
"""Entries that are remembered: who has not looked for longer looks at all nodes again."""


class Changes:
    """A log of sets of nodes. ``position`` is the number of entries made so far."""

    def __init__(self) -> None:
        self.position = 0
        self._log: deque[tuple[str, ...] | None] = deque(maxlen=_KEPT)

    def fork(self) -> "Changes":
        """A copy that goes its own way. O(entries remembered)."""
        other = Changes()
        other.position = self.position
        other._log = deque(self._log, maxlen=_KEPT)
        return other

    def note(self, nodes: Iterable[str] | None) -> None:
        """Enters nodes for which answers may differ from now on; None stands for all."""
        self._log.append(None if nodes is None else tuple(nodes))
        self.position += 1

    def since(self, position: int) -> set[str] | None:
        """The nodes entered after ``position``; None: all of them, or too long ago to tell."""
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
