"""A decision on devices, computed while other tasks run, and valid when it returns."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from app.core.pauses import InterruptedWorkError
from app.core.placement.decision import ClaimAllocation, Refused, amounts_of, decide_on
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.state.state import State
from app.event_loop.time_slice import Deadline, TimeSlice, at_once

Decision = tuple[ClaimAllocation, ...] | Refused
_TOO_LATE = "allocating its devices timed out; the next attempt continues from here"


async def decide_unchanged(state: State, decide: Callable[[], Decision], seconds: float) -> Decision:
    """Returns a decision on the state at the time of return.

    If the state changed during the computation, it computes again without a pause: by then the slow part,
    the selectors, is cached. If even that takes too long for one step, all begins again, until the time ends.
    """
    clock = asyncio.get_running_loop().time
    deadline = Deadline(clock, seconds)
    while True:
        revision = state.revision
        try:
            decision = await TimeSlice(clock).run_short(decide, deadline.expired)
        except InterruptedWorkError:
            return Refused(_TOO_LATE)
        if revision == state.revision:
            return decision
        with suppress(InterruptedWorkError):
            return at_once(clock, decide)


@dataclass(slots=True)
class DecidedNodes:
    """The nodes on which devices were found for one Pod, and why there are none on others.

    ``fitting`` has at most one node unless each claim is the Pod's own and not allocated yet: a claim that
    another Pod may share has to be allocated before that Pod is filtered. So it has if devices take something
    of the node.
    """

    fitting: dict[str, tuple[ClaimAllocation, ...]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def find(self, evaluation: PodEvaluation, nodes: Iterable[str], number: int) -> None:
        """Checks one node after another, until ``number`` fit. What was found before is dropped."""
        self.fitting.clear()
        self.refused.clear()
        for node in nodes:
            decision = decide_on(evaluation, node, None)
            if isinstance(decision, Refused):
                self.refused[node] = decision.message
                continue
            takes = bool(amounts_of(decision))
            if takes and self.fitting:
                continue
            self.fitting[node] = decision
            if (
                takes
                or len(self.fitting) == number
                or not all(item.is_undecided(evaluation.pod) for item in decision)
            ):
                return


async def decide_on_nodes(
    state: State, evaluation: PodEvaluation, nodes: Iterable[str], *, number: int, seconds: float
) -> DecidedNodes:
    """Up to ``number`` of the nodes, in order, each with devices for the Pod as if it were the only one.

    Valid at the time of return, see ``decide_unchanged``. If the time is short, these are fewer nodes. Cost:
    a search for each node that is checked.
    """
    nodes = tuple(nodes)
    clock = asyncio.get_running_loop().time
    deadline = Deadline(clock, seconds)

    def work(found: DecidedNodes) -> None:
        found.find(evaluation.renewed(state), nodes, number)

    while True:
        revision, found, is_late = state.revision, DecidedNodes(), False
        try:
            await TimeSlice(clock).run_short(partial(work, found), deadline.expired)
        except InterruptedWorkError:
            if not found.fitting:
                return DecidedNodes(refused=dict.fromkeys(nodes, _TOO_LATE))
            is_late = True
        if revision == state.revision:
            return found
        found = DecidedNodes()
        try:
            at_once(clock, partial(work, found))
        except InterruptedWorkError:
            if is_late or found.fitting:
                late = (node for node in nodes if node not in found.fitting)
                found.refused = dict.fromkeys(late, _TOO_LATE) | found.refused
                return found
        else:
            return found
