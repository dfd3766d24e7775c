"""How many binds write at a time.

kube-scheduler binds as many Pods at once as it has chosen nodes for: hundreds, after a burst. Written all
side by side they would share the connections write by write, so that none is done before nearly all are,
each write would spend its time limit behind those of others, and a hundred connections would have to be
made. A few at a time are as quick, and the first Pod is bound while the last one waits.
"""

import asyncio
from collections import deque
from types import TracebackType

_Queue = deque[asyncio.Future[None]]


class BindLimiter:
    """Lets ``number`` of its users write at a time, in the order in which they came. Each step costs O(1).

    Use ``async with slots.begin`` around the first writes of a bind, ``slots.end`` around its last: who has
    begun is served before others begin.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self.begin = _Turn(self)
        self.end = _Turn(self)

    async def take(self, queue: _Queue) -> None:
        """Comes back with a slot, which has to be given back."""
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give()  # it came in the same moment
            raise

    def give(self) -> None:
        """Gives a slot back, to who has waited longest."""
        for queue in (self.end.queue, self.begin.queue):
            while queue:
                turn = queue.popleft()
                if not turn.done():  # nobody waits for one that was cancelled
                    turn.set_result(None)
                    return
        self._free += 1


class _Turn:
    """``async with`` for one of the two queues."""

    def __init__(self, slots: BindLimiter) -> None:
        self._slots = slots
        self.queue: _Queue = deque()

    async def __aenter__(self) -> None:
        await self._slots.take(self.queue)

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._slots.give()
