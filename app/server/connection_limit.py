"""How many connections there may be, and which of them goes when there are too many.

Whoever has waited longest without a whole request goes first: slow and half-open clients, and idle ones.
A scheduler's request is whole within milliseconds, so its connection is among the newest. One that has
carried a webhook of an authorised caller is never given up, nor one whose answer is being made.
"""

from typing import Protocol


class Member(Protocol):
    """A connection, as far as it is counted here."""

    def give_up(self) -> None:
        """Is called when it has to make room."""


class ConnectionLimiter:
    """The connections that are open, at most ``most``. Each step costs O(1)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Member, None] = {}
        self._members: set[Member] = set()
        self.given_up = 0
        """Connections closed for want of room."""

    def __len__(self) -> int:
        return len(self._members)

    def join(self, member: Member) -> bool:
        """Takes a new connection in, for another one if need be. False: there is no room for it."""
        if len(self._members) >= self._most and not self._make_room():
            self.given_up += 1
            return False
        self._members.add(member)
        self._waiting[member] = None
        return True

    def busy(self, member: Member) -> None:
        """A whole request has come: it is not to be given up."""
        self._waiting.pop(member, None)

    def waits(self, member: Member) -> None:
        """Its answer is out, or is not being read: from now on it waits, behind all others."""
        if member in self._members:
            self._waiting.pop(member, None)
            self._waiting[member] = None

    def leave(self, member: Member) -> None:
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
