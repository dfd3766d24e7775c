"""Policies as "Beware of Fragmentation" (USENIX ATC'23) compares them, by their names there.

Each node has a score of whole points from 0 to 100; of the nodes with the most points the first is taken.
A task that shares a GPU gets the one of which the least is free, unless the policy decides otherwise.
"""

from collections.abc import Sequence

from app.core.simulation.arrivals import Draw
from app.core.simulation.packing import ChosenNode, NodeState, ScoredNodes, first_of_best
from app.core.simulation.task_list import WHOLE, Task

MAX_POINTS = 100
_MOST_CPU, _MOST_GPU = 128_000, 8 * WHOLE
"""Of the largest node that the paper knows: amounts are seen as shares of these."""


class Random:
    """Any node that the task fits, and any GPU of it that does."""

    name = "Random"

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def place(self, task: Task, state: NodeState) -> tuple[float, int]:
        """All alike."""
        return 0.0, state.choices(task)[0]

    def choose(self, task: Task, candidates: Sequence[ScoredNodes]) -> ChosenNode:
        """Each node is as likely as each other."""
        at = int(self._draw() * sum(len(item.ranks) for item in candidates))
        for item in candidates:
            if at < len(item.ranks):
                break
            at -= len(item.ranks)
        fitting = [share for share in item.state.shares if share >= task.share] or [WHOLE]
        return ChosenNode(item.ranks[at], fitting[int(self._draw() * len(fitting))])


class _ByPoints:
    """A policy that gives points."""

    name = ""

    def place(self, task: Task, state: NodeState) -> tuple[float, int]:
        """Points, and the GPU of which the least is free."""
        return float(self._points(task, state)), state.choices(task)[0]

    def choose(self, task: Task, candidates: Sequence[ScoredNodes]) -> ChosenNode:
        """The first with the most points."""
        del task
        return first_of_best(candidates)

    def _points(self, task: Task, state: NodeState) -> int:
        raise NotImplementedError


class DotProduct(_ByPoints):
    """The request times what is free: the less the better (after Tetris, SIGCOMM'14)."""

    name = "DotProd"

    def _points(self, task: Task, state: NodeState) -> int:
        cpu = state.cpu / _MOST_CPU * task.cpu / _MOST_CPU
        gpu = state.free / _MOST_GPU * task.gpu / _MOST_GPU
        return int(MAX_POINTS * (1 - (cpu + gpu) / 2))


class Clustering(_ByPoints):
    """Tasks that ask for as many GPUs together (after Gandiva, OSDI'18); tasks without GPUs anywhere."""

    name = "GpuClustering"

    def _points(self, task: Task, state: NodeState) -> int:
        if not task.gpus:
            return 0
        quarter = MAX_POINTS // 4
        guest = task.gpus if task.share == WHOLE else 0
        if guest in state.guests:
            base = 3 * quarter if len(state.guests) == 1 else 2 * quarter
        else:
            base = 0 if state.guests else quarter
        return base + quarter * (_MOST_GPU - state.free) // _MOST_GPU


class GpuPacking(_ByPoints):
    """GPUs in use before idle ones, nodes in use before idle ones (after MLaaS, NSDI'22)."""

    name = "GpuPacking"

    def _points(self, task: Task, state: NodeState) -> int:
        if not task.gpus:
            return 0
        third, half = MAX_POINTS // 3, MAX_POINTS // 2
        if state.idle == len(state.shares):
            return max(third - state.idle, state.idle)
        taken = [share for share in state.shares if share >= task.share][: task.gpus]
        idle = taken.count(WHOLE)
        if idle:
            return max(half - idle, third)
        return max(MAX_POINTS - sum(share * 100 // WHOLE for share in taken) // 10, half)


class BestFit(_ByPoints):
    """The node of which the least stays free, over CPU and GPUs; points are spread over those there are."""

    name = "BestFit"

    def choose(self, task: Task, candidates: Sequence[ScoredNodes]) -> ChosenNode:
        """The first with the most points, once the worst has 0 and the best all."""
        del task
        points = [int(item.score) for item in candidates]
        lowest, spread = min(points), max(points) - min(points)
        scaled = [
            item._replace(score=(int(item.score) - lowest) * MAX_POINTS // spread if spread else 0.0)
            for item in candidates
        ]
        return first_of_best(scaled)

    def _points(self, task: Task, state: NodeState) -> int:
        left = (state.cpu - task.cpu) / _MOST_CPU * 0.5 + (state.free - task.gpu) / _MOST_GPU * 0.5
        return int((1 - left) * MAX_POINTS)
