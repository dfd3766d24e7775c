"""Detects that another allocator allocates the same devices: the in-tree plugin is enabled, or there is a
second extender. A resourceVersion protects one claim, not one device, so only a comparison of claims
shows it. A bind in progress aborts (see the binder); bound Pods stay, and an operator must act.
"""

import logging
from collections import Counter
from collections.abc import Callable

from app.core.model.resource_claim import ResourceClaim
from app.core.model.resource_slice import DeviceId
from app.core.state.double_allocations import double_allocations
from app.core.state.state import State
from app.core.state.taken import ClaimKey

log = logging.getLogger(__name__)

_Clash = tuple[DeviceId, frozenset[ClaimKey]]


class ForeignAllocations:
    """Logs devices that two claims hold, once each. ``seen`` counts them.

    Args:
        warn: called for each of the two claims, with the logged text.
    """

    def __init__(
        self,
        state: State,
        warn: Callable[[ResourceClaim, str], None] = lambda _claim, _text: None,
    ) -> None:
        self._state = state
        self._warn = warn
        self._reported: dict[ClaimKey, set[_Clash]] = {}
        self._devices: Counter[DeviceId] = Counter()
        self.seen = 0

    @property
    def now(self) -> int:
        """The number of devices that two claims hold now."""
        return len(self._devices)

    def changed(self, key: ClaimKey) -> None:
        """Call this when a claim has changed. Cost: as of ``double_allocations``, for it and its rivals."""
        known, clashes = self._reported.get(key, set()), self._clashes(key)
        # A rival may still name this claim, or have another one next to it now.
        rivals = {name for _, claims in known - clashes for name in claims if name != key}
        clashes = clashes.union(*map(self._clashes, rivals))
        for clash in known - clashes:
            self._forget(clash)
        for device, claims in clashes:
            if (device, claims) not in self._reported.get(next(iter(claims)), ()):
                self._report((device, claims))

    def _clashes(self, key: ClaimKey) -> set[_Clash]:
        claim = self._state.stored_claim(key)
        if claim is None or claim.allocation is None:
            return set()
        found = double_allocations(self._state.taken, key, claim.allocation)
        return {(rival.device, frozenset((key, rival.claim))) for rival in found}

    def _report(self, clash: _Clash) -> None:
        device, claims = clash
        self.seen += 1
        self._devices[device] += 1
        names = " and ".join(sorted("/".join(key) for key in claims))
        text = f"device {device} is allocated to ResourceClaims {names}: another allocator is active"
        log.warning("%s", text)
        for key in sorted(claims):
            self._reported.setdefault(key, set()).add(clash)
            held = self._state.stored_claim(key)
            if held is not None:
                self._warn(held, text)

    def _forget(self, clash: _Clash) -> None:
        device, claims = clash
        self._devices[device] -= 1
        if not self._devices[device]:
            del self._devices[device]
        for key in claims:
            self._reported[key].discard(clash)
            if not self._reported[key]:
                del self._reported[key]
