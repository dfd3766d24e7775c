"""Tasks of a list placed on its nodes, one after another.

Nodes in the same state are one entry, and the policy's result for a task there is kept: an arrival costs one
look at each state that some node is in, and a score only where task and state meet for the first time.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from app.core.simulation.arrivals import Event
from app.core.simulation.task_list import WHOLE, ListedNode, Task

_UNSEEN = (0.0, -1)


class NodeState(NamedTuple):
    """The free resources of a node: ``shares`` of each GPU in ascending order, those in use up with 0.

    ``guests`` are the kinds of tasks with GPUs that run there, in order: ``0`` for those that share one.
    """

    cpu: int
    memory: int
    shares: tuple[int, ...]
    model: str
    guests: tuple[int, ...] = ()

    @property
    def free(self) -> int:
        """The free share of all GPUs, in thousandths of one."""
        return sum(self.shares)

    @property
    def idle(self) -> int:
        """GPUs that no task uses."""
        return self.shares.count(WHOLE)

    def fits(self, task: Task) -> bool:
        """Whether the task may run there."""
        return (
            task.cpu <= self.cpu
            and task.memory <= self.memory
            and (
                not task.gpus
                or (
                    (not task.models or self.model in task.models)
                    and len(self.shares) >= task.gpus
                    and self.shares[-task.gpus] >= task.share
                )
            )
        )

    def after(self, task: Task, share: int) -> "NodeState":
        """With the task on it; on a GPU of which ``share`` is free, if it shares one."""
        if not task.gpus:
            return NodeState(self.cpu - task.cpu, self.memory - task.memory, *self[2:])
        if task.share == WHOLE:
            shares = (0,) * task.gpus + self.shares[: -task.gpus]
        else:
            rest = list(self.shares)
            rest.remove(share)
            insort(rest, share - task.share)
            shares = tuple(rest)
        guest = task.gpus if task.share == WHOLE else 0
        guests = self.guests if guest in self.guests else tuple(sorted((*self.guests, guest)))
        return NodeState(self.cpu - task.cpu, self.memory - task.memory, shares, self.model, guests)

    def choices(self, task: Task) -> list[int]:
        """What may be free of the GPU that a task gets: each amount once, in ascending order."""
        if not task.gpus or task.share == WHOLE:
            return [WHOLE]
        return sorted({share for share in self.shares if share >= task.share})


class ScoredNodes(NamedTuple):
    """Nodes that a task fits, all in one state, and how good they are: the higher the score the better.

    Args:
        share: what is free of the GPU that the task gets, where it shares one.
        ranks: the nodes, in order.
    """

    score: float
    share: int
    state: NodeState
    ranks: Sequence[int]


class ChosenNode(NamedTuple):
    """A node, and what is free of the GPU that the task gets there."""

    rank: int
    share: int


class TaskPolicy(Protocol):
    """Which node a task gets."""

    @property
    def name(self) -> str:
        """As in results."""

    def place(self, task: Task, state: NodeState) -> tuple[float, int]:
        """Score and share of a candidate. The result for a task and a state is kept."""

    def choose(self, task: Task, candidates: Sequence[ScoredNodes]) -> ChosenNode:
        """One of at least one candidates."""


def first_of_best(candidates: Sequence[ScoredNodes]) -> ChosenNode:
    """Of the nodes with the highest score the first. O(candidates)."""
    best = max(item.score for item in candidates)
    found = min((item for item in candidates if item.score == best), key=lambda item: item.ranks[0])
    return ChosenNode(found.ranks[0], found.share)


@dataclass(slots=True)
class PackingResult:
    """The result of the arrivals: Pods by kind, and by the percent of all GPUs requested, those allocated.

    ``allocated`` begins with -1, before anything comes.
    """

    policy: str
    seed: int
    placed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    allocated: dict[int, float] = field(default_factory=dict)
    mean: float = 0.0

    def at(self, percent: int) -> float:
        """Percent allocated when this percent had been requested: the last one measured up to there."""
        return self.allocated[max((item for item in self.allocated if item <= percent), default=-1)]


@dataclass(slots=True)
class _Node:
    cpu: int
    memory: int
    model: str
    gpus: list[int]
    guests: Counter[int]

    def state(self) -> NodeState:
        return NodeState(
            self.cpu, self.memory, tuple(sorted(self.gpus)), self.model, tuple(sorted(self.guests))
        )

    def put(self, task: Task, share: int) -> list[int]:
        """Puts a task on it; the GPUs that it gets, by position."""
        free = WHOLE if task.share == WHOLE else share
        given = [at for at, left in enumerate(self.gpus) if left == free][: task.gpus]
        self._change(task, given, -1)
        return given

    def remove(self, task: Task, given: Sequence[int]) -> None:
        self._change(task, given, 1)

    def _change(self, task: Task, given: Sequence[int], sign: int) -> None:
        self.cpu += sign * task.cpu
        self.memory += sign * task.memory
        for at in given:
            self.gpus[at] += sign * task.share
        if task.gpus:
            guest = task.gpus if task.share == WHOLE else 0
            self.guests[guest] -= sign
            if not self.guests[guest]:
                del self.guests[guest]


class Packing:
    """One run.

    Args:
        nodes: in the order in which the first among equals is taken.
    """

    def __init__(self, nodes: Sequence[ListedNode], policy: TaskPolicy, seed: int) -> None:
        self._policy = policy
        self._all = sum(node.gpus for node in nodes) * WHOLE
        self._nodes = [
            _Node(node.cpu, node.memory, node.model, [WHOLE] * node.gpus, Counter()) for node in nodes
        ]
        # States by number, in which some node is or was: numbers are found faster than states.
        self._numbers: dict[NodeState, int] = {}
        self._in_use: dict[int, tuple[NodeState, list[int]]] = {}
        for rank, item in enumerate(self._nodes):
            self._enter(item.state(), rank)
        self._kept: dict[Task, dict[int, tuple[float, int] | None]] = {}
        self._running: dict[int, tuple[int, list[int]]] = {}
        self.result = PackingResult(policy.name, seed)

    def run(self, events: Sequence[Event]) -> Iterator[int]:
        """Places what comes and removes what goes, with a pause after each: how many events are over.

        Then see ``result``. Allocation at a percentage is the mean over the arrivals at which that share,
        rounded, was requested; ``mean`` is that over all arrivals.
        """
        requested = used = 0
        sums: Counter[int] = Counter()
        counts: Counter[int] = Counter()
        for number, (pod, task, comes) in enumerate(events):
            if not comes:
                used -= self._depart(pod, task)
                yield number + 1
                continue
            requested += task.gpu
            if self._arrive(pod, task):
                used += task.gpu
                self.result.placed[task.kind] += 1
            else:
                self.result.refused[task.kind] += 1
            percent = round(100 * requested / self._all)
            sums[percent] += used
            counts[percent] += 1
            yield number + 1
        scale = 100 / self._all
        self.result.allocated = {-1: 0.0} | {
            percent: scale * sums[percent] / counts[percent] for percent in counts
        }
        self.result.mean = scale * sums.total() / counts.total() if counts else 0.0

    @property
    def running(self) -> Mapping[int, tuple[int, Sequence[int]]]:
        """The node of each running Pod, by its position, and the positions of its GPUs there."""
        return self._running

    def _arrive(self, pod: int, task: Task) -> bool:
        kept = self._kept.setdefault(task, {})
        found = []
        for number, (state, ranks) in self._in_use.items():
            placing = kept.get(number, _UNSEEN)
            if placing is _UNSEEN:
                placing = kept[number] = self._policy.place(task, state) if state.fits(task) else None
            if placing is not None:
                found.append(ScoredNodes(*placing, state, ranks))
        if not found:
            return False
        rank, share = self._policy.choose(task, found)
        node = self._nodes[rank]
        old = node.state()
        self._running[pod] = rank, node.put(task, share)
        self._move(rank, old, node.state())
        return True

    def _depart(self, pod: int, task: Task) -> int:
        """What becomes free of GPUs."""
        if pod not in self._running:
            return 0
        rank, given = self._running.pop(pod)
        node = self._nodes[rank]
        old = node.state()
        node.remove(task, given)
        self._move(rank, old, node.state())
        return task.gpu

    def _move(self, rank: int, old: NodeState, new: NodeState) -> None:
        number = self._numbers[old]
        ranks = self._in_use[number][1]
        ranks.remove(rank)
        if not ranks:
            del self._in_use[number]
        self._enter(new, rank)

    def _enter(self, state: NodeState, rank: int) -> None:
        number = self._numbers.setdefault(state, len(self._numbers))
        insort(self._in_use.setdefault(number, (state, []))[1], rank)
