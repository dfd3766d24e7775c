"""The garbage collector, set for a process that holds a large inventory.

See docs/decisions/018-collector.md and 135-collections-of-bounded-length.md.
"""

import asyncio
import gc
import sys
from typing import Any

COLLECTIONS = (2_000, 1, 50)
"""The collector's thresholds: see ``keep_inventory``."""

_LOOK_SECONDS = 10.0
_LOOKS = 30
_GROWTH = 3
"""Times as many objects as the last time, for 5 minutes: no dry run takes that long, and a leak stays."""
_LEAST_BLOCKS = 8_000_000
"""Of memory, some 1 GB, half of the chart's limit: with less, a leak does no harm, and a collection would."""


def keep_inventory() -> None:
    """Excludes all current objects from garbage collection, and from now on those that stay in use.

    The inventory stays for as long as the process; going through it again and again would delay
    requests by 200 ms at 40,000 devices. What is replaced later is freed by its count of references.

    A collection of the second generation goes through 6,000 objects at most, some of which are large. What is
    still in use then is excluded as well, so that no collection grows with what a cache, a dry run or a body
    holds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    if _exclude_survivors not in gc.callbacks:
        gc.callbacks.append(_exclude_survivors)


def _exclude_survivors(phase: str, info: dict[str, Any]) -> None:
    if phase == "stop" and info["generation"] > 0:
        gc.freeze()


async def collect_after_growth() -> None:
    """Runs until canceled: goes through all objects of a large process once when it has grown to three times
    its size.

    Objects that were excluded while in use, and are now a cycle that nothing refers to, stay otherwise. The
    program makes no such cycles (tests/wiring/test_garbage_collection.py); a library may. This holds the loop
    for one or two seconds, and again only when the process is three times as large once more.
    """
    most = max(sys.getallocatedblocks() * _GROWTH, _LEAST_BLOCKS)
    looks = 0
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        looks = looks + 1 if sys.getallocatedblocks() > most else 0
        if looks == _LOOKS:
            collect_all()
            most, looks = max(sys.getallocatedblocks() * _GROWTH, _LEAST_BLOCKS), 0


def collect_all() -> int:
    """Returns the number of objects freed. Cost: 200 ns for each object of the process."""
    gc.unfreeze()
    found = gc.collect()
    gc.freeze()
    return found
