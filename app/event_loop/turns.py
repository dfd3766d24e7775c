"""Whose slice is next: all work of one kind gets one slice in each turn of the event loop.

Without, a request that passes through ten turns of the loop would wait for ten slices of each piece of work
in progress, and a tenant could multiply that by starting more of it.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable


class Turns:
    """Tenants take turns; the work of one tenant is served in the order in which it came.

    Nothing has to be given back: the next one is served in the next turn of the loop, whatever the last one
    has done with its turn.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()
        self._taken = False

    async def next(self, tenant: Hashable = "") -> None:
        """Returns when it is the caller's turn: at once if nothing else has had this turn of the loop."""
        loop = asyncio.get_running_loop()
        if not self._taken:
            self._taken = True
            loop.call_soon(self._pass_on)
            return
        turn = loop.create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        await turn

    def _pass_on(self) -> None:
        """Runs in each turn of the loop, until nothing waits."""
        while self._waiting:
            tenant, waiting = self._waiting.popitem(last=False)
            turn = waiting.popleft()
            if waiting:
                self._waiting[tenant] = waiting  # behind all others
            if not turn.done():  # or its task was canceled
                turn.set_result(None)
                turn.get_loop().call_soon(self._pass_on)
                return
        self._taken = False
