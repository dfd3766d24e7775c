"""Limits the number of connections, and selects those to close.

The first to close is the one that has waited longest without a complete request: slow, half-open and idle
clients. A scheduler's request is complete within milliseconds, so its connection is among the newest.
Connections that have carried a webhook of an authorized client, or that wait for a response, are never
closed.
"""

from typing import Protocol


class LimitedConnection(Protocol):
    """A connection in the limiter."""

    def give_up(self) -> None:
        """Called to close the connection and make room."""


class ConnectionLimiter:
    """The open connections, at most ``most``. Cost: O(1) for each method."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[LimitedConnection, None] = {}
        self._members: set[LimitedConnection] = set()
        self.given_up = 0
        """Number of connections closed to make room."""

    def __len__(self) -> int:
        return len(self._members)

    def join(self, member: LimitedConnection) -> bool:
        """Adds a new connection, and closes another if necessary. False: there is no room."""
        if len(self._members) >= self._most and not self._make_room():
            self.given_up += 1
            return False
        self._members.add(member)
        self._waiting[member] = None
        return True

    def busy(self, member: LimitedConnection) -> None:
        """A complete request has arrived: the connection must not be closed."""
        self._waiting.pop(member, None)

    def waits(self, member: LimitedConnection) -> None:
        """The response is sent, or the client does not read it: the connection goes to the end of the
        queue.
        """
        if member in self._members:
            self._waiting.pop(member, None)
            self._waiting[member] = None

    def leave(self, member: LimitedConnection) -> None:
        self._waiting.pop(member, None)
        self._members.discard(member)

    def _make_room(self) -> bool:
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self.leave(oldest)
        self.given_up += 1
        oldest.give_up()
        return True
