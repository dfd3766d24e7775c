"""Which running Pods to move so that fragmentation falls below a bound: as few as possible.

The measure is that of the overview: of the free devices that the expected requests can use, the share on
nodes with too few of them. First a plan is built from the moves that lower it most: a few Pods of one node go
elsewhere. Then sequences of fewer moves are tried, all of them if there are few enough. Only then is the plan
called minimal.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from heapq import nsmallest

from app.core.dry_run.destinations import Destinations
from app.core.dry_run.gang import Outcome
from app.core.dry_run.movable import movable_pods
from app.core.dry_run.moves import MovedState, Moves
from app.core.dry_run.repack import MAX_MOVES, MAX_TRIES, NOT_ALL_CHECKED, Repack, unknown
from app.core.model.pod import Pod
from app.core.overview.fragmentation import Fragmentation
from app.core.pauses import InterruptedWorkError, paced, pause
from app.core.placement.rules import Rules
from app.core.state.state import Key, State

MAX_PRIORITY = 1_000_000_000
"""The highest priority that users can give. Pods above it are of the system, and stay."""
_MOST_OF_A_NODE = 4
"""Pods that leave a node together in one step of the plan."""
_SOURCES = 24
"""Groups of Pods of one node that are tried elsewhere in one round, those first that gain most by leaving."""
_TARGETS = 8
"""Nodes that are tried for a Pod, by their scores."""


@dataclass(frozen=True, slots=True)
class Defragmentation:
    """A plan, with fragmentation before and after it, 0 to 1 (see ``Sums.fragmentation``); None: not known.

    Without a plan, ``after`` is the lowest that was reached, with ``reached_by`` moves.
    """

    plan: Repack
    before: float | None
    after: float | None
    reached_by: int


def defragment(
    state: State,
    nodes: Sequence[str],
    rules: Rules,
    below: float,
    *,
    most: int = MAX_MOVES,
    visible: Callable[[str], bool] | None = None,
) -> Defragmentation:
    """Plans the fewest moves to ``nodes`` after which fragmentation is below ``below`` (0 to 1).

    Pods of the system stay, and those of namespaces that are not ``visible``. PodDisruptionBudgets count as
    in ``repack``. If it is interrupted, returns what is known until then.

    Cost: for each round of the plan a search for each node and kind of Pod; then at most ``MAX_TRIES`` moves.
    """
    goal = _Goal(tuple(nodes), rules, below, most)
    try:
        search = _Search.of(state, goal, visible)
    except InterruptedWorkError:
        return _nothing_known(_not_found(below))
    with suppress(InterruptedWorkError):
        search.run()
    return search.result()


def follow_defragmentation(
    state: State,
    nodes: Sequence[str],
    rules: Rules,
    below: float,
    steps: Sequence[tuple[Key, str]],
    *,
    visible: Callable[[str], bool] | None = None,
) -> Defragmentation:
    """Whether a plan still holds: each step possible in its turn, and fragmentation below the bound after it.

    Never ``minimal``. "impossible": ``text`` names the first step that is not possible, or the fragmentation.
    Cost: a search for each step.
    """
    goal = _Goal(tuple(nodes), rules, below, len(steps))
    try:
        search = _Search.of(state, goal, visible)
    except InterruptedWorkError:
        return _nothing_known(NOT_ALL_CHECKED)
    return search.followed(steps)


def _nothing_known(text: str) -> Defragmentation:
    """Where time was up before the Pods that may move were read, and the devices measured."""
    return Defragmentation(unknown(text), None, None, 0)


def _not_found(below: float) -> str:
    return f"no moves to fragmentation below {below:.1%} were found within the limits"


@dataclass(frozen=True, slots=True)
class _Goal:
    nodes: tuple[str, ...]
    rules: Rules
    below: float
    most: int


class _Search:
    def __init__(self, moves: Moves, goal: _Goal, measure: Fragmentation) -> None:
        self._moves = moves
        self._nodes = goal.nodes
        self._below = goal.below
        self._most = goal.most
        self._measure = measure
        self._before = measure.now()
        self._lowest = (self._before or 0.0, self._moves.start)
        self._best: tuple[float | None, MovedState] | None = None
        self._exhausted = False

    @classmethod
    def of(cls, state: State, goal: _Goal, visible: Callable[[str], bool] | None) -> "_Search":
        """Reads the Pods that may move, and measures the devices. Raises: InterruptedWorkError."""
        moves = Moves(state, movable_pods(state, MAX_PRIORITY, visible), goal.rules)
        return cls(moves, goal, Fragmentation(state, goal.rules))

    def run(self) -> None:
        """Finds the best plan; see ``result``."""
        if self._value(self._moves.start) < self._below:
            self._exhausted = True
            return
        self._build()
        self._try_fewer()

    def result(self) -> Defragmentation:
        """What is known, also before ``run`` has come to its end."""
        stays = self._moves.movable.stays
        value, lowest = self._lowest
        outcome: Outcome = "fits"
        if self._best is None:
            outcome = "impossible" if self._exhausted else "unknown"
            text = (
                f"no sequence of up to {self._most} moves leads to fragmentation below {self._below:.1%}"
                if self._exhausted
                else _not_found(self._below)
            )
            text += f"; {len(lowest.moves)} Pod(s) to move lead to {value:.1%}" if lowest.moves else ""
            plan = Repack(outcome, (), (), minimal=False, text=text, stays=stays)
            return Defragmentation(plan, self._before, value, len(lowest.moves))
        after, best = self._best
        moves = best.moves
        proof = "no fewer are enough" if self._exhausted else "fewer may be enough"
        text = (
            f"{len(moves)} Pod(s) to move: fragmentation falls from {self._before or 0:.1%} "
            f"to {after or 0:.1%}, {proof}"
            if moves
            else f"no Pod has to move: fragmentation is {after or 0:.1%}"
        )
        plan = Repack(outcome, moves, (), self._exhausted, text, stays)
        return Defragmentation(plan, self._before, after, len(moves))

    def followed(self, steps: Sequence[tuple[Key, str]]) -> Defragmentation:
        """See ``follow_defragmentation``."""
        step, stays = self._moves.start, self._moves.movable.stays
        outcome: Outcome = "fits"
        text = f"{len(steps)} Pod(s) to move, as planned"
        try:
            for made in self._moves.followed(steps):
                if isinstance(made, str):
                    outcome, text = "impossible", made
                    break
                step = made
            else:
                value = self._value(step)
                if value >= self._below:
                    outcome, text = "impossible", f"after these moves fragmentation is {value:.1%}"
        except InterruptedWorkError:
            outcome, text = "unknown", NOT_ALL_CHECKED
        after: float | None = None
        with suppress(InterruptedWorkError):
            after = self._measure.after(step.state, step.nodes)
        plan = Repack(outcome, step.moves, (), minimal=False, text=text, stays=stays)
        return Defragmentation(plan, self._before, after, len(step.moves))

    def _value(self, step: MovedState) -> float:
        """The fragmentation of a state. Keeps the state if it is the best, or the lowest so far."""
        pause()
        after = self._measure.after(step.state, step.nodes)
        value = after or 0.0
        moves = len(step.moves)
        if value < self._below and (self._best is None or moves < len(self._best[1].moves)):
            self._best = after, step
        if (value, moves) < (self._lowest[0], len(self._lowest[1].moves)):
            self._lowest = value, step
        return value

    def _build(self) -> None:
        """A plan in rounds: in each, groups of Pods go to where fragmentation is lowest then.

        Ends below the bound, at the limit of moves, or when no group of Pods of one node helps.
        """
        step = self._moves.start
        value = self._before or 0.0
        while value >= self._below and len(step.moves) < self._most:
            made = self._round(step, value)
            if made is step:
                return
            step, value = made, self._value(made)

    def _round(self, step: MovedState, value: float) -> MovedState:
        places = self._moves.destinations(step, self._nodes)
        touched: set[str] = set()
        made = step
        for pods in self._groups(step, value):
            if pods[0].node_name in touched or len(made.moves) + len(pods) > self._most:
                continue
            after = self._away(made, pods, places)
            if after is not None and (lower := self._value(after)) < value:
                made, value = after, lower
                touched |= after.nodes - step.nodes
                if value < self._below:
                    break
        return made

    def _groups(self, step: MovedState, value: float) -> list[list[Pod]]:
        """Pods of one node that could go together, the most promising ones first."""
        there: dict[str, list[Pod]] = {}
        for pod in self._moves.left(step):
            there.setdefault(pod.node_name, []).append(pod)
        rated: list[tuple[float, str, list[Pod]]] = []
        for node, pods in there.items():
            for order in (self._moves.smallest_first, self._moves.largest_first):
                rated += self._rated(step, value, node, sorted(pods, key=order)[:_MOST_OF_A_NODE])
        first = nsmallest(_SOURCES, paced(rated), key=lambda item: item[:2])
        return [pods for _, _, pods in first]

    def _rated(
        self, step: MovedState, value: float, node: str, pods: Sequence[Pod]
    ) -> Iterator[tuple[float, str, list[Pod]]]:
        """What fragmentation gains, for each Pod to move, if the first ones leave; the lowest is best."""
        state = step.state.fork()
        for number, pod in enumerate(pods, 1):
            pause()
            self._moves.take_off(state, pod)
            without = self._measure.after(state, {*step.nodes, node}) or 0.0
            yield (without - value) / number, node, list(pods[:number])

    def _away(self, step: MovedState, pods: Sequence[Pod], places: Destinations) -> MovedState | None:
        """The state after the Pods have gone elsewhere, each to where fragmentation is lowest then."""
        for pod in sorted(pods, key=self._moves.largest_first):
            targets = places.best_first(pod)[:_TARGETS]
            found = list(self._moves.of(step, pod, targets))
            if not found:
                return None
            step = min(found, key=lambda item: self._measure.after(item.state, item.nodes) or 0.0)
        return step

    def _try_fewer(self) -> None:
        """All sequences of fewer moves than the best plan, the shortest first, within ``MAX_TRIES``."""
        frontier = [self._moves.start]
        seen: set[frozenset[tuple[str, str]]] = set()
        most = min(self._most, len(self._moves.movable.pods))
        for length in range(1, most + 1):
            if self._best is not None and length >= len(self._best[1].moves):
                break
            following: list[MovedState] = []
            for step in frontier:
                for made in self._steps(step):
                    if made.where in seen:
                        continue
                    if len(seen) >= MAX_TRIES:
                        return
                    seen.add(made.where)
                    following.append(made)
                    if self._value(made) < self._below:
                        self._exhausted = True
                        return
            frontier = following
        self._exhausted = True

    def _steps(self, step: MovedState) -> Iterator[MovedState]:
        for pod in self._moves.left(step):
            yield from self._moves.of(step, pod, self._nodes)
