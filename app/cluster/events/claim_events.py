"""Events on claims whose devices another claim holds too."""

import asyncio
import logging
from collections import deque

from app.cluster.client.errors import ClusterError
from app.cluster.client.fence import Fence
from app.cluster.events.event_writer import EventWriter, reference
from app.core.model.resource_claim import ResourceClaim

log = logging.getLogger(__name__)

REASON = "DeviceHeldTwice"
_MAX = 1000  # maximum in the queue; the oldest are dropped: the log contains all
_MAX_NOTE_CHARS = 1000
_API_VERSION = "resource.k8s.io/v1"


class ClaimEvents:
    """Accepts warnings, and writes them in a background task, a few per second. ``written`` counts.

    Args:
        fence: while it is closed, warnings are dropped: another replica writes them.
    """

    def __init__(
        self,
        writer: EventWriter,
        *,
        fence: Fence,
        writes_per_second: float = 5.0,
    ) -> None:
        self._writer = writer
        self._fence = fence
        self._pause = 1 / writes_per_second
        self._waiting: deque[tuple[ResourceClaim, str]] = deque(maxlen=_MAX)
        self._some = asyncio.Event()
        self.written = 0

    def warn(self, claim: ResourceClaim, note: str) -> None:
        """Adds a warning. Cost: O(1)."""
        if self._fence.open:
            self._waiting.append((claim, note[:_MAX_NOTE_CHARS]))
            self._some.set()

    async def run(self) -> None:
        """Runs until canceled."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                await self._write(*self._waiting.popleft())
                await asyncio.sleep(self._pause)

    async def _write(self, claim: ResourceClaim, note: str) -> None:
        try:
            await self._writer.create(reference("ResourceClaim", claim.meta, _API_VERSION), REASON, note)
        except ClusterError as error:
            log.warning("cannot write an Event for ResourceClaim %s: %s", "/".join(claim.meta.key), error)
        else:
            self.written += 1
