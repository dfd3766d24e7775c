"""What a trial finds among many nodes."""

import asyncio
from typing import Any

import pytest

from app.cluster.controllers.requeue_trial import RequeueTrial
from app.core.model.parse import parse
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.event_loop.time_slice import TURN_SECONDS, YIELD_SECONDS
from tests.cluster.virtual_time import in_virtual_time
from tests.node_allocatable import state_of
from tests.objects import claim, device, node, pod, slice_of

NODES = 3_000
_SECONDS = 0.0005
"""What a node costs whose pools are not known yet, twice as much as measured."""


@in_virtual_time
async def test_the_only_node_that_fits_is_found_though_it_is_the_last_of_thousands() -> None:
    names = [f"n{number:04}" for number in range(NODES)]
    state = state_of(*map(node, names), slice_of(names[-1], device("d0")), claim("c"))
    waits: Any = parse(pod("p", "c"))
    clock = asyncio.get_running_loop()._counter  # type: ignore[attr-defined]
    answer = PodEvaluation.answer

    def slow(evaluation: PodEvaluation, name: str) -> NodeResult:
        clock.now += _SECONDS
        return answer(evaluation, name)

    trial = RequeueTrial(state, Rules(SelectorCache(), str), cpu_clock=lambda: clock.now)
    evaluation = await trial.ask(waits)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PodEvaluation, "answer", slow)
        found = await trial.first_fit(evaluation, trial.nodes(0, everywhere=True))
    assert found is not None
    assert found.node == names[-1]


@in_virtual_time
async def test_filters_in_progress_come_first_and_do_not_count_as_the_time_of_a_trial() -> None:
    names = [f"n{number:04}" for number in range(NODES)]
    state = state_of(*map(node, names), slice_of(names[-1], device("d0")), claim("c"))
    clock = asyncio.get_running_loop()._counter  # type: ignore[attr-defined]
    cpu, asked = [0.0], [0]
    answer = PodEvaluation.answer

    def slow(evaluation: PodEvaluation, name: str) -> NodeResult:
        clock.now += _SECONDS
        cpu[0] += _SECONDS
        return answer(evaluation, name)

    def filtering() -> bool:
        asked[0] += 1
        clock.now += YIELD_SECONDS  # which a filter takes
        return True

    trial = RequeueTrial(state, Rules(SelectorCache(), str), filtering, cpu_clock=lambda: cpu[0])
    evaluation = await trial.ask(parse(pod("p", "c")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PodEvaluation, "answer", slow)
        found = await trial.first_fit(evaluation, trial.nodes(0, everywhere=True))
    assert found is not None
    assert found.node == names[-1]
    # One turn of others for each slice of 2 ms.
    assert asked[0] > NODES * _SECONDS / TURN_SECONDS / 2
