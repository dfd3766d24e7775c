"""Whose slice is next: all work of one kind gets one slice in each turn of the event loop.

Without, a request that passes through ten turns of the loop would wait for ten slices of each piece of work
in progress, and a tenant could multiply that by starting more of it.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable

FIRST = 4
"""Slices of work that comes first for one of the other work: this gets a fifth of the loop, not half."""


class Turns:
    """Tenants take turns; the work of one tenant is served in the order in which it came.

    Nothing has to be given back: the next one is served in the next turn of the loop, whatever the last one
    has done with its turn.

    Args:
        behind: the turns of work that comes first. As long as each turn of the loop has a slice of that, this
            work waits for ``FIRST`` of them.
    """

    def __init__(self, behind: "Turns | None" = None) -> None:
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()
        self._taken = False
        self._behind = behind
        self._before, self._seen = 0, 0
        self.given = 0

    async def next(self, tenant: Hashable = "") -> None:
        """Returns when it is the caller's turn: at once if nothing else has had this turn of the loop."""
        loop = asyncio.get_running_loop()
        if not self._taken:
            self._taken = True
            loop.call_soon(self._pass_on)
            if not self._waits():
                self._give()
                return
        turn = loop.create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        await turn

    def _pass_on(self) -> None:
        """Runs in each turn of the loop, until nothing waits."""
        if self._waiting and self._waits():
            asyncio.get_running_loop().call_soon(self._pass_on)
            return
        while self._waiting:
            tenant, waiting = self._waiting.popitem(last=False)
            turn = waiting.popleft()
            if waiting:
                self._waiting[tenant] = waiting  # behind all others
            if not turn.done():  # or its task was canceled
                self._give()
                turn.set_result(None)
                turn.get_loop().call_soon(self._pass_on)
                return
        self._taken = False

    def _waits(self) -> bool:
        """Whether work that comes first goes on, and has not had its slices yet. Asked once in each turn."""
        if self._behind is None:
            return False
        last, self._seen = self._seen, self._behind.given
        return self._seen != last and self._seen - self._before < FIRST

    def _give(self) -> None:
        self.given += 1
        if self._behind is not None:
            self._before = self._behind.given
