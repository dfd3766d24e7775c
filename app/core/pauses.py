"""Long work as generators: each yield is a pause at which others may be served, the result is returned.

So a search knows nothing of event loops: who runs it decides what to do in the pauses.
"""

from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Pauses(Generic[T]):
    """The pauses of work, to iterate over once. ``result`` is set when they are over."""

    result: T

    def __init__(self, steps: Generator[object, None, T]) -> None:
        self._steps = steps

    def __iter__(self) -> Iterator[object]:
        self.result = yield from self._steps


def finish(steps: Generator[object, None, T]) -> T:
    """The result, without a pause."""
    pauses = Pauses(steps)
    for _ in pauses:
        pass
    return pauses.result
