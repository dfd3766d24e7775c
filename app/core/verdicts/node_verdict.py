"""The short result for a node, for the webhooks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class NodeVerdict:
    """A verdict, a score and a text. ``message`` and ``reason`` are empty if the node fits.

    ``reason`` is the code of the first reason: a few words, for counting. Compared by identity, which
    Python does in C: see ``VerdictCache.interned``.
    """

    verdict: str
    score: int = 0
    message: str = ""
    curable: bool = True
    reason: str = ""

    @property
    def content(self) -> tuple[str, int, str, bool, str]:
        """Equal for verdicts with the same content."""
        return self.verdict, self.score, self.message, self.curable, self.reason
