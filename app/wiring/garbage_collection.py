"""The garbage collector, set for a process that holds a large inventory (docs/decisions/018-collector.md)."""

import gc

COLLECTIONS = (10_000, 20, 50)
"""The collector's thresholds: see ``keep_inventory``."""


def keep_inventory() -> None:
    """Excludes all current objects from garbage collection.

    The inventory stays for as long as the process; going through it again and again would delay
    requests by 200 ms at 40,000 devices. What is replaced later is freed by its count of references.

    With nothing old left, the collector would go through all that is younger at every 70,000th object,
    which a dry run makes several times over: so it does that seldom. Rounds through the youngest
    10,000 take a millisecond and find what cycles there are, those of requests that failed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
