"""Changes that concern all nodes wait while filters are in progress.

A filter begins again on what has changed in a pause. If something changes for all nodes more often than a
filter takes, it would never end: thousands of slices for all nodes that come one by one take seconds.
"""

import asyncio

MOST_SECONDS = 0.25
"""How long a change waits: a filter without dear selectors takes less."""

FLOW_SECONDS = 0.02
"""How long changes go on after one that has waited, so that filters in a row do not keep them back."""


class WideChanges:
    """Use it as the context of what changes would make begin again. Not for threads."""

    def __init__(self, seconds: float = MOST_SECONDS) -> None:
        self._seconds = seconds
        self._filters = 0
        self._flows_until = 0.0
        self._quiet = asyncio.Event()
        self._quiet.set()

    def __enter__(self) -> None:
        self._filters += 1
        self._quiet.clear()

    def __exit__(self, *_: object) -> None:
        self._filters -= 1
        if not self._filters:
            self._quiet.set()

    def is_filtering(self) -> bool:
        """Whether a filter is in progress."""
        return self._filters > 0

    async def wait(self) -> None:
        """Returns when the next change may be made: at once if no filter is in progress."""
        clock = asyncio.get_running_loop().time
        if not self._filters or clock() < self._flows_until:
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._quiet.wait()
        except TimeoutError:
            pass  # changes come first now: filters may overlap for as long as there are Pods
        self._flows_until = clock() + FLOW_SECONDS
