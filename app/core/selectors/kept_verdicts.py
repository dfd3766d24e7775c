"""Verdicts that were expensive to evaluate, kept while devices of their shape exist: a retry continues."""

from weakref import WeakKeyDictionary, WeakSet

from app.core.cel.common.errors import CelRuntimeError
from app.core.model.device import DeviceShape
from app.core.pauses import emptied

Verdict = bool | CelRuntimeError

MAX_TOGETHER = 500_000
"""Verdicts of all selectors, some 100 MB: a tenant may have thousands of them, and all devices may differ."""


class KeptVerdicts:
    """The verdicts of one selector."""

    __slots__ = ("__weakref__", "_verdicts")

    def __init__(self) -> None:
        self._verdicts: WeakKeyDictionary[DeviceShape, Verdict] = WeakKeyDictionary()
        _every.add(self)

    def __len__(self) -> int:
        return len(self._verdicts)

    def get(self, shape: DeviceShape) -> Verdict | None:
        return self._verdicts.get(shape)

    def put(self, shape: DeviceShape, verdict: Verdict) -> None:
        """Keeps the verdict. Too many since the last time, and those of all selectors are forgotten."""
        _put[0] += 1
        if _put[0] > MAX_TOGETHER:
            _put[0] = 1
            for kept in list(_every):
                kept.forget()
        self._verdicts[shape] = verdict

    def forget(self) -> None:
        """Keeps nothing of what it has. Cost: O(verdicts), with pauses."""
        emptied(self._verdicts)


_every: WeakSet[KeptVerdicts] = WeakSet()
_put = [0]
