"""What objects with thousands of parts leave when they end, so that a receiver can free it in steps.

The last reference to a plan of thousands of claims frees what it has kept of every device, in up to half a
second. A plan ends wherever its last reader does, also by an error, so it hands over its parts itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Receiver = Callable[[list[Any]], None]
"""Called with the parts, in the thread that drops the last reference to their owner."""


def _free_at_once(_parts: list[Any]) -> None:
    """Where nothing runs beside: the parts end with the call."""


_receivers: list[Receiver] = [_free_at_once]


def leave(parts: list[Any]) -> None:
    """Hands over parts that are not read any more."""
    _receivers[-1](parts)


@contextmanager
def received_by(receiver: Receiver) -> Iterator[None]:
    """Within the context, ``receiver`` gets what is left, in all threads of the process."""
    _receivers.append(receiver)
    try:
        yield
    finally:
        _receivers.remove(receiver)
