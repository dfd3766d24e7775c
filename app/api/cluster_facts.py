"""What is known of the cluster besides its objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

LATE_SECONDS = 300.0
"""Bookmarks come about every minute, and a silent watch is renewed after 70 s. As in the alert
DraExtenderWatchSilent.
"""


def _ageless() -> float | None:
    return None


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """``age``: seconds since the last event or bookmark of the kind that has been silent longest, None for
    files.

    ``version`` is the gitVersion of the API server; ``name`` and ``version`` are empty if unknown.
    """

    name: str = ""
    version: str = ""
    server: str = ""
    source: Literal["cluster", "files"] = "files"
    age: Callable[[], float | None] = _ageless

    def late_seconds(self) -> float | None:
        """The age, if it is longer than a watch that works is silent; else None."""
        age = self.age()
        return age if age is not None and age > LATE_SECONDS else None
