"""Notices that another allocator gives devices away: the in-tree plugin left on, a second extender.

A resourceVersion guards one claim and not one device, so nothing but looking shows it. A bind that has not
ended gives way (see the binder); what is bound already stays, and somebody has to be told.
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
    """Logs, once each, devices that two claims hold. ``seen`` counts them.

    Args:
        warn: called for each of the two claims, with the text that is logged.
    """

    def __init__(
        self,
        state: State,
        warn: Callable[[ResourceClaim, str], None] = lambda _claim, _text: None,
    ) -> None:
        self._state = state
        self._warn = warn
        self._told: set[_Clash] = set()
        self.seen = 0

    @property
    def now(self) -> int:
        """How many devices are held by two claims now."""
        return len({device for device, _ in self._told})

    def changed(self, key: ClaimKey) -> None:
        """To be called when a claim has changed. O(devices it holds times their holders)."""
        claim = self._state.stored_claim(key)
        clashes: set[_Clash] = set()
        if claim is not None and claim.allocation is not None:
            found = double_allocations(self._state.taken, key, claim.allocation)
            clashes = {(rival.device, frozenset((key, rival.claim))) for rival in found}
        for device, claims in clashes - self._told:
            self.seen += 1
            names = " and ".join(sorted("/".join(claim_key) for claim_key in claims))
            text = f"device {device} was given to ResourceClaims {names}: another allocator is at work"
            log.warning("%s", text)
            for held in filter(None, map(self._state.stored_claim, sorted(claims))):
                self._warn(held, text)
        self._told -= {clash for clash in self._told if key in clash[1]}
        self._told |= clashes
