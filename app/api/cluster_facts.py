"""What is known of the cluster besides its objects."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


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
