"""The search for devices: depth first, with the preferences of the in-tree allocator, on an explicit stack.

One claim after the other, one request after the other, one device after the other, and back to the
last choice when there is no way on (allocateOne of k8s.io/dynamic-resource-allocation/structured).
The stack is a list instead of Python's, so depth is no limit.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum

from app.core.allocator.bounds import cannot_fit
from app.core.allocator.node_devices import USABLE, NodeDevices
from app.core.allocator.outcome import AllocationError, Limits, Reason
from app.core.allocator.partial_allocation import PartialAllocation
from app.core.allocator.plan import Alternative
from app.core.allocator.symmetry import Symmetry, depends_on_order, safe_requests
from app.core.model.resource_claim import MAX_DEVICES
from app.core.pauses import pause

PAUSE_STEPS = 256
"""Steps between two pauses. About a millisecond."""
_REMEMBER_AFTER = 64
"""Steps after which dead ends are remembered: a short search is over before that pays."""
_MAX_DEAD_ENDS = 20_000
"""Dead ends that are remembered: some 10 MB for a claim of 32 devices."""


class Outcome(Enum):
    """How an attempt ended. ``TOO_LARGE``: no device is at fault, the claim has room for too few."""

    FOUND = "found"
    FAILED = "failed"
    TOO_LARGE = "too large"


@dataclass(slots=True, eq=False)
class _Choice:
    """The choice among the subrequests of a request."""

    claim: int
    request: int
    alternatives: tuple[Alternative, ...]
    is_entry: bool = True
    tried: int = 0
    all_too_large: bool = True


@dataclass(slots=True, eq=False)
class _Pick:
    """The choice of one device for a request.

    ``count`` is how many the request has already, ``position`` the next device to check,
    ``chosen`` the one that is being tried, ``dead`` the kinds of devices that lead nowhere from here.
    ``is_entry``: the first choice of its request, so that its failure is evidence about the request.
    """

    claim: int
    request: int
    alternative: Alternative
    is_entry: bool
    count: int = 0
    position: int = 0
    chosen: int | None = None
    dead: set[Hashable] = field(default_factory=set)


def _must_try_all(node_devices: NodeDevices) -> bool:
    """Whether nothing may be left out: what old allocators forget depends on what they have tried."""
    plan = node_devices.plan
    if plan.channel.all_keeps_devices and any(
        alternative.takes_all and (alternative.is_subrequest or alternative.admin or alternative.constraints)
        for alternative in plan.alternatives
    ):
        return True
    if plan.channel.rescans and any(map(node_devices.shareable, range(len(node_devices.devices)))):
        return True
    if plan.channel.distinct in ("requests", "identity") and any(
        constraint.match_attribute is None for claim in plan.claims for constraint in claim.constraints
    ):
        return True
    return plan.channel.forgets_subrequest and any(
        alternative.takes_all and alternative.rank for alternative in plan.alternatives
    )


class Search:
    """One search on the devices of one node. Call ``run`` once; what was found is in ``partial``."""

    def __init__(self, node_devices: NodeDevices, limits: Limits) -> None:
        self._node_devices = node_devices
        self._limits = limits
        self.partial = PartialAllocation(node_devices)
        self.found = False
        self.steps = 0
        self._probes = 0
        self._next_pause = PAUSE_STEPS
        self._stack: list[_Choice | _Pick] = []
        self._symmetry: Symmetry | None = None
        self._dead_ends: set[Hashable] = set()
        self._is_plain = _must_try_all(node_devices)

    def run(self) -> None:
        """Searches, with a pause every PAUSE_STEPS steps. Afterwards ``found`` is the result.

        Raises:
            AllocationError: where in-tree Allocate returns an error, or a limit is reached.
        """
        result = self._enter(0, 0)
        while result is not Outcome.FOUND:
            if not self._stack:
                break
            frame = self._stack[-1]
            if result is not None:
                result = self._turn_back(frame, result)
            elif isinstance(frame, _Choice):
                result = self._next_subrequest(frame)
            elif frame.alternative.takes_all:
                result = self._next_member(frame)
            else:
                result = self._next_device(frame)
            if self.steps >= self._next_pause:
                self._next_pause = self.steps + PAUSE_STEPS
                pause()
        if result is Outcome.TOO_LARGE:
            raise AllocationError(Reason("TooManyDevices", f"a claim can hold {MAX_DEVICES} devices at most"))
        self.found = result is Outcome.FOUND

    def subrequests(self) -> dict[tuple[int, int], int]:
        """The rank of the subrequest that is chosen, by claim and request."""
        return {
            (frame.claim, frame.request): frame.tried - 1
            for frame in self._stack
            if isinstance(frame, _Choice)
        }

    def _enter(self, first_claim: int, request: int) -> Outcome | None:
        """Goes on to the next request that has to choose. None: the top of the stack is to choose."""
        claims, claim = self._node_devices.plan.claims, first_claim
        while True:
            self._count_step()
            if claim >= len(claims):
                return Outcome.FOUND
            if request >= len(claims[claim].requests):
                claim, request = claim + 1, 0
                continue
            if self._symmetry and self._dead_ends and self._symmetry.state(claim, request) in self._dead_ends:
                return Outcome.FAILED
            chosen = claims[claim].requests[request]
            if chosen.is_list:
                self._stack.append(_Choice(claim, request, chosen.alternatives))
                return None
            result = self._go_on(_Pick(claim, request, chosen.alternatives[0], is_entry=True))
            if result is not Outcome.FOUND:
                return Outcome.FAILED if result is Outcome.TOO_LARGE and claim > first_claim else result
            request += 1

    def _go_on(self, pick: _Pick) -> Outcome | None:
        """Puts a pick on the stack, unless its result is known at once. FOUND: the request is met."""
        number = self._node_devices.wanted[pick.alternative.index]
        if pick.alternative.takes_all and number == 0:
            return Outcome.FAILED
        if pick.count >= number:
            return Outcome.FOUND
        if number - pick.count > MAX_DEVICES - self.partial.sizes[pick.claim]:
            is_failure = self._node_devices.plan.channel.large_is_failure
            return Outcome.FAILED if is_failure else Outcome.TOO_LARGE
        self._stack.append(pick)
        return None

    def _next_subrequest(self, frame: _Choice) -> Outcome | None:
        if frame.tried >= len(frame.alternatives):
            return self._give_up(frame, Outcome.TOO_LARGE if frame.all_too_large else Outcome.FAILED)
        alternative = frame.alternatives[frame.tried]
        frame.tried += 1
        self._count_step()
        result = self._go_on(_Pick(frame.claim, frame.request, alternative, is_entry=False))
        if result is Outcome.FOUND:
            result = self._enter(frame.claim, frame.request + 1)
        return result

    def _next_member(self, frame: _Pick) -> Outcome | None:
        """All mode: there is one device to take next, or nothing."""
        position = self._node_devices.members[frame.alternative.index][frame.count]
        if (
            frame.chosen is not None
            or self.partial.in_use(frame.alternative, position)
            or not self._usable(frame.alternative, position)
            or self.partial.take(frame.alternative, position) is not None
        ):
            return self._give_up(frame, Outcome.FAILED)
        return self._chosen(frame, position)

    def _next_device(self, frame: _Pick) -> Outcome | None:
        """Tries the next device that can be taken, in their order in ``NodeDevices``."""
        partial, alternative, dead, symmetry = self.partial, frame.alternative, frame.dead, self._symmetry
        barrier, statuses = self._node_devices.barrier, self._node_devices.statuses[alternative.index]
        end = len(self._node_devices.devices) if barrier is None else barrier[0]
        for position in range(frame.position, end):
            self._probes += 1
            if not self._probes % PAUSE_STEPS:
                pause()
            if statuses[position].__class__ is str:
                continue  # known to be unusable, for whatever cause
            if partial.in_use(alternative, position) or not self._usable(alternative, position):
                continue
            if dead and symmetry is not None and symmetry.likeness(position) in dead:
                continue
            if partial.take(alternative, position) is None:
                return self._chosen(frame, position)
        if barrier is not None:
            raise AllocationError(barrier[1])
        return self._give_up(frame, Outcome.FAILED)

    def _usable(self, alternative: Alternative, position: int) -> bool:
        status = self._node_devices.status(alternative, position)
        if isinstance(status, Reason):
            raise AllocationError(status)
        return status is USABLE

    def _chosen(self, frame: _Pick, position: int) -> Outcome | None:
        """A device has been taken: on to the request's next device or to the next request."""
        frame.chosen, frame.position = position, position + 1
        self._count_step()
        alternative = frame.alternative
        start = 0 if self._restarts(alternative) else frame.position
        if alternative.takes_all and alternative.rank and self._node_devices.plan.channel.forgets_subrequest:
            alternative = self._node_devices.plan.claims[frame.claim].requests[frame.request].alternatives[0]
            start = 0
        result = self._go_on(
            _Pick(
                frame.claim,
                frame.request,
                alternative,
                is_entry=False,
                count=frame.count + 1,
                position=start,
                dead=set(frame.dead),
            )
        )
        if result is Outcome.FOUND:
            result = self._enter(frame.claim, frame.request + 1)
        return result

    def _restarts(self, alternative: Alternative) -> bool:
        """Whether the devices before the last one are tried again, as old allocators do."""
        channel = self._node_devices.plan.channel
        return channel.rescans and (self._is_plain or (alternative.admin and channel.admin_leaves_no_trace))

    def _turn_back(self, frame: _Choice | _Pick, result: Outcome) -> Outcome | None:
        """What was tried from this frame has failed. None: the frame may try something else."""
        if isinstance(frame, _Choice):
            frame.all_too_large = frame.all_too_large and result is Outcome.TOO_LARGE
            return None
        if self._symmetry is None and not self._is_plain:
            safe = safe_requests(self._node_devices)
            if cannot_fit(self._node_devices, safe):
                self._stack.clear()
                return Outcome.FAILED
            self._is_plain = depends_on_order(self._node_devices) or self._may_hide_error(safe)
            if not self._is_plain:
                self._symmetry = Symmetry(self._node_devices, self.partial)
        if frame.alternative.takes_all and self._node_devices.plan.channel.all_keeps_devices:
            return self._keep(frame)
        self.partial.undo()
        if result is Outcome.TOO_LARGE or frame.alternative.takes_all:
            return self._give_up(frame, result)
        if frame.chosen is not None and self._symmetry is not None:
            frame.dead.add(self._symmetry.likeness(frame.chosen))
        return None

    def _may_hide_error(self, safe: list[tuple[int, int]]) -> bool:
        """Whether All mode can keep a device on which a request would fail."""
        plan = self._node_devices.plan
        return plan.channel.all_keeps_devices and any(
            alternative.takes_all and (claim_index, request_index) not in safe
            for claim_index, claim in enumerate(plan.claims)
            for request_index, request in enumerate(claim.requests)
            for alternative in request.alternatives
        )

    def _keep(self, frame: _Pick) -> Outcome:
        """Turns back from a device of All mode as Kubernetes 1.33 does: it stays taken.

        So the request can never be met, and only what the search still tries on its way could matter.
        """
        self.partial.keep()
        if self._is_plain:
            return self._give_up(frame, Outcome.FAILED)
        self._stack.clear()
        return Outcome.FAILED

    def _give_up(self, frame: _Choice | _Pick, result: Outcome) -> Outcome:
        """Takes the frame off the stack. A claim that got too large is a plain failure to those before it."""
        self._stack.pop()
        if (
            frame.is_entry
            and result is Outcome.FAILED
            and self._symmetry is not None
            and self.steps > _REMEMBER_AFTER
            and len(self._dead_ends) < _MAX_DEAD_ENDS
        ):
            self._dead_ends.add(self._symmetry.state(frame.claim, frame.request))
        before = self._stack[-1].claim if self._stack else 0
        return Outcome.FAILED if frame.claim > before else result

    def _count_step(self) -> None:
        self.steps += 1
        if self.steps > self._limits.max_steps or self._probes > self._limits.max_probes:
            raise self._limit_reached(f"{self.steps} steps, {self._probes} devices checked")

    def _limit_reached(self, what: str) -> AllocationError:
        return AllocationError(Reason("SearchLimit", f"search limit: {what}", counts={"steps": self.steps}))
