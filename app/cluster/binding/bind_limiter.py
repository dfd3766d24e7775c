"""Limits how many binds write at a time. kube-scheduler binds all Pods with a node at once: hundreds
after a burst. If all wrote concurrently, they would share the connections, so that none finishes before
nearly all do, each write would spend its time limit behind others, and a hundred connections would be
opened. A few at a time are just as fast, and the first Pod is bound while the last one waits.
"""

import asyncio
from collections import deque
from types import TracebackType

_Queue = deque[asyncio.Future[None]]


class BindLimiter:
    """Lets ``number`` users write at a time, in order of arrival.

    Cost: O(1) for each step. Use ``async with limiter.begin`` around the first writes of a bind, and
    ``limiter.end`` around its last: a bind that has begun takes precedence over one that has not.
    """

    def __init__(self, number: int) -> None:
        self._free = number
        self.begin = _Turn(self)
        self.end = _Turn(self)

    async def take(self, queue: _Queue) -> None:
        """Returns with a slot, which must be released."""
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.give()  # it arrived at the same moment
            raise

    def give(self) -> None:
        """Releases a slot to the longest waiting user."""
        for queue in (self.end.queue, self.begin.queue):
            while queue:
                turn = queue.popleft()
                if not turn.done():  # a canceled waiter needs no slot
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
