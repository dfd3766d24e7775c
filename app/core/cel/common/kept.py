"""Results kept by a text, where an expression can make a thousand texts of 100 kB."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")

SHORT = 256
"""Characters of a text whose result is kept; what devices publish has at most 64."""


def kept_if_short(number: int) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """As ``lru_cache``, for short texts only."""

    def decorate(read: Callable[[str], T]) -> Callable[[str], T]:
        kept = lru_cache(number)(read)

        @wraps(read)
        def found(text: str) -> T:
            return kept(text) if len(text) <= SHORT else read(text)

        return found

    return decorate
