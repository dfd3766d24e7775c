"""The causes in a summary, to compare two of them."""

import re

_NUMBERS = re.compile(r"^\d+(?:/\d+ nodes fit:(?: \d+(?= ))?)? ")
"""The text before each cause of a summary, and before the first one."""


def causes_of(summary: str) -> frozenset[str]:
    """The causes in a summary, without numbers of nodes and order. Cost: O(length)."""
    return frozenset(_NUMBERS.sub("", part) for part in summary.split(", "))
