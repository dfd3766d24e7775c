"""Lists of node names, recognized by their bytes. kube-scheduler sends prioritize the list that filter
has returned, and parsing a list of thousands of names takes longer than comparing it. The cache contains
the last few lists that were sent or received.
"""

from collections import deque
from collections.abc import Sequence

import orjson

_KEPT = 8
"""One for each scheduler and Pod in flight is enough."""
_LEAST_BYTES = 1024
"""Shorter lists parse just as fast."""
_FIELD = b',"NodeNames":'


class NodeListCache:
    """``recognised`` counts the bodies whose names were not parsed."""

    def __init__(self) -> None:
        self._kept: deque[tuple[bytes, Sequence[str]]] = deque(maxlen=_KEPT)
        self.recognised = 0

    def split(self, body: bytes) -> tuple[bytes, Sequence[str]] | None:
        """Splits a body that ends with a cached list: the body without it, and the list.

        The rest is valid JSON only if the list was a field of the outermost object, so the result is
        invalid exactly if the body is. O(bytes of the list), a comparison in C.
        """
        for tail, names in self._kept:
            if body.endswith(tail):
                self.recognised += 1
                return body[: -len(tail)] + b"}", names
        return None

    def received(self, body: bytes, names: Sequence[str]) -> None:
        """Caches the list at the end of a body, if it is in Go's encoding."""
        start = body.rfind(_FIELD)
        if (
            start >= 0
            and len(body) - start >= _LEAST_BYTES
            and body[start + len(_FIELD) : -1] == _text(names)
        ):
            self._keep(body[start:], names)

    def sent(self, names: Sequence[str]) -> orjson.Fragment:
        """Encodes and caches a list for a response. An unchanged list is sent as received."""
        for tail, known in self._kept:
            if known is names:
                return orjson.Fragment(tail[len(_FIELD) : -1])
        text = _text(names)
        if len(text) >= _LEAST_BYTES:
            self._keep(_FIELD + text + b"}", names)
        return orjson.Fragment(text)

    def _keep(self, tail: bytes, names: Sequence[str]) -> None:
        if not any(tail == known for known, _ in self._kept):
            self._kept.appendleft((tail, names))


def _text(names: Sequence[str]) -> bytes:
    return orjson.dumps(names)
