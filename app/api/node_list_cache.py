"""Lists of node names, recognized by their bytes. kube-scheduler sends prioritize the list that filter
has returned, and parsing a list of thousands of names takes longer than comparing it. The cache contains
the last few lists that were sent or received.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import orjson

_KEPT = 8
"""One for each scheduler and Pod in flight is enough."""
_LEAST_BYTES = 1024
"""Shorter lists parse just as fast."""
_FIELD = b',"NodeNames":'


@dataclass(frozen=True)
class NodeList:
    """Names in the order of a request. ``tail`` is how a body ends that has this list."""

    tail: bytes
    names: Sequence[str]

    @cached_property
    def distinct(self) -> frozenset[str]:
        """The names as a set, which keeps its hash from one request to the next."""
        return frozenset(self.names)


class NodeListCache:
    """``recognised`` counts the bodies whose names were not parsed."""

    def __init__(self) -> None:
        self._kept: deque[NodeList] = deque(maxlen=_KEPT)
        self._last = b""
        self.recognised = 0

    def split(self, body: bytes) -> tuple[bytes, NodeList] | None:
        """Splits a body that ends with a cached list: the body without it, and the list.

        The rest is valid JSON only if the list was a field of the outermost object, so the result is
        invalid exactly if the body is. O(bytes of the list), a comparison in C.
        """
        for known in self._kept:
            if body.endswith(known.tail):
                self.recognised += 1
                return body[: -len(known.tail)] + b"}", known
        return None

    def received(self, body: bytes, names: Sequence[str]) -> None:
        """Caches the list at the end of a body when it comes twice in succession, in Go's encoding.

        kube-scheduler sends the same list for each Pod if it checks all nodes, and always another one if it
        checks a part of them. Cost: O(bytes of the list), a copy in C; the second time it is encoded.
        """
        start = body.rfind(_FIELD)
        if start < 0 or len(body) - start < _LEAST_BYTES:
            return
        tail = body[start:]
        if tail != self._last:
            self._last = tail
        elif tail[len(_FIELD) : -1] == _text(names):
            self._keep(tail, names)

    def sent(self, names: Sequence[str]) -> orjson.Fragment:
        """Encodes and caches a list for a response. An unchanged list is sent as received."""
        for known in self._kept:
            if known.names is names:
                return orjson.Fragment(known.tail[len(_FIELD) : -1])
        text = _text(names)
        if len(text) >= _LEAST_BYTES:
            self._keep(_FIELD + text + b"}", names)
        return orjson.Fragment(text)

    def _keep(self, tail: bytes, names: Sequence[str]) -> None:
        if not any(tail == known.tail for known in self._kept):
            self._kept.appendleft(NodeList(tail, names))


def _text(names: Sequence[str]) -> bytes:
    return orjson.dumps(names)
