"""Overviews, kept until something has changed."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from app.api.history import History
from app.api.pending_reasons import NOT_EVALUATED, PendingReasons
from app.core.model.pod import Pod
from app.core.overview.overview import Overview, Overviewer, Question
from app.core.overview.pending import PodReason, waiting
from app.core.pauses import InterruptedWorkError
from app.core.placement.rules import Rules
from app.core.state.state import State
from app.event_loop.time_slice import Clock, Deadline, TimeSlice

_MAX_KEPT = 16
_EVALUATION_SECONDS = 2.0
"""Time for Pods that no filter has answered; with less, an answer has some that are not evaluated yet."""
_CHEAP_SECONDS = 0.05
_INCOMPLETE = (-1, -1)
_REST = 4
"""After an answer that took longer, it counts for as many times that long: at most a fifth of a core."""


@dataclass(slots=True, eq=False)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    seen: tuple[int, int] = _INCOMPLETE
    overview: Overview | None = None
    until: float = 0.0

    def keep(self, overview: Overview, seen: tuple[int, int], until: float) -> None:
        self.seen, self.overview, self.until = seen, overview, until


class Overviews:
    """Answers, one at a time for each question. ``made`` counts those that had to be computed."""

    def __init__(
        self,
        state: State,
        rules: Rules,
        history: History,
        clock: Clock,
        time_slice: Callable[[], TimeSlice],
    ) -> None:
        self._state = state
        self._history = history
        self._clock = clock
        self._time_slice = time_slice
        self._reasons = PendingReasons(state, rules, history)
        self._viewer = Overviewer(state, rules)
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._counting = asyncio.Lock()
        self._evaluated_until = 0.0
        self.made = 0

    @property
    def evaluations(self) -> int:
        """Kinds of Pods that were evaluated, as no filter had answered them."""
        return self._reasons.evaluations

    async def answer(self, question: Question) -> Overview:
        """The overview: of this moment, or the last one if it took long and is recent.

        Cost: nothing if nothing has changed, else see ``Overviewer.view``, in time slices.
        """
        kept = self._kept.setdefault(question, _Kept())
        self._kept.move_to_end(question)
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        async with kept.lock:
            seen = (self._state.revision, self._history.last)
            if kept.overview is not None and (kept.seen == seen or self._clock() < kept.until):
                return kept.overview
            # The counts are shared between questions, and a count must be complete before the next one.
            async with self._counting:
                time_slice = self._time_slice()
                overview = await self._made(question, time_slice)
            cpu = time_slice.cpu_seconds
            # What is not evaluated yet is for the next answer, even if nothing has changed then.
            complete = all(group.reason != NOT_EVALUATED for group in overview.pending)
            until = self._clock() + (_REST * cpu if cpu > _CHEAP_SECONDS else 0.0)
            kept.keep(overview, seen if complete else _INCOMPLETE, until)
            return overview

    async def sample(self, question: Question) -> Overview:
        """The overview of this moment, whose reasons of pending Pods are what is known of them already.

        Cost: see ``Overviewer.view``, in time slices. No Pod is evaluated for it.
        """
        async with self._counting:
            return await self._time_slice().run(lambda: self._viewer.view(question, self._reasons.of))

    def reason_of(self, pod: Pod) -> PodReason:
        """Why a pending Pod has no node, as far as that is known. Cost: O(claims)."""
        return self._reasons.of(pod)

    async def evaluate(self, namespace: str) -> None:
        """Finds the reasons of pending Pods that no filter has answered, as an overview does.

        Cost: nothing until some time after an evaluation that took long, as for overviews.
        """
        async with self._counting:
            if self._clock() < self._evaluated_until:
                return
            time_slice = self._time_slice()
            await self._evaluate(namespace, time_slice)
            cpu = time_slice.cpu_seconds
            self._evaluated_until = self._clock() + (_REST * cpu if cpu > _CHEAP_SECONDS else 0.0)

    async def _evaluate(self, namespace: str, time_slice: TimeSlice) -> None:
        deadline = Deadline(self._clock, _EVALUATION_SECONDS)
        pods = waiting(self._state, namespace)
        # What is missing at the end of the time is marked, and found out by later answers.
        with suppress(InterruptedWorkError):
            await time_slice.run(lambda: self._reasons.evaluate(pods), deadline.expired)

    async def _made(self, question: Question, time_slice: TimeSlice) -> Overview:
        self.made += 1
        await self._evaluate(question.namespace, time_slice)
        return await time_slice.run(lambda: self._viewer.view(question, self._reasons.of))
