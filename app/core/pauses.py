"""Where long work lets others work: whatever can take long calls ``pause()`` at least every millisecond.

The caller that starts the work decides what a pause does (see ``on_pause``): on an event loop it may let
others have the loop, on the command line it does nothing, and where time is up it raises. So a search, an
evaluation or a decoder is a plain function that knows of no event loop, clock or budget.

A pause is a place where the cluster's state may change. Nothing half done may be visible there.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping, MutableSequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar, Token
from heapq import merge
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")
Ordered = TypeVar("Ordered", bound=tuple[Any, ...])

PACE = 256
"""Items of little work between two pauses."""

FEW = 64
"""Items in a list of an object that are read without a pause: some 1,000 calls."""

_FREED = 8
"""Items freed between two pauses: each may be the only owner of thousands of objects."""

_RUN = 1024
"""Items sorted at once, in less than a millisecond."""


class InterruptedWorkError(Exception):
    """Raised out of ``pause()``: the work must end without a result. Only its starter catches it."""


def _go_on(_cost: int) -> None:
    """Outside of ``on_pause``."""


Hook = Callable[[int], None]
_hook: ContextVar[Hook] = ContextVar("pause", default=_go_on)


def pause(cost: int = 0) -> None:
    """Lets other work run if it is time to. Costs 0.1 us otherwise.

    Args:
        cost: units of CEL's cost model that have been spent since the last pause, if they are many: they
            distinguish expensive work from a large amount of work.
    Raises:
        InterruptedWorkError: the time or the budget of the work is used up.
    """
    _hook.get()(cost)


class _Hooked(AbstractContextManager[None]):
    """A class, since a generator takes three times as many calls, for five contexts a Pod."""

    __slots__ = ("_hook", "_token")

    def __init__(self, hook: Hook) -> None:
        self._hook = hook

    def __enter__(self) -> None:
        self._token: Token[Hook] = _hook.set(self._hook)

    def __exit__(self, *_error: object) -> None:
        _hook.reset(self._token)


def on_pause(hook: Hook) -> AbstractContextManager[None]:
    """Calls ``hook`` with the cost at every pause of the work inside."""
    return _Hooked(hook)


def paced(items: Iterable[T], every: int = PACE) -> Iterator[T]:
    """The items, with a pause before the first, and then before each ``every``-th.

    For loops whose turns take microseconds. Without the first one, a loop over thousands of short loops would
    never pause: the devices of each of many small pools.
    """
    left = 1
    for item in items:
        left -= 1
        if not left:
            pause()
            left = every
        yield item


def paced_if_many(items: Collection[T]) -> Iterable[T]:
    """The items of one object: as they are, or ``paced`` if they are more than an object usually has.

    For loops of readers, of which most are short, and which may be in such loops themselves.
    """
    return items if len(items) <= FEW else paced(items, FEW)


def in_order(items: Iterable[Ordered]) -> Iterator[Ordered]:
    """The items sorted, with pauses. Cost: O(n) memory, O(n log n) comparisons if all are read."""
    rest = paced(items)
    runs = []
    while run := sorted(islice(rest, _RUN)):
        runs.append(run)
    yield from paced(merge(*runs))


def emptied(*containers: MutableSequence[Any] | MutableMapping[Any, Any], every: int = _FREED) -> None:
    """Empties containers that are not read any more, with a pause after each ``every`` items.

    The last reference to a million objects frees them all in one step of 0.1 s. Pass what has many objects
    that nothing else refers to, however small each of them is.
    """
    for container in containers:
        left = every
        while container:
            if isinstance(container, MutableMapping):
                container.popitem()
            else:
                container.pop()
            left -= 1
            if not left:
                pause()
                left = every


Receiver = Callable[[list[Any]], None]
"""Called with the parts, in the thread that drops the last reference to their owner."""


def _free_at_once(_parts: list[Any]) -> None:
    """Where nothing runs beside: the parts end with the call."""


_receivers: list[Receiver] = [_free_at_once]


def leave(parts: list[Any]) -> None:
    """Hands over parts of an object that ends, so that a receiver can free them with pauses.

    For an object that may end anywhere, also by an error: a plan of thousands of claims has kept something of
    every device for each of them.
    """
    _receivers[-1](parts)


@contextmanager
def received_by(receiver: Receiver) -> Iterator[None]:
    """Within the context, ``receiver`` gets what is left, in all threads of the process."""
    _receivers.append(receiver)
    try:
        yield
    finally:
        _receivers.remove(receiver)
