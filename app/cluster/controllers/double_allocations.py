"""Detects that another allocator allocates the same devices: the in-tree plugin is enabled, or there is a
second extender. A resourceVersion protects one claim, not one device, so only a comparison of claims
shows it. A bind in progress aborts (see the binder); bound Pods stay, and an operator must act.
"""

import logging
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
        self._reported: set[_Clash] = set()
        self.seen = 0

    @property
    def now(self) -> int:
        """The number of devices that two claims hold now."""
        return len({device for device, _ in self._reported})

    def changed(self, key: ClaimKey) -> None:
        """Call this when a claim has changed. Cost: O(devices of the claim * their holders)."""
        claim = self._state.stored_claim(key)
        clashes: set[_Clash] = set()
        if claim is not None and claim.allocation is not None:
            found = double_allocations(self._state.taken, key, claim.allocation)
            clashes = {(rival.device, frozenset((key, rival.claim))) for rival in found}
        for device, claims in clashes - self._reported:
            self.seen += 1
            names = " and ".join(sorted("/".join(claim_key) for claim_key in claims))
            text = f"device {device} is allocated to ResourceClaims {names}: another allocator is active"
            log.warning("%s", text)
            for held in filter(None, map(self._state.stored_claim, sorted(claims))):
                self._warn(held, text)
        self._reported -= {clash for clash in self._reported if key in clash[1]}
        self._reported |= clashes
