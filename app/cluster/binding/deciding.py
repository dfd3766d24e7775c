"""A decision on what to bind, taken while others have the loop, and true when it is taken."""

import asyncio
from collections.abc import Callable

from app.core.pauses import InterruptedWorkError
from app.core.placement.decision import ClaimAllocation, Refused
from app.core.state.state import State
from app.event_loop.time_slice import Deadline, TimeSlice, at_once

Decision = tuple[ClaimAllocation, ...] | Refused


async def decide_unchanged(state: State, decide: Callable[[], Decision], seconds: float) -> Decision:
    """What is decided on the state as it is when this returns: nothing has changed since.

    If others have had the loop while it was decided, it is decided again, at once: what takes long, the
    selectors, is known by then.
    """
    clock = asyncio.get_running_loop().time
    revision = state.revision
    try:
        decision = await TimeSlice(clock).run(decide, Deadline(clock, seconds).expired)
        return decision if revision == state.revision else at_once(clock, decide)
    except InterruptedWorkError:
        return Refused("its devices could not be decided on in time; another attempt goes on from here")
