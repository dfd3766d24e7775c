"""One request to the API server as data, and its constants."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import urlencode

Params = Mapping[str, str]
PatchKind = Literal["merge", "json", "strategic"]

MEDIA_TYPES: Mapping[PatchKind, str] = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    # The API server supports it for built-in kinds only.
    "strategic": "application/strategic-merge-patch+json",
}
JSON, TEXT = "application/json", "text/plain"
METADATA = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"
"""Requests metadata only; a server without support returns full objects."""


_NONE: Params = {}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. ``total`` bounds a request but not a watch; ``read`` bounds silence within a response."""

    connect: float = 5.0
    pool: float = 5.0
    read: float = 20.0
    total: float = 30.0


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request, before credentials. ``guard`` is called right before it is sent, and raises to stop it."""

    method: str
    path: str
    params: Params | None = None
    content: bytes = b""
    media_type: str = JSON
    read_seconds: float | None = None
    accept: str = JSON
    guard: Callable[[], None] | None = None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def target(self, more: Params = _NONE) -> str:
        """Path and query; ``more`` are extra parameters, placed before its own."""
        params = {**more, **(self.params or _NONE)}
        return f"{self.path}?{_query(tuple(params.items()))}" if params else self.path


@lru_cache(256)
def _query(params: tuple[tuple[str, str], ...]) -> str:
    """Most requests use one of a few."""
    return urlencode(params)
