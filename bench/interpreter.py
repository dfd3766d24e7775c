"""How fast this interpreter is on this machine, at a fixed mix of what the service does in Python.

For it, a Python that is built without profile-guided optimization, as some version managers do by default,
takes 1.6 times the CPU time of one that is built with it, as that of the container image is. On a busy
machine it varies by as much, so results without it compare badly.
"""

import time

_ROUNDS = 20_000
_TRIES = 20


class _Item:
    __slots__ = ("name", "size")

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size

    def grown(self, by: int) -> int:
        return self.size + by


def mix_ms() -> float:
    """CPU ms of a fixed mix of 100,000 steps that the service is made of, the least of twenty tries.

    Calls, objects, dictionaries, type checks and short lists. To compare figures of two machines or
    interpreters, divide by this. Cost: some 0.3 s.
    """
    return round(min(_mix() for _ in range(_TRIES)) * 1e3, 1)


def _mix() -> float:
    started = time.process_time()
    for number in range(_ROUNDS):
        item = _Item("device", number)
        found = {"name": item.name, "size": item.grown(3)}
        if isinstance(item, _Item) and found.get("size"):
            sorted([value for value in found.values() if value.__class__ is int])
    return time.process_time() - started
