"""Lists of node names, told by their bytes.

kube-scheduler asks prioritize about the very list that filter has answered, and a list of thousands of
names takes longer to read than to recognise. The last few that were sent or received are kept.
"""

from collections import deque
from collections.abc import Sequence

import orjson

_KEPT = 8
"""One for each scheduler and Pod under way is enough."""
_LEAST_BYTES = 1024
"""Shorter lists are read as quickly."""
_FIELD = b',"NodeNames":'


class NodeListCache:
    """``recognised`` counts the bodies whose names did not have to be read."""

    def __init__(self) -> None:
        self._kept: deque[tuple[bytes, Sequence[str]]] = deque(maxlen=_KEPT)
        self.recognised = 0

    def split(self, body: bytes) -> tuple[bytes, Sequence[str]] | None:
        """A body that ends with a list that is kept: the body without it, and the list.

        The rest is JSON only if the list was a field of the outermost object, so whatever the body is, the
        two together are wrong exactly if it is. O(bytes of the list), a comparison in C.
        """
        for tail, names in self._kept:
            if body.endswith(tail):
                self.recognised += 1
                return body[: -len(tail)] + b"}", names
        return None

    def received(self, body: bytes, names: Sequence[str]) -> None:
        """Keeps the list that a body ends with, if it is written as Go writes it."""
        start = body.rfind(_FIELD)
        if (
            start >= 0
            and len(body) - start >= _LEAST_BYTES
            and body[start + len(_FIELD) : -1] == _text(names)
        ):
            self._keep(body[start:], names)

    def sent(self, names: Sequence[str]) -> orjson.Fragment:
        """The list for an answer, encoded and kept. One that has come as it is goes out as it came."""
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
