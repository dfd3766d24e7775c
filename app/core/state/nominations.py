"""Devices held for Pods that others were evicted for.

A hold lies on devices beside whatever claim has them still, so there is no moment between one owner and the
next. It counts as taken for everybody else, which keeps every kept answer right: a hold changes what is
taken as a claim does.
"""

from dataclasses import dataclass

from app.core.model.allocation import Allocation
from app.core.state.taken import ClaimKey


@dataclass(frozen=True, slots=True)
class Nomination:
    """What is held for a Pod on the node it was nominated to. ``pod`` is namespace and name."""

    pod: tuple[str, str]
    uid: str
    priority: int
    node: str
    allocations: tuple[tuple[ClaimKey, Allocation], ...]

    def yields_to(self, uid: str, priority: int) -> bool:
        """Whether a Pod may use the devices: the one they are held for, or a more important one."""
        return self.uid == uid or self.priority < priority
