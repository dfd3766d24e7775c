"""Moves of running Pods, one after another: each takes a Pod off its node and places it on another one where
it fits at that time, so that each step is safe by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from app.core.dry_run.destinations import Destinations
from app.core.dry_run.movable import Movable
from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import paced, pause
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.preemption.victims import over_budget
from app.core.state.state import Key, State


@dataclass(frozen=True, slots=True)
class Move:
    """One Pod, the node that it leaves, and what it gets on which other node.

    ``before`` are its claims as they are allocated now.
    """

    pod: Pod
    source: str
    before: tuple[ResourceClaim, ...]
    answer: NodeResult


@dataclass(frozen=True, slots=True)
class MovedState:
    """A state that moves have led to."""

    state: State
    moves: tuple[Move, ...] = ()

    @property
    def moved(self) -> frozenset[str]:
        """UIDs of the Pods that have moved."""
        return frozenset(move.pod.meta.uid for move in self.moves)

    @property
    def where(self) -> frozenset[tuple[str, str]]:
        """What makes two states equal: which Pod was moved to which node."""
        return frozenset((move.pod.meta.uid, move.answer.node) for move in self.moves)

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes that a Pod has left or come to."""
        return frozenset(name for move in self.moves for name in (move.source, move.answer.node))


class Moves:
    """The moves that are possible from a state on.

    Each Pod moves once. Budgets hold for all moves together.
    """

    def __init__(self, state: State, movable: Movable, rules: Rules) -> None:
        self.start = MovedState(state)
        self.movable = movable
        self._rules = rules

    def of(self, step: MovedState, pod: Pod, nodes: Iterable[str]) -> Iterator[MovedState]:
        """The states after a move of this Pod to each of the nodes where it fits."""
        if over_budget([*(move.pod for move in step.moves), pod], self.movable.budgets):
            return
        before = tuple(self.claims(step.state, pod))
        state = self.without(step.state, pod)
        again = state.pods[pod.meta.key]
        evaluation = PodEvaluation(state, again, self._rules)
        if evaluation.unclaimed is not None:
            return
        for name in nodes:
            answer = evaluation.answer(name) if name != pod.node_name else None
            if answer is not None and answer.verdict == "fits":
                pause()
                after = state.fork()
                after.settle(again, answer.node, answer.settled, answer.amounts)
                yield MovedState(after, (*step.moves, Move(pod, pod.node_name, before, answer)))

    def _planned(self, step: MovedState, pod: Pod, node: str) -> MovedState | str:
        made = next(self.of(step, pod, [node]), None)
        return made or f"Pod {'/'.join(pod.meta.key)} does not fit on {node} (any more)"

    def followed(self, steps: Iterable[tuple[Key, str]]) -> Iterator[MovedState | str]:
        """The state after each of the moves that were planned before.

        The last item is why the next move is not possible (any more), if one is not.
        Cost: O(movable Pods), and a search for each step.
        """
        step = self.start
        left = {pod.meta.key: pod for pod in paced(self.movable.pods)}
        for number, (key, node) in enumerate(steps, 1):
            pod = left.pop(key, None)
            if pod is None:
                yield f"step {number}: Pod {'/'.join(key)} may not move (any more)"
                return
            made = self._planned(step, pod, node)
            if isinstance(made, str):
                yield f"step {number}: {made}"
                return
            step = made
            yield step

    def left(self, step: MovedState) -> list[Pod]:
        """The movable Pods that have not moved yet."""
        moved = step.moved
        return [pod for pod in paced(self.movable.pods) if pod.meta.uid not in moved]

    def claims(self, state: State, pod: Pod) -> list[ResourceClaim]:
        """The claims that the Pod gives back, as they are in this state."""
        keys = self.movable.claims[pod.meta.uid]
        return [claim for key in keys if (claim := state.claim(key)) is not None]

    def destinations(self, step: MovedState, nodes: Sequence[str]) -> Destinations:
        """Where Pods fit on these nodes in that state."""
        return Destinations(
            nodes,
            self._rules,
            lambda pod: self.claims(step.state, pod),
            lambda pod: self.without(step.state, pod),
        )

    def without(self, state: State, pod: Pod) -> State:
        """A fork in which the Pod waits for a node."""
        fork = state.fork()
        self.take_off(fork, pod)
        return fork

    def take_off(self, state: State, pod: Pod) -> None:
        """The Pod waits for a node again, and its claims are deallocated."""
        for key in self.movable.claims[pod.meta.uid]:
            claim = state.claim(key)
            if claim is not None:
                state.forget(key)
                state.upsert(replace(claim, allocation=None, reserved_for=()))
        state.upsert(replace(pod, node_name=""))

    def largest_first(self, pod: Pod) -> tuple[int, Key]:
        """Sorts Pods by the number of their devices."""
        return -self.devices(pod), pod.meta.key

    def smallest_first(self, pod: Pod) -> tuple[int, Key]:
        """The other way round."""
        return self.devices(pod), pod.meta.key

    def devices(self, pod: Pod) -> int:
        """How many devices the Pod holds."""
        claims = (self.start.state.claim(key) for key in self.movable.claims[pod.meta.uid])
        return sum(len(claim.allocation.devices) for claim in claims if claim and claim.allocation)
