"""Devices reserved for Pods after a preemption.

A nomination exists in addition to the claim that still holds the devices, so that there is no gap between
the two owners. The devices count as taken for all others, which keeps cached verdicts valid: a nomination
changes the taken devices as a claim does.
"""

from dataclasses import dataclass

from app.core.model.allocation import Allocation
from app.core.state.taken import ClaimKey


@dataclass(frozen=True, slots=True)
class Nomination:
    """The devices reserved for a Pod on its nominated node. ``pod`` is namespace and name."""

    pod: tuple[str, str]
    uid: str
    priority: int
    node: str
    allocations: tuple[tuple[ClaimKey, Allocation], ...]

    def yields_to(self, uid: str, priority: int) -> bool:
        """Whether a Pod may use the devices: the nominated one, or one of higher priority."""
        return self.uid == uid or self.priority < priority
