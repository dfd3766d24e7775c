"""The outcomes of the search, and the limits of its work."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.core.allocator.evidence import NO_EVIDENCE, Evidence
from app.core.model.allocation import Allocation


@dataclass(frozen=True, slots=True)
class Reason:
    """Why devices could not be given, as data.

    ``code`` is one of the names in docs/allocator.md. ``claim`` is namespace/name, ``request`` the
    request or request/subrequest. ``counts`` is the number of devices that each cause excludes, and
    ``evidence`` the data behind it.
    """

    code: str
    message: str
    claim: str | None = None
    request: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict, hash=False)
    evidence: Evidence = NO_EVIDENCE


@dataclass(frozen=True, slots=True)
class Fits:
    """One allocation for each requested claim, in order.

    ``ranks`` has an entry for each request with subrequests that was met: the position of the
    chosen subrequest, 0 being the one that the user likes best.
    """

    allocations: tuple[Allocation, ...]
    steps: int = 0
    ranks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Misfit:
    """The claims cannot be met on this node as things are."""

    reasons: tuple[Reason, ...] = ()
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Invalid:
    """The input is wrong (or too much work): in-tree, Allocate returns an error."""

    reasons: tuple[Reason, ...]
    steps: int = 0


Outcome = Fits | Misfit | Invalid


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one search.

    ``max_steps`` counts what in-tree counts as NumAllocateOneInvocations, ``max_probes`` the devices
    checked: together they bound the time, whatever the claim. Deadlines are the matter of
    ``app.core.pauses``.
    """

    max_steps: int = 250_000
    max_probes: int = 5_000_000


class AllocationError(Exception):
    """Ends a search with ``Invalid``, or ``here`` with ``Misfit``: on this node only."""

    def __init__(self, reason: Reason, *, here: bool = False) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.here = here
