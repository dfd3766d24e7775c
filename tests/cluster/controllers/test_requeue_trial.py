"""What a trial finds among many nodes."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from app.cluster.controllers.requeue_trial import RequeueTrial
from app.core.model.parse import parse
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.event_loop.time_slice import TURN_SECONDS, YIELD_SECONDS, Clock
from tests.cluster.virtual_time import in_virtual_time
from tests.node_allocatable import state_of
from tests.objects import claim, device, node, pod, slice_of

NODES = 3_000
_SECONDS = 0.0005
"""What a node costs whose pools are not known yet, twice as much as measured."""


@in_virtual_time
async def test_the_only_node_that_fits_is_found_though_it_is_the_last_of_thousands() -> None:
    clock = asyncio.get_running_loop()._counter  # type: ignore[attr-defined]

    def work(seconds: float) -> None:
        clock.now += seconds

    await find_the_last_node(work, cpu_clock=lambda: clock.now)


@in_virtual_time
async def test_filters_in_progress_come_first_and_do_not_count_as_the_time_of_a_trial() -> None:
    clock = asyncio.get_running_loop()._counter  # type: ignore[attr-defined]
    cpu, asked = 0.0, 0

    def work(seconds: float) -> None:
        nonlocal cpu
        clock.now += seconds
        cpu += seconds

    def filtering() -> bool:
        nonlocal asked
        asked += 1
        clock.now += YIELD_SECONDS  # which a filter takes
        return True

    await find_the_last_node(work, filtering, cpu_clock=lambda: cpu)
    # One turn of others for each slice of 2 ms.
    assert asked > NODES * _SECONDS / TURN_SECONDS / 2


async def find_the_last_node(
    work: Callable[[float], None], urgent: Callable[[], bool] = lambda: False, *, cpu_clock: Clock
) -> None:
    """A trial among nodes that each take ``work`` seconds, of which the last one alone has a device."""
    names = [f"n{number:04}" for number in range(NODES)]
    state = state_of(*map(node, names), slice_of(names[-1], device("d0")), claim("c"))
    answer = PodEvaluation.answer

    def slow(evaluation: PodEvaluation, name: str) -> NodeResult:
        work(_SECONDS)
        return answer(evaluation, name)

    trial = RequeueTrial(state, Rules(SelectorCache(), str), urgent, cpu_clock=cpu_clock)
    waits: Any = parse(pod("p", "c"))
    evaluation = await trial.ask(waits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PodEvaluation, "answer", slow)
        found = await trial.first_fit(evaluation, trial.nodes(0, everywhere=True))
    assert found is not None
    assert found.node == names[-1]
