"""A request as it leaves and its answer, and what a transport is that takes them without httpx's types."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it leaves.

    ``timeout`` is in httpx's form; ``guard`` may still stop a write that has to wait for a connection.
    """

    method: str
    url: str
    headers: Sequence[tuple[str, str]]
    content: bytes
    timeout: Mapping[str, float]
    guard: Callable[[], None] | None = None

    def as_httpx(self) -> httpx.Request:
        extensions: dict[str, object] = {"timeout": self.timeout}
        if self.guard is not None:
            extensions["guard"] = self.guard
        return httpx.Request(
            self.method, self.url, headers=self.headers, content=self.content, extensions=extensions
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class DirectTransport(httpx.AsyncBaseTransport, ABC):
    """An httpx transport that is faster when called without httpx's requests and responses."""

    @abstractmethod
    async def exchange(self, request: Outgoing) -> Answer:
        """Sends a request and reads the whole answer. Raises as ``handle_async_request``."""

    @abstractmethod
    async def present(self, identity: int) -> None:
        """Called before a request: a new identity is shown on new connections only."""
