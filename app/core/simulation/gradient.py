"""Policies that judge a node before and after: FGD as published, and the extender's own."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import exp

from app.core.scoring.expected_use import ExpectedUse, NodeRoom, PodDemand
from app.core.simulation.packing import ChosenNode, NodeState, ScoredNodes, first_of_best
from app.core.simulation.published import MAX_POINTS
from app.core.simulation.task_list import WHOLE, Task

_POPULAR = 0.95
"""The share of the tasks, of the most frequent kinds, that FGD considers."""
_DIGITS = 6
"""Sums of fractions differ after these."""
_Typical = tuple[float, int, int, int]


class Fgd:
    """Fragmentation Gradient Descent: the least more of free GPUs that a task of the list could not use.

    From the paper: what is free of a GPU is a fragment for a kind of task if the node lacks the CPU, the
    model or enough GPUs for it, or if the GPU has too little left. A node's fragmentation is the mean over
    the kinds, by how frequent they are. Memory does not count. Points are those of a sigmoid of the change.
    """

    name = "FGD"

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._frequency = _frequent(tasks)
        self._without = sum(part for (_, gpus, _, _), part in self._frequency.items() if not gpus)
        self._typical: dict[str, tuple[float, list[_Typical]]] = {}
        self._fragments: dict[tuple[str, int, tuple[int, ...]], float] = {}

    def place(self, task: Task, state: NodeState) -> tuple[float, int]:
        """The points of the best GPU; of those alike the first."""
        now = self.fragments(state)
        found = []
        for share in state.choices(task):
            then = self.fragments(state.after(task, share))
            found.append((float(int(MAX_POINTS / (1 + exp((then - now) / WHOLE)))), share))
        return max(found, key=lambda item: item[0])

    def choose(self, task: Task, candidates: Sequence[ScoredNodes]) -> ChosenNode:
        """The first with the most points."""
        del task
        return first_of_best(candidates)

    def fragments(self, state: NodeState) -> float:
        """Of what is free of the node's GPUs, in thousandths of one. Kept; O(kinds) for a new state."""
        key = state.model, state.cpu, state.shares
        found = self._fragments.get(key)
        if found is None:
            found = self._fragments[key] = self._measure(state)
        return found

    def _measure(self, state: NodeState) -> float:
        free = state.free
        if not free:
            return 0.0
        useless, kinds = self._kinds(state.model)
        sum_ = useless * free
        below: dict[int, int] = {}
        for part, cpu, gpus, share in kinds:
            if cpu > state.cpu or gpus > len(state.shares) or state.shares[-gpus] < share:
                sum_ += part * free
                continue
            lost = below.get(share)
            if lost is None:
                lost = below[share] = sum(left for left in state.shares if left < share)
            sum_ += part * lost
        return sum_

    def _kinds(self, model: str) -> tuple[float, list[_Typical]]:
        """How frequent tasks are that no GPU of the model is for, and the others."""
        found = self._typical.get(model)
        if found is None:
            kinds = [
                (part, cpu, gpus, share)
                for (cpu, gpus, share, models), part in self._frequency.items()
                if gpus and (not models or model in models)
            ]
            found = self._typical[model] = 1 - sum(item[0] for item in kinds), kinds
        return found


def _frequent(tasks: Iterable[Task]) -> dict[tuple[int, int, int, frozenset[str]], float]:
    """The most frequent kinds of task, which make 95 % of all, and how frequent they are among these."""
    counts = Counter((task.cpu, task.gpus, task.share, task.models) for task in tasks)
    ordered = sorted(
        counts.items(),
        key=lambda item: (item[1], item[0][0], item[0][2], item[0][1], sorted(item[0][3])),
        reverse=True,
    )
    found: dict[tuple[int, int, int, frozenset[str]], float] = {}
    for kind, count in ordered:
        if sum(found.values()) >= _POPULAR * counts.total():
            break
        found[kind] = float(count)
    total = sum(found.values())
    return {kind: count / total for kind, count in found.items()}


class ExpectedUsePolicy:
    """The least loss of what the Pods that come are expected to use: the extender's policy of that name."""

    name = "expected-use"

    def __init__(self, tasks: Iterable[Task]) -> None:
        counts = Counter(tasks)
        self._models = {task: "|".join(sorted(task.models)) for task in counts}
        self._named = {text: task.models for task, text in self._models.items()}
        self._use = ExpectedUse(
            PodDemand(task.cpu, task.memory, task.gpus, task.share, self._models[task], count)
            for task, count in counts.items()
        )
        self._matching: dict[str, dict[str, bool]] = {}

    def place(self, task: Task, state: NodeState) -> tuple[float, int]:
        """What the node is worth afterwards, less what it is worth now, of the best GPU."""
        now = self._worth(state)
        found = [
            (round(self._worth(state.after(task, share)) - now, _DIGITS), share)
            for share in state.choices(task)
        ]
        return max(found, key=lambda item: item[0])

    def choose(self, task: Task, candidates: Sequence[ScoredNodes]) -> ChosenNode:
        """The first of those that lose the least."""
        del task
        return first_of_best(candidates)

    def _worth(self, state: NodeState) -> float:
        matching = self._matching.get(state.model)
        if matching is None:
            matching = self._matching[state.model] = {
                text: state.model in models for text, models in self._named.items()
            }
        free = tuple([share for share in state.shares if share])
        return self._use.worth(NodeRoom(state.cpu, state.memory, free), matching)
