"""A decision for a bind, computed while other tasks run, and valid when it returns."""

import asyncio
from collections.abc import Callable

from app.core.pauses import InterruptedWorkError
from app.core.placement.decision import ClaimAllocation, Refused
from app.core.state.state import State
from app.event_loop.time_slice import Deadline, TimeSlice, at_once

Decision = tuple[ClaimAllocation, ...] | Refused


async def decide_unchanged(state: State, decide: Callable[[], Decision], seconds: float) -> Decision:
    """Returns a decision on the state at the time of return.

    If other tasks ran during the computation, it computes again without a pause: by then the slow part,
    the selectors, is cached.
    """
    clock = asyncio.get_running_loop().time
    revision = state.revision
    try:
        decision = await TimeSlice(clock).run(decide, Deadline(clock, seconds).expired)
        return decision if revision == state.revision else at_once(clock, decide)
    except InterruptedWorkError:
        return Refused("allocating its devices timed out; the next attempt continues from here")
